/** What a model is: its images, its levels, how its file is called, and the convention it keeps, with the figures of every one that was tried. */
import { join } from 'node:path'
import { BilevelError } from '../../base/index.ts'
import type { DenoiserConvention } from '../../diffusion/index.ts'
import { conventionWords } from '../../diffusion/index.ts'
import { modelFileHash, readOnnxModel } from '../../files/index.ts'
import { textTable } from '../../report/index.ts'
import type { Json } from '../../runs/index.ts'
import { readEvents } from '../../runs/index.ts'
import { bestText } from '../bestText.ts'
import { bestLambda } from '../entropy/lines.ts'
import type { Best, BestOfSets } from '../job.ts'
import { recordJson, wordsOf } from '../opening/conventionRecord.ts'
import { isModelFile } from '../opening/modelFile.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { openModelAt } from '../opening/openModel.ts'
import { requirePromptsTaken } from '../opening/promptsUsed.ts'
import { runRecordOf } from '../opening/runRecord.ts'
import { sharedData } from '../opening/sharedData.ts'
import type { ShownOnnx } from './onnxFile.ts'
import { describedFile, shownOnnx } from './onnxFile.ts'
import type { ShowConfig } from './settings.ts'

export interface ShownModel {
  readonly model: string
  readonly sha256: string
  /** What an ONNX file says of itself; null: it is none. */
  readonly onnx: ShownOnnx | null
  /** [channels, height, width]. */
  readonly imageShape: readonly number[]
  /** Of the pictures, where the images are latents; null: they are the pictures. */
  readonly pictureShape: readonly number[] | null
  readonly timesteps: number
  /** log(signal²/noise²) at the first and last time. */
  readonly logSnr: readonly [number, number]
  readonly flow: boolean
  readonly scheduler: string | null
  /** Classes that it knows; null: it takes none, or how many is not known. */
  readonly classes: number | null
  readonly conditional: boolean
  readonly differentiable: boolean
  /** Names of the learned schedules that it brings. */
  readonly schedules: readonly string[]
  /** Convention, as manifests keep it; where it was not checked, in words alone. */
  readonly convention: Readonly<Record<string, Json>> | string
  /** Why other commands refuse it as it is described; null: they do not. */
  readonly refused: string | null
  /** Every convention that was measured, and by which what comes out has anything to do with what went in, best first. */
  readonly figures: readonly { readonly convention: string; readonly figure: number | null }[]
  /** Of a run of `bilevel entropy`: its lambda, as `bilevel runs` has it; null while there is none. Absent of all else. */
  readonly tuned?: Best | BestOfSets | null
  readonly notes: readonly string[]
}

/** An ONNX file of which nothing says that it is a model of diffusion. */
export type ShownFile = Pick<ShownModel, 'model' | 'sha256' | 'notes'> & { readonly onnx: ShownOnnx }

/**
 * A model, or an ONNX file of any kind.
 * @throws what `openModelAt` throws, but for a convention that does not fit, which is told
 */
export async function show(path: string, config: ShowConfig): Promise<ShownModel | ShownFile> {
  if (!isModelFile(path)) return showModel(path, config)
  // What the engine takes and our own reader does not is still a model.
  const onnx = await readOnnxModel(path).then(shownOnnx, (error: unknown) => {
    if (error instanceof BilevelError && error.code === 'onnx.parse') return error
    throw error
  })
  try {
    const shown = await showModel(path, config)
    return onnx instanceof BilevelError ? { ...shown, notes: [...shown.notes, onnx.message] } : { ...shown, onnx }
  } catch (error) {
    if (onnx instanceof BilevelError) throw onnx
    // Without a schedule it may be a classifier, a decoder, a reward.
    if (!(error instanceof BilevelError && error.code === 'schedule.scheduler')) throw error
    const notes = [`nothing says that it is a model of diffusion: ${error.message}`]
    return { model: path, sha256: await modelFileHash(path), onnx, notes }
  }
}

/** @throws what `openModelAt` throws, but for a convention that does not fit, which is told */
export async function showModel(path: string, config: ShowConfig): Promise<ShownModel> {
  await requirePromptsTaken(path, config)
  const { pictures } = sharedData(config)
  const options = { ...config, pictures, allFigures: config.data !== null }
  let refused: string | null = null
  const opened = await openModelAt(path, options).catch((error: unknown) => {
    if (!(error instanceof BilevelError && error.code === 'model.convention')) throw error
    refused = error.message
    return openModelAt(path, { ...options, trustConvention: true })
  })
  try {
    const run = await runRecordOf(path)
    const tuned =
      run?.command === 'entropy' ? bestLambda(await readEvents(join(path, EVENTS)).catch(() => [])) : undefined
    return { ...shownModel(path, opened, refused), ...(tuned !== undefined && { tuned }) }
  } finally {
    await opened.close()
  }
}

function shownModel(path: string, opened: OpenedModel, refused: string | null): ShownModel {
  const { schedule, sampling, convention, classes } = opened
  const { logSnr, timesteps } = schedule
  const { record, figures } = convention
  return {
    model: path,
    sha256: opened.hash,
    onnx: null,
    imageShape: opened.imageShape,
    pictureShape: opened.pictureShape === opened.imageShape ? null : opened.pictureShape,
    timesteps,
    logSnr: [logSnr[0], logSnr[timesteps - 1]],
    flow: schedule.path === 'flow',
    scheduler: sampling.className,
    classes: classes ?? null,
    conditional: opened.conditional,
    differentiable: opened.differentiable,
    schedules: opened.schedules.map(({ name }) => name),
    convention: record ? recordJson(record) : conventionWords(convention.convention),
    refused,
    figures: figures
      .filter(({ says }) => says)
      .toSorted((one, other) => one.figure - other.figure)
      .map((figure) => ({
        convention: wordsOf(figure),
        figure: Number.isFinite(figure.figure) ? Number(figure.figure.toFixed(4)) : null,
      })),
    // What is refused is not taken, as these would say.
    notes: refused === null ? opened.notes : opened.notes.filter((note) => !convention.notes.includes(note)),
  }
}

/** Most conventions in the text; `--json` has all. */
const LINES = 8

/** For a person. */
export function shownText(shown: ShownModel | ShownFile): string {
  const lines = 'imageShape' in shown ? modelLines(shown) : rowLines([['sha256', shown.sha256]])
  const file = shown.onnx ? rowLines(describedFile(shown.onnx)) : []
  return [shown.model, ...file, ...lines, ...shown.notes.map((note) => `note: ${note}`)].join('\n')
}

const EVENTS = 'events.jsonl'

const rowLines = (rows: readonly (readonly [name: string, value: string])[]): string[] =>
  rows.map(([name, value]) => `  ${name.padEnd(11)}${value}`)

function modelLines(shownModel: ShownModel): string[] {
  const { imageShape, pictureShape, timesteps, logSnr, flow, scheduler, classes, conditional, schedules } = shownModel
  const { convention, refused, figures, sha256, tuned } = shownModel
  const [first, last] = logSnr.map((value) => value.toFixed(1))
  const taken =
    typeof convention === 'string' ? `${convention} (this project's own, or as stated)` : recordText(convention)
  const rows: [string, string][] = [
    ['images', `[${imageShape.join(', ')}]${pictureShape ? `, latents of pictures [${pictureShape.join(', ')}]` : ''}`],
    ['times', `${timesteps}, log(signal²/noise²) ${first} to ${last}${flow ? ', a flow' : ''}`],
    ['scheduler', scheduler ?? 'levels alone'],
    ['classes', conditional ? String(classes ?? 'not known') : 'none'],
    ...(tuned === undefined ? [] : ([['tuned', bestText(tuned)]] as [string, string][])),
    ...(schedules.length > 0 ? ([['schedules', schedules.join(', ')]] as [string, string][]) : []),
    ['convention', taken],
    ...(refused === null ? [] : ([['refused', refused]] as [string, string][])),
    ['sha256', sha256],
  ]
  const table =
    figures.length === 0
      ? []
      : [
          `${figures.length} conventions, by what they are off by on the pictures:`,
          ...textTable(
            [
              ['convention', 'figure'],
              ...figures
                .slice(0, LINES)
                .map((one) => [one.convention, one.figure === null ? 'fails' : one.figure.toFixed(3)]),
            ],
            1,
          ).map((line) => line.replaceAll('\u00a0', ' ').trimEnd()),
        ]
  return [...rowLines(rows), ...table]
}

function recordText(record: Readonly<Record<string, Json>>): string {
  const { figure, ownFigure, pictures } = record
  const words = conventionWords(record as unknown as DenoiserConvention)
  if (typeof figure === 'number') return `${words}; off by ${figure.toFixed(2)} on ${pictures} pictures`
  return typeof ownFigure === 'number' ? `${words}; off by ${ownFigure.toFixed(2)} on pictures of its own` : words
}
