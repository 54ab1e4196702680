/** Images and labels from IDX files: explicit ones, or a folder with the names MNIST is published under. */
import { readdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { inputError } from '../base/index.ts'
import type { Dataset, Pictures } from './dataset.ts'
import { assemble, contentHash, fromOne } from './dataset.ts'
import type { Idx } from './idx.ts'
import { readIdx } from './idx.ts'
import { requireDataSize } from './imageLimits.ts'
import type { SplitNeeds } from './split.ts'
import { DEFAULT_NEEDS, requireEnough, SPLIT_CYCLES, splitByContent } from './split.ts'

/** Options of every source of images. */
export interface LoadOptions {
  /** Side wanted, in pixels; undefined: as the images are. See `possibleSizes`. */
  readonly size?: number
  /** Fewest images per split; default 1 train, 2 tuning, 2 held-out. */
  readonly needs?: Partial<SplitNeeds>
  /** Content hashes that must not be in `train` (see `digitsKeptOut`). */
  readonly exclude?: ReadonlySet<string>
}

/** Paths of IDX files. Without `labels` the data is unlabelled. With `testImages` those are the held-out split. */
export interface IdxFiles {
  readonly images: string
  readonly labels?: string
  readonly testImages?: string
  readonly testLabels?: string
}

/** Images [n, rows, columns] (or [n, channels, rows, columns]) with labels [n]. @throws `data.idxShape`, `data.labelCount`, `data.tooLarge` */
export function pair(images: Idx, labels: Idx | null, names: { images: string; labels: string }): Pictures {
  const rank = images.shape.length
  const channels = rank === 3 ? 1 : images.shape[1]
  if ((rank !== 3 && rank !== 4) || (channels !== 1 && channels !== 3)) {
    throw inputError(
      'data.idxShape',
      `${names.images} must hold images [n, rows, columns] or [n, 1 or 3, rows, columns], got [${images.shape}]`,
    )
  }
  if (labels && labels.shape.length !== 1) {
    throw inputError('data.idxShape', `${names.labels} must hold one label per image, [n], got [${labels.shape}]`)
  }
  const count = images.shape[0]
  if (labels && labels.shape[0] !== count) {
    throw inputError(
      'data.labelCount',
      `images and labels must be equally many: ${names.images} has ${count}, ${names.labels} has ${labels.shape[0]}`,
    )
  }
  const [height, width] = images.shape.slice(-2)
  const size = channels * height * width
  requireDataSize(count, size, names.images)
  const rows = Array.from({ length: count }, (_, i) => images.data.subarray(i * size, (i + 1) * size))
  return {
    channels,
    height,
    width,
    images: rows,
    labels: labels && Int32Array.from(labels.data),
    hashes: rows.map(contentHash),
  }
}

async function readPictures(images: string, labels: string | undefined): Promise<Pictures> {
  return pair(await readIdx(images), labels === undefined ? null : await readIdx(labels), {
    images,
    labels: labels ?? '',
  })
}

const classesOf = (...labels: (Int32Array | null)[]): string[] => {
  const most = Math.max(-1, ...labels.map((list) => list?.reduce((a, b) => Math.max(a, b), -1) ?? -1))
  return Array.from({ length: most + 1 }, (_, label) => String(label))
}

/** A dataset from IDX files. `source` is what errors and provenance call it. */
export async function loadIdx(files: IdxFiles, options: LoadOptions = {}, source = files.images): Promise<Dataset> {
  if (files.testImages !== undefined && (files.labels === undefined) !== (files.testLabels === undefined)) {
    throw inputError(
      'data.labels',
      `${source} must have labels for both its training and its test images, or for neither`,
    )
  }
  const whole = await readPictures(files.images, files.labels)
  const test = files.testImages === undefined ? null : await readPictures(files.testImages, files.testLabels)
  const { cycle, rule } = test ? SPLIT_CYCLES.withoutHeldOut : SPLIT_CYCLES.whole
  const dealt = splitByContent(whole.hashes, whole.labels, cycle)
  const tested = new Set(test?.hashes)
  const tuning = dealt.tuning.filter((row) => !tested.has(whole.hashes[row]))
  const train = dealt.train.filter((row) => !tested.has(whole.hashes[row]) && !options.exclude?.has(whole.hashes[row]))
  const sources = fromOne(whole, { train, tuning, heldOut: dealt.heldOut })
  const heldOut = test ? { from: test, rows: splitByContent(test.hashes, null, ['heldOut']).heldOut } : sources.heldOut
  const counts = { train: train.length, tuning: tuning.length, heldOut: heldOut.rows.length }
  requireEnough(counts, { ...DEFAULT_NEEDS, ...options.needs }, cycle, source)
  const classes = classesOf(whole.labels, test?.labels ?? null)
  return assemble({ ...sources, heldOut }, { name: basename(source), source, rule, classes, size: options.size })
}

/** The first of the published spellings that is there: `-idx3-` or `.idx3-`, plain before gzipped. */
function named(entries: readonly string[], stem: string, rank: 1 | 3): string | undefined {
  const spellings = [`${stem}-idx${rank}-ubyte`, `${stem}.idx${rank}-ubyte`].flatMap((name) => [name, `${name}.gz`])
  return spellings.find((name) => entries.includes(name))
}

/** The IDX files of a folder under MNIST's names; null if it has none. @throws `data.unreadable` */
export async function findIdxFiles(folder: string): Promise<IdxFiles | null> {
  const entries = await readdir(folder).catch((cause: Error) => {
    throw inputError('data.unreadable', `${folder} cannot be read: ${cause.message}`, { cause })
  })
  const at = (stem: string, rank: 1 | 3): string | undefined => {
    const name = named(entries, stem, rank)
    return name === undefined ? undefined : join(folder, name)
  }
  const images = at('train-images', 3)
  if (images === undefined) return null
  return {
    images,
    labels: at('train-labels', 1),
    testImages: at('t10k-images', 3),
    testLabels: at('t10k-labels', 1),
  }
}

/** The labels file that belongs to an images file (`…images…idx3…` → `…labels…idx1…`, plain or gzipped), if it is there. */
export async function labelsBeside(images: string): Promise<string | undefined> {
  const name = basename(images)
  const stem = name.replace('images', 'labels').replace('idx3', 'idx1').replace(/\.gz$/, '')
  const entries = await readdir(dirname(images))
  const found = [stem, `${stem}.gz`].find((candidate) => candidate !== name && entries.includes(candidate))
  return found === undefined ? undefined : join(dirname(images), found)
}
