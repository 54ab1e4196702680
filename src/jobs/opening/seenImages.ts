/**
 * What is known of the images that a model has seen. A run of ours records them beside its model, `seen_images.json`; of older runs they are
 * its data's splits again, if the data are still there unchanged; of the models that come with the project, those of the embedded digits. Of anything else
 * nothing is known, and that is said.
 */

import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { BilevelError } from '../../base/index.ts'
import type { Dataset, LeftOut, SeenImages } from '../../data/index.ts'
import { digits, imageKeys, loadData, withoutSeen } from '../../data/index.ts'
import type { Settings } from '../../runs/index.ts'
import { isRecord, readManifest } from '../../runs/index.ts'
import { dataShape, readingOptions } from './dataSettings.ts'
import { isModelFile } from './modelFile.ts'
import { modelFolderOf } from './modelFolder.ts'
import { runRecordOf } from './runRecord.ts'

/** Images that a model has seen; `complete`: and no others. */
export interface KnownImages extends SeenImages {
  readonly complete: boolean
}

/** Whether a model is known not to have seen held-out images, and how many it has seen were left out of the splits. */
export interface HeldOutKnowledge {
  readonly known: boolean
  readonly leftOut: LeftOut
}

/** Of a model that is yet to be trained. */
export const NOTHING_SEEN: KnownImages = { trained: new Set(), tuned: new Set(), complete: true }

/** Nothing is known. */
export const UNKNOWN_IMAGES: KnownImages = { trained: new Set(), tuned: new Set(), complete: false }

export const SEEN_IMAGES_FILE = 'seen_images.json'

/** Runs that were each begun with the model of the one before; more are not followed. */
const MOST_RUNS = 16

/** What a model at a path has seen, a run, model folder, shipped name or file; side: of its images, for data of older runs. */
export async function seenBy(path: string, side: number | undefined, depth = 0): Promise<KnownImages> {
  if (depth > MOST_RUNS) return UNKNOWN_IMAGES
  const run = await runRecordOf(path)
  if (run?.command === 'entropy') {
    const { model } = run.settings
    return typeof model === 'string' ? seenBy(model, side, depth + 1) : UNKNOWN_IMAGES
  }
  if (run) return (await recorded(join(path, 'model'))) ?? (await seenByRun(path, run.settings, side, depth))
  if (isModelFile(path)) {
    const inFolder = basename(dirname(path)) === 'unet'
    return (inFolder && (await recorded(dirname(dirname(path))))) || UNKNOWN_IMAGES
  }
  const folder = await modelFolderOf(path).catch(() => null)
  if (folder === null) return UNKNOWN_IMAGES
  return (await recorded(folder)) ?? (await seenByShipped(folder)) ?? UNKNOWN_IMAGES
}

/** What a learned schedule of a file was tuned on; null where that is not known. The file of a run of ours lies below its model. */
export async function tunedBy(scheduleFile: string): Promise<ReadonlySet<string> | null> {
  const folder = dirname(dirname(dirname(scheduleFile)))
  const found = (await recorded(folder)) ?? (await seenByShipped(folder))
  return found?.tuned ?? null
}

/** What a model that was learned on data has seen: `before`, by the model it began with, and the splits of the data. */
export function seenAfter(data: Dataset, trains: boolean, before: KnownImages | null): KnownImages {
  const { train, tuning } = data.splits
  return {
    trained: new Set([...(before?.trained ?? []), ...(trains ? imageKeys(train) : [])]),
    tuned: new Set([...(before?.tuned ?? []), ...imageKeys(tuning)]),
    complete: before === null || before.complete,
  }
}

/** The data without what the model has seen. @throws `data.seen` where too few are left */
export function unseen(
  data: Dataset,
  seen: KnownImages,
): { readonly data: Dataset; readonly heldOut: HeldOutKnowledge } {
  const { data: rest, leftOut } = withoutSeen(data, seen)
  return { data: rest, heldOut: { known: seen.complete, leftOut } }
}

/** ` after 12 tuning and 40 held-out images that the model has seen were left out`, or nothing. */
export function leftOutText({ tuning, heldOut }: LeftOut): string {
  if (tuning + heldOut === 0) return ''
  return ` after ${tuning} tuning and ${heldOut} held-out images that the model has seen were left out`
}

/** What a reader of numbers on held-out images must know. */
export function heldOutNotes(
  { known, leftOut }: HeldOutKnowledge,
  model: string | null,
  unknown = `what images ${model} was trained on`,
): string[] {
  const { tuning, heldOut } = leftOut
  return [
    ...(known
      ? []
      : [`${unknown} is not known: some of the held-out images may be among them, and then its numbers are too good`]),
    ...(tuning + heldOut === 0
      ? []
      : [
          `${model} was trained or tuned on ${heldOut} of the held-out and ${tuning} of the tuning images: they are left out`,
        ]),
  ]
}

/** An older run's: its data's splits, if they are what it began with. */
async function seenByRun(path: string, run: Settings, side: number | undefined, depth: number): Promise<KnownImages> {
  const before = typeof run.model === 'string' ? await seenBy(run.model, side, depth + 1) : null
  const data = await dataOf(path, run, side)
  if (data) return seenAfter(data, run.model === null || run.learn !== 'sampling', before)
  return before ? { ...before, complete: false } : UNKNOWN_IMAGES
}

async function dataOf(path: string, run: Settings, side: number | undefined): Promise<Dataset | null> {
  const { data, size } = run
  if (typeof data !== 'string') return null
  try {
    const wanted = typeof size === 'number' ? size : side
    const sized = wanted === undefined ? {} : { size: wanted }
    const reading = readingSchema.safeParse(run).data
    if (!reading) return null
    const found =
      data === 'digits' ? await digits(sized) : await loadData(data, { ...readingOptions(reading), ...sized })
    const { sources } = await readManifest(path)
    const before = isRecord(sources) && isRecord(sources.data) ? sources.data.sha256 : undefined
    return before === found.provenance.sha256 ? found : null
  } catch (error) {
    if (error instanceof BilevelError) return null
    throw error
  }
}

/** How older runs read their data: as everything was read before there was a choice. */
const readingSchema = z.object({
  resize: dataShape.resize.default(null),
  dataImages: dataShape.dataImages.default(null),
  dataRange: dataShape.dataRange.default(null),
  onBad: dataShape.onBad.default('stop'),
})

/** Of a model that says it was trained on the embedded digits, by their hash. */
async function seenByShipped(folder: string): Promise<KnownImages | null> {
  const text = await readFile(join(folder, 'record.json'), 'utf8').catch(() => null)
  const record = text === null ? null : shippedSchema.safeParse(parsed(text)).data
  if (!record) return null
  const data = await digits({ size: record.plan.size })
  return data.provenance.sha256 === record.data ? seenAfter(data, true, null) : null
}

const shippedSchema = z.object({ data: z.string(), plan: z.object({ size: z.union([z.literal(16), z.literal(28)]) }) })

/** Bytes of a name in the file. */
const KEY_BYTES = 8

const HOW =
  'base64 of 8 bytes an image, ascending: the first of the SHA-256 of its pixels as bytes (channels, rows, columns), at the size that the network takes'

const recordSchema = z.object({
  trained: z.base64(),
  tuned: z.base64(),
  complete: z.boolean(),
})

/** The text of `seen_images.json`. */
export function writeSeenImages({ trained, tuned, complete }: KnownImages): string {
  const packed = (keys: ReadonlySet<string>) => Buffer.from([...keys].sort().join(''), 'hex').toString('base64')
  const counts = { trainedImages: trained.size, tunedImages: tuned.size }
  return `${JSON.stringify({ how: HOW, ...counts, complete, trained: packed(trained), tuned: packed(tuned) })}\n`
}

/** Reads `seen_images.json` in a folder; null where there is none, or none that can be read. */
async function recorded(folder: string): Promise<KnownImages | null> {
  const text = await readFile(join(folder, SEEN_IMAGES_FILE), 'utf8').catch(() => null)
  const record = text === null ? null : recordSchema.safeParse(parsed(text)).data
  return record ? { trained: keysOf(record.trained), tuned: keysOf(record.tuned), complete: record.complete } : null
}

function keysOf(packed: string): Set<string> {
  const bytes = Buffer.from(packed, 'base64')
  const count = Math.floor(bytes.length / KEY_BYTES)
  return new Set(Array.from({ length: count }, (_, i) => bytes.toString('hex', i * KEY_BYTES, (i + 1) * KEY_BYTES)))
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
