/** Python that samples with a learned schedule as we do: the network in diffusers or ONNX Runtime, the steps by diffusers' scheduler. */
import { join } from 'node:path'
import type { ExportedForms, SchedulerConfig } from '../../diffusion/files/index.ts'
import { OWN_CLASS, ownClassFolder, SCHEDULE_FILES } from '../../diffusion/files/index.ts'
import type { DenoiserInputs } from '../../diffusion/index.ts'
import type { PythonNetwork } from './context.ts'
import { countOf, onnxCall } from './pythonOnnx.ts'
import {
  picturesOf,
  pipelineCall,
  pipelineClasses,
  pipelineLines,
  promptLines,
  promptOfEach,
} from './pythonPipeline.ts'
import { list, text, within } from './pythonText.ts'

export interface PythonSampling {
  readonly forms: Pick<ExportedForms, 'plain' | 'steps' | 'ownClass'>
  readonly network: PythonNetwork
  /** [channels, height, width]. */
  readonly imageShape: readonly number[]
  /** The run folder, or the model's. */
  readonly run: string
  /** The schedule's folder within it; null: it was not saved, and the code itself holds the scheduler's config. */
  readonly folder: string | null
  /** Images drawn, where a file does not decide it. Default 16. */
  readonly count?: number
  /** Class of all images; default: the classes in turn. */
  readonly class?: number
  /** Of classifier-free guidance towards it, where there is a null class. Default none. */
  readonly guidanceScale?: number | null
}

const COUNT = 16

/** The code, or null where diffusers has no scheduler for it. */
export function pythonCode(asked: PythonSampling): string | null {
  const { network, imageShape, run, count: wanted = COUNT } = asked
  if (network.kind === 'none') return null
  const loop = loopOf(asked)
  if (!loop) return null
  const count = countOf(network, wanted)
  const lines = [
    ...importsOf(network, loop),
    '',
    `run = ${text(run)}`,
    ...(network.kind === 'pipeline' && network.folder !== undefined ? [`model = ${text(network.folder)}`] : []),
    ...classLines(network, count, asked),
    ...networkLines(network, count),
    ...loop.make,
    ...loop.set,
    `x = torch.randn(${[count, ...imageShape].join(', ')})${loop.scaled ? ' * (scheduler.sigmas[0] ** 2 + 1) ** 0.5' : ''}`,
    'with torch.no_grad():',
    `    ${loop.head}`,
    ...outputLines(asked, loop),
    `        x = scheduler.step(output, t, x${loop.stepArguments}).prev_sample`,
    ...(network.kind === 'pipeline' ? picturesOf(network) : []),
  ]
  return lines.join('\n')
}

function networkLines(network: PythonNetwork, count: number): string[] {
  switch (network.kind) {
    case 'pipeline':
      return pipelineLines(network, count)
    case 'onnx':
      return onnxCall(network, count)
    case 'UNet2DModel':
      return [`unet = UNet2DModel.from_pretrained(${within(network.path ?? 'model/unet')}).eval()`]
    case 'none':
      return []
  }
}

interface Loop {
  readonly scheduler: string
  /** Lines that make it. */
  readonly make: readonly string[]
  /** Lines that give the scheduler its steps. */
  readonly set: readonly string[]
  readonly head: string
  /** What the network is told, a tensor. */
  readonly time: string
  readonly stepArguments: string
  /** Whether the class keeps x/signal. */
  readonly scaled: boolean
}

/**
 * By the plain form where there is one: the times that the scheduler names are those that the network is told. In code that holds the config the N
 * betas of a loop come first, as a plain form has T of them.
 */
function loopOf({ forms: { plain, steps, ownClass }, folder }: PythonSampling): Loop | null {
  const short = plain && (folder !== null || plain.sigmas !== null)
  if (plain && short) {
    const { config, timesteps, sigmas, scaled } = plain
    const lists = [sigmas && `sigmas=${list(sigmas)}`, timesteps && `timesteps=${list(timesteps)}`]
    const told = lists.flatMap((given) => given || []).join(', ')
    return {
      ...PLAIN_LOOP,
      scheduler: String(config._class_name),
      make: made(config, folder),
      set: [`scheduler.set_timesteps(${told || config._sampling_steps})`],
      scaled,
    }
  }
  if (steps) {
    const { told, scaled } = steps
    const count = steps.config._sampling_steps
    const words = Object.entries(steps.stepArguments).map(
      ([name, value]) => `, ${name}=${value === true ? 'True' : value}`,
    )
    return {
      scheduler: String(steps.config._class_name),
      make: made(steps.config, folder && join(folder, SCHEDULE_FILES.perStep)),
      set: [`told = ${list(told)}`, `scheduler.set_timesteps(${told.length === count ? 'len(told)' : count})`],
      head: 'for t, time in zip(scheduler.timesteps, told):',
      // A number would be cut to an integer.
      time: 'torch.tensor(time)',
      stepArguments: words.join(''),
      scaled,
    }
  }
  if (!ownClass) return null
  const inside = folder && join(folder, SCHEDULE_FILES.ownClass)
  return {
    ...PLAIN_LOOP,
    scheduler: OWN_CLASS.name,
    make: [
      `sys.path.insert(0, ${inside === null ? text(ownClassFolder()) : within(inside)})`,
      `from ${OWN_CLASS.module} import ${OWN_CLASS.name}`,
      ...made(ownClass.config, inside),
    ],
    set: ['scheduler.set_timesteps(scheduler.steps)'],
    scaled: false,
  }
}

const PLAIN_LOOP = { head: 'for t in scheduler.timesteps:', time: 't', stepArguments: '' } as const

/** A scheduler from its folder within the run, or from its config. */
function made(config: SchedulerConfig, folder: string | null): string[] {
  const name = String(config._class_name)
  if (folder !== null) return [`scheduler = ${name}.from_pretrained(${within(folder)})`]
  const fields = Object.entries(config).filter(([field]) => !field.startsWith('_'))
  return [`scheduler = ${name}(`, ...fields.map(([field, value]) => `    ${field}=${literal(value)},`), ')']
}

/** A value of JSON in Python. */
function literal(value: unknown): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  return JSON.stringify(value)
}

function importsOf(network: PythonNetwork, { scheduler }: Loop): string[] {
  const { kind } = network
  const own = scheduler === OWN_CLASS.name
  const parts = kind === 'pipeline' ? pipelineClasses(network) : null
  const classes = parts?.diffusers ?? (kind === 'onnx' ? [] : ['UNet2DModel'])
  const ofDiffusers = [...classes, ...(own ? [] : [scheduler])].toSorted()
  const ofTransformers = parts?.transformers ?? []
  return [
    ...(own ? ['import sys', ''] : []),
    ...((parts ? parts.onnx : kind === 'onnx') ? ['import numpy as np', 'import onnxruntime'] : []),
    'import torch',
    ...(ofDiffusers.length > 0 ? [`from diffusers import ${ofDiffusers.join(', ')}`] : []),
    ...(ofTransformers.length > 0 ? [`from transformers import ${ofTransformers.join(', ')}`] : []),
  ]
}

/** The network's output; guided: moved away from that of no class. */
function outputLines({ network, imageShape, guidanceScale: scale = null }: PythonSampling, loop: Loop): string[] {
  const half = network.learnsVariance ? `[:, :${imageShape[0]}]` : ''
  const called = (classes: string) =>
    `${calledAt(network, loop.scaled ? 'scheduler.scale_model_input(x, t)' : 'x', loop.time, classes)}${half}`
  const isGuided = scale !== null && scale !== 1 && network.nullClass !== undefined
  if (!isGuided) return [`        output = ${called('classes')}`]
  return [
    `        none = ${called(`torch.full_like(classes, ${network.nullClass})`)}`,
    `        output = none + ${scale} * (${called('classes')} - none)`,
  ]
}

function calledAt(network: PythonNetwork, x: string, time: string, labels: string): string {
  const { kind, classes } = network
  if (kind === 'pipeline') return pipelineCall(network, x, time, labels)
  if (kind === 'onnx') return `unet(${x}, ${time}${labels === 'classes' ? '' : `, ${labels}`})`
  return `unet(${x}, ${time}${classes === undefined ? '' : `, class_labels=${labels}`}).sample`
}

/** In turn, or all of one; of somebody's file the first one, as the page's command draws it: a file does not say how many it has. */
function classLines(network: PythonNetwork, count: number, { class: wanted }: PythonSampling): string[] {
  const { classes, nullClass } = network
  if (classes === undefined) return []
  if (network.kind === 'pipeline' && network.text)
    return [...promptLines(network.text), promptOfEach(network, count, wanted)]
  const unknown = network.kind === 'onnx' && !network.inRun
  const one = wanted ?? (unknown ? 0 : undefined)
  const given = one === undefined ? `torch.arange(${count}) % ${classes}` : `torch.full((${count},), ${one})`
  const known = unknown ? '' : `  # 0 to ${classes - 1}`
  const none = nullClass === undefined ? '' : `${known === '' ? '  # ' : '; '}${nullClass} stands for no class`
  return [`classes = ${given}${known}${none}`]
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

/** Whether a network of diffusers predicts its variance too: it has twice the channels of its image. */
export const learnsVariance = (config: Readonly<Record<string, unknown>>): boolean =>
  config.out_channels === 2 * Number(config.in_channels)
