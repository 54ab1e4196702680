/** Python that samples with a learned schedule as we do: the network in diffusers or ONNX Runtime, the steps by diffusers' scheduler. */
import { join } from 'node:path'
import type { ExportedForms } from '../../../diffusion/files/index.ts'
import { SCHEDULE_FILES } from '../../../diffusion/files/index.ts'
import type { DenoiserInputs } from '../../../diffusion/index.ts'
import type { PythonNetwork } from '../../reporting/context.ts'

export interface PythonSampling {
  readonly forms: Pick<ExportedForms, 'plain' | 'steps'>
  readonly network: PythonNetwork
  /** [channels, height, width]. */
  readonly imageShape: readonly number[]
  /** The run folder. */
  readonly run: string
  /** The schedule's folder within it. */
  readonly folder: string
}

/** Images drawn, where a file does not decide it. */
const COUNT = 16

/** The code, or null where diffusers has no scheduler for it. */
export function pythonCode({ forms, network, imageShape, run, folder }: PythonSampling): string | null {
  const loop = loopOf(forms, folder)
  if (!loop) return null
  const count = countOf(network)
  const { classes } = network
  const lines = [
    ...importsOf(network, loop.scheduler),
    '',
    `run = ${text(run)}`,
    ...(classes === undefined ? [] : [`classes = ${classesOf(network, classes, count)}`]),
    ...(network.kind === 'onnx'
      ? onnxCall(network, count)
      : ['unet = UNet2DModel.from_pretrained(f"{run}/model/unet").eval()']),
    `scheduler = ${loop.scheduler}.from_pretrained(f"{run}/${loop.path}")`,
    ...loop.set,
    `x = torch.randn(${[count, ...imageShape].join(', ')})${loop.scaled ? ' * (scheduler.sigmas[0] ** 2 + 1) ** 0.5' : ''}`,
    'with torch.no_grad():',
    `    ${loop.head}`,
    `        output = ${calledAt(network, loop.scaled ? 'scheduler.scale_model_input(x, t)' : 'x', loop.time)}`,
    `        x = scheduler.step(output, t, x${loop.stepArguments}).prev_sample`,
  ]
  return lines.join('\n')
}

interface Loop {
  readonly scheduler: string
  readonly path: string
  /** Lines that give the scheduler its steps. */
  readonly set: readonly string[]
  readonly head: string
  /** What the network is told, a tensor. */
  readonly time: string
  readonly stepArguments: string
  /** Whether the class keeps x/signal. */
  readonly scaled: boolean
}

/** By the plain form where there is one: the times that the scheduler names are those that the network is told. */
function loopOf({ plain, steps }: PythonSampling['forms'], folder: string): Loop | null {
  if (plain) {
    const { config, timesteps, scaled } = plain
    const told = timesteps ? `timesteps=${list(timesteps)}` : String(config._sampling_steps)
    return {
      scheduler: String(config._class_name),
      path: folder,
      set: [`scheduler.set_timesteps(${told})`],
      head: 'for t in scheduler.timesteps:',
      time: 't',
      stepArguments: '',
      scaled,
    }
  }
  if (!steps) return null
  const { told, scaled } = steps
  const count = steps.config._sampling_steps
  const words = Object.entries(steps.stepArguments).map(
    ([name, value]) => `, ${name}=${value === true ? 'True' : value}`,
  )
  return {
    scheduler: String(steps.config._class_name),
    path: join(folder, SCHEDULE_FILES.perStep),
    set: [`told = ${list(told)}`, `scheduler.set_timesteps(${told.length === count ? 'len(told)' : count})`],
    head: 'for t, time in zip(scheduler.timesteps, told):',
    // A number would be cut to an integer.
    time: 'torch.tensor(time)',
    stepArguments: words.join(''),
    scaled,
  }
}

const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`

/** A string in Python: JSON's escapes are Python's. */
const text = (value: string): string => JSON.stringify(value)

function importsOf({ kind }: PythonNetwork, scheduler: string): string[] {
  if (kind === 'onnx')
    return ['import numpy as np', 'import onnxruntime', 'import torch', `from diffusers import ${scheduler}`]
  return ['import torch', `from diffusers import UNet2DModel, ${scheduler}`]
}

function calledAt({ kind, classes }: PythonNetwork, x: string, time: string): string {
  if (kind === 'onnx') return `unet(${x}, ${time})`
  return `unet(${x}, ${time}${classes === undefined ? '' : ', class_labels=classes'}).sample`
}

/** In turn; of somebody's file the first one, as the page's command draws it: a file does not say how many it has. */
function classesOf(network: PythonNetwork, classes: number, count: number): string {
  const given = network.kind === 'onnx' && !network.inRun
  return given ? `torch.zeros(${count}, dtype=torch.int64)` : `torch.arange(${count}) % ${classes}`
}

/** A file made for some number of images takes no other. */
function countOf(network: PythonNetwork): number {
  if (network.kind !== 'onnx') return COUNT
  const { image, time, classes } = network.inputs
  // A time of one entry may be one time for all.
  const timeBatch = time.shape[0] === 1 ? undefined : time.shape[0]
  const fixed = [image.shape[0], timeBatch, classes?.shape[0]].find((extent) => typeof extent === 'number')
  return typeof fixed === 'number' ? fixed : COUNT
}

function onnxCall({ path, inRun, inputs, timeScale }: PythonNetwork & { kind: 'onnx' }, count: number): string[] {
  const { image, time, classes, output } = inputs
  const shape = time.shape.map((extent, axis) => (typeof extent === 'number' ? extent : axis === 0 ? count : 1))
  const scaled = timeScale === 1 ? '' : ` * ${timeScale}`
  const toldTime = time.dtype.startsWith('int') ? 'int(time)' : `float(time)${scaled}`
  const feeds = [
    `${text(image.name)}: x.numpy()`,
    `${text(time.name)}: np.full(${list(shape)}, ${toldTime}, np.${time.dtype})`,
    ...(classes ? [`${text(classes.name)}: classes.numpy().astype(np.${classes.dtype})`] : []),
  ]
  const file = inRun ? `f"{run}/${path}"` : text(path)
  return [
    `network = onnxruntime.InferenceSession(${file}, providers=["CPUExecutionProvider"])`,
    '',
    'def unet(x, time):',
    `    feeds = {${feeds.join(', ')}}`,
    `    return torch.from_numpy(network.run([${text(output)}], feeds)[0])`,
    '',
  ]
}

/** Inputs of `unet/model.onnx`, as `exportOnnx` writes it. */
export function ownInputs(times: 'integer' | 'real', conditional: boolean): DenoiserInputs {
  return {
    image: { name: 'sample', dtype: 'float32', shape: ['batch', 'c', 'h', 'w'] },
    time: { name: 'timestep', dtype: times === 'integer' ? 'int64' : 'float32', shape: ['batch'] },
    classes: conditional ? { name: 'class_labels', dtype: 'int64', shape: ['batch'] } : null,
    output: 'out_sample',
  }
}
