/**
 * What is said of a given model: settings (flags, environment, config) over the JSON file beside it. A key of that file is a setting `modelKey` here, made
 * one value by `describedModel`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { inputError, MOST } from '../../base/index.ts'
import type { ModelDescription } from '../../diffusion/files/index.ts'
import { pixelPair, predictionWord, readModelDescription } from '../../diffusion/files/index.ts'
import type { ForeignDenoiserOptions, ImageLayout } from '../../diffusion/index.ts'
import { IMAGE_LAYOUTS, TOLD_TIMES } from '../../diffusion/index.ts'
import { setting } from '../../tuners/index.ts'

const group = 'Data and model'

const inputName = (what: string) =>
  setting(z.string().min(1).nullable(), {
    group,
    description: `input of an ONNX model that is the ${what}; none: recognised`,
    default: null,
  })

/** Settings that describe a model, null: not said. */
export const describingShape = {
  modelJson: setting(z.string().min(1).nullable(), {
    group,
    description:
      'JSON file that describes the model, with keys prediction, pixels, time, timeScale, sigmaData, scheduler, output, layout, inputImage, inputTime, inputClass, input, classes, nullClass; none: NAME.model.json beside NAME.onnx, model.json in a folder, where there is one',
    default: null,
  }),
  modelPrediction: setting(predictionWord().nullable(), {
    group,
    description: 'what the given model predicts; none: what its scheduler file says, else what is measured',
    default: null,
  }),
  modelPixels: setting(pixelPair().nullable(), {
    group,
    description: 'range of the clean pixels that the given model was trained on; none: measured, -1,1 without data',
    default: null,
  }),
  modelTime: setting(z.enum(TOLD_TIMES).nullable(), {
    group,
    description:
      'what the given model is told at time t of 0..T-1: t, t + 1, t/T, T - 1 - t, 1 - t/T, log(signal²/noise²), log(sigma)/4, sigma; none: measured, index without data',
    default: null,
  }),
  sigmaData: setting(z.number().positive().nullable(), {
    group,
    description: 'deviation of the data that an EDM network is scaled by; none: .5',
    default: null,
  }),
  modelOutput: setting(z.string().min(1).nullable(), {
    group,
    description: 'output of an ONNX model that is its prediction, where it has several',
    default: null,
  }),
  modelLayout: setting(z.enum(IMAGE_LAYOUTS).nullable(), {
    group,
    description: 'where the images of an ONNX model have their channels, first or last; none: as its shapes say',
    default: null,
  }),
  inputImage: inputName('image'),
  inputTime: inputName('time'),
  inputClass: inputName('class'),
  input: setting(
    z
      .array(z.string().regex(/^.+=-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, 'must be NAME=NUMBER'))
      .max(MOST.entries)
      .nullable(),
    {
      group,
      description: 'numbers for further inputs of an ONNX model, which every entry of them is: guidance=2',
      default: null,
    },
  ),
  modelClasses: setting(z.int().min(1).max(MOST.classes).nullable(), {
    group,
    description: 'how many classes an ONNX model knows; none: as many as its one-hot input, or the data',
    default: null,
  }),
  nullClass: setting(z.int().min(0).max(MOST.classes).nullable(), {
    group,
    description:
      'the class of an ONNX model that stands for none (of one-hot rows the one past the last: zeros); none: not known',
    default: null,
  }),
  prompts: setting(z.string().min(1).nullable(), {
    group,
    description:
      'text file with a prompt a line: the classes of a text-to-image folder (unet/model.onnx, text_encoder/model.onnx, tokenizer/), and what clip-score rates by; lines [NAME], or a JSON object of lists, make sets of them',
    default: null,
  }),
  promptSet: setting(z.string().min(1).nullable(), {
    group,
    description: 'which of the named sets of the file of prompts; none: all (entropy: a lambda for each)',
    default: null,
  }),
  trustConvention: setting(z.boolean(), {
    group,
    description: 'take the model as it is described, though it fits another description better, or none',
    default: false,
  }),
}

/** Their names. */
export const DESCRIBING = Object.keys(describingShape) as (keyof typeof describingShape)[]

/** The settings, resolved. */
export interface DescribingConfig {
  readonly modelJson: string | null
  readonly modelPrediction: ModelDescription['prediction'] | null
  readonly modelPixels: ModelDescription['pixels'] | null
  readonly modelTime: ModelDescription['time'] | null
  readonly sigmaData: number | null
  readonly modelOutput: string | null
  readonly modelLayout: ImageLayout | null
  readonly inputImage: string | null
  readonly inputTime: string | null
  readonly inputClass: string | null
  readonly input: readonly string[] | null
  readonly modelClasses: number | null
  readonly nullClass: number | null
  readonly prompts: string | null
  /** Of its named sets; null: all. */
  readonly promptSet: string | null
  readonly trustConvention: boolean
  readonly timeScale: number | null
  readonly scheduler: string | null
}

/** What is said of the model at a path: the settings over the JSON file. @throws `model.description` */
export async function describedModel(path: string, config: Partial<DescribingConfig>): Promise<ModelDescription> {
  return describedBy(await fileOf(path, config.modelJson ?? null), config)
}

/** The settings over a description. */
function describedBy(file: ModelDescription, config: Partial<DescribingConfig>): ModelDescription {
  const given = Object.entries({
    prediction: config.modelPrediction,
    pixels: config.modelPixels,
    time: config.modelTime,
    timeScale: config.timeScale,
    sigmaData: config.sigmaData,
    scheduler: config.scheduler,
    output: config.modelOutput,
    layout: config.modelLayout,
    inputImage: config.inputImage,
    inputTime: config.inputTime,
    inputClass: config.inputClass,
    input: config.input && numbersNamed(config.input),
    classes: config.modelClasses,
    nullClass: config.nullClass,
  }).filter(([, value]) => value !== null && value !== undefined)
  return { ...file, ...Object.fromEntries(given) }
}

/** The same at once, for what is asked of a file before its job is opened. @throws `model.description` */
export function describedAtOnce(path: string, config: Partial<DescribingConfig>): ModelDescription {
  const place = descriptionPlace(path, config.modelJson ?? null)
  const text = existsSync(place) ? readFileSync(place, 'utf8') : null
  return describedBy(text === null ? {} : descriptionIn(text, place), config)
}

/** Numbers by name of `guidance=2`, .... @throws `model.description` where a name has several */
function numbersNamed(texts: readonly string[]): Readonly<Record<string, number>> {
  const named = texts.map((text): [string, number] => {
    const at = text.lastIndexOf('=')
    return [text.slice(0, at), Number(text.slice(at + 1))]
  })
  const twice = named.find(([name], i) => named.some(([other], j) => j < i && other === name))
  if (!twice) return Object.fromEntries(named)
  throw inputError(
    'model.description',
    `an input takes one number, but '${twice[0]}' has several in ${texts.join(',')}`,
  )
}

/** What of a description is of an ONNX file's inputs, outputs and classes. */
export type FileForm = Required<Pick<ForeignDenoiserOptions, 'inputs' | 'classes'>>

/** That of a description. */
export function fileFormOf({
  output,
  layout,
  inputImage: image,
  inputTime: time,
  inputClass,
  input: constants,
  classes,
  nullClass,
}: ModelDescription): FileForm {
  return {
    inputs: {
      ...(output !== undefined && { output }),
      ...(layout !== undefined && { layout }),
      ...(image !== undefined && { image }),
      ...(time !== undefined && { time }),
      ...(inputClass !== undefined && { class: inputClass }),
      ...(constants && { constants }),
    },
    classes: { ...(classes !== undefined && { classes }), ...(nullClass !== undefined && { nullClass }) },
  }
}

/** @throws `model.description` on a named file that is not there */
async function fileOf(path: string, named: string | null): Promise<ModelDescription> {
  const place = descriptionPlace(path, named)
  const text = await readFile(place, 'utf8').catch((cause: Error) => {
    if (named === null) return null
    throw inputError(
      'model.description',
      `a model's description must be a readable JSON file, '${named}' is none: ${cause.message}`,
      { cause },
    )
  })
  return text === null ? {} : descriptionIn(text, place)
}

const descriptionPlace = (path: string, named: string | null): string =>
  named ?? (path.endsWith('.onnx') ? path.replace(/\.onnx$/, '.model.json') : join(path, 'model.json'))

function descriptionIn(text: string, place: string): ModelDescription {
  const { scheduler, ...said } = readModelDescription(text, place)
  if (scheduler === undefined) return said
  return { ...said, scheduler: isAbsolute(scheduler) ? scheduler : join(dirname(place), scheduler) }
}
