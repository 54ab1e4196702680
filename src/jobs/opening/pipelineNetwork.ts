/** The parts of an opened pipeline as Python calls them: by class where a part's weights lie beside its config. */
import { stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { readJson } from '../../diffusion/files/index.ts'
import type { PythonNetwork } from '../reporting/context.ts'
import type { ClassPart } from '../reporting/pipelineParts.ts'
import { pythonTime } from '../reporting/pythonTime.ts'
import type { OpenedModel, OpenedPipeline } from './openedModel.ts'

/** Files that a class of diffusers or transformers takes its weights from. */
const WEIGHTS = ['diffusion_pytorch_model', 'model'].flatMap((name) => [
  `${name}.safetensors`,
  `${name}.safetensors.index.json`,
])

/** Null: its network is told or gives what takes more than a few lines there. */
export async function pipelineNetwork(
  { convention, conditional, classes, classNames, nullClass, sampling }: OpenedModel,
  { folder, files, inputs, encoder: form, scale }: OpenedPipeline,
): Promise<PythonNetwork | null> {
  const time = pythonTime(convention)
  if (!time) return null
  const file = (path: string) => ({ kind: 'onnx', path: relative(folder, path) }) as const
  const isPlain = time.timeScale === 1 && time.timeOffset === undefined
  const { unet, text, decoder } = files
  return {
    kind: 'pipeline',
    unet: (isPlain && (await byClass(folder, 'unet'))) || { ...file(unet), inputs, ...time },
    text: text &&
      form && {
        prompts: classNames ?? [],
        encoder: (await byClass(folder, 'text_encoder')) ?? file(text.encoder),
        form,
      },
    decoder: decoder !== null && scale ? { part: (await byClass(folder, 'vae')) ?? file(decoder), scale } : null,
    classes: conditional ? (classes ?? 1) : undefined,
    nullClass,
    learnsVariance: sampling.learnedVariance,
  }
}

/** A part by its class; null: its config names none, or its weights are not there. */
async function byClass(folder: string, part: string): Promise<ClassPart | null> {
  const config = join(folder, part, 'config.json')
  const there = await Promise.all(WEIGHTS.map((file) => isThere(join(folder, part, file))))
  if (!there.includes(true) || !(await isThere(config))) return null
  const { _class_name: ofDiffusers, architectures } = await readJson(config)
  const name = ofDiffusers ?? (Array.isArray(architectures) ? architectures[0] : null)
  return typeof name === 'string' && /^[A-Za-z]\w*$/.test(name) ? { kind: 'class', name, path: part } : null
}

const isThere = (path: string): Promise<boolean> => stat(path).then(Boolean, () => false)
