/**
 * Two sets of images against each other: Fréchet distance, kernel distance, precision and recall, Vendi scores, each with how it was taken. A is the set that is
 * judged (generated), B what it is compared with (real): precision is the share of A within B, recall the share of B within A.
 */
import { stat } from 'node:fs/promises'
import { inputError, tensor, throwIfInterrupted } from '../../base/index.ts'
import { writeStatistics } from '../../metrics/files/index.ts'
import type { Features, FrechetReference } from '../../metrics/index.ts'
import {
  frechetDistance,
  kernelDistance,
  LARGE_DIMENSIONS,
  LEAST_FOR_NEIGHBOURS,
  largeFrechetDistance,
  MOST_PAIRED_IMAGES,
  momentsOf,
  NEIGHBOURS,
  pairedRows,
  precisionRecall,
  referenceMoments,
  vendiScore,
} from '../../metrics/index.ts'
import type { WorkHooks } from '../job.ts'
import { noFidNote } from './figures.ts'
import type { Network } from './network.ts'
import { featuresOf, labelOf, openFeaturesFor, requireSameNetwork } from './network.ts'
import type { FidConfig } from './settings.ts'
import type { ImageSide, Side } from './sides.ts'
import { chunksOf, openSide } from './sides.ts'

export interface SideReport {
  readonly source: string
  readonly kind: 'images' | 'statistics'
  /** Null where statistics do not say. */
  readonly images: number | null
  /** The effective number of different images among the first `mostPairedImages`; null of statistics. */
  readonly vendi: number | null
}

export interface FidReport {
  readonly a: SideReport
  /** Null: there is none, the statistics of A alone were written. */
  readonly b: SideReport | null
  /** Null where two files of statistics do not say. */
  readonly featureNetwork: { readonly name: string; readonly sha256: string } | null
  readonly dimensions: number
  /** Null where a side is of no more images than dimensions. */
  readonly fid: number | null
  /** |mean A - mean B|^2, the part of it that is a shift. */
  readonly fidMeanTerm: number | null
  /** Null of statistics. */
  readonly kid: number | null
  /** Both null of statistics, and of fewer than 4 images. */
  readonly precision: number | null
  readonly recall: number | null
  readonly protocol: {
    /** [channels, height, width] that images were compared at; null: no images. */
    readonly imageShape: readonly number[] | null
    /** Pixel range that the network is given; null: no network was run. */
    readonly pixelRange: readonly [number, number] | null
    readonly covariance: 'unbiased'
    readonly kernel: string
    readonly neighbours: number
    /** The most images of a side that are compared pair by pair. */
    readonly mostPairedImages: number
  }
  /** The file of statistics that was written; null: none. */
  readonly stats: string | null
  readonly notes: readonly string[]
  readonly seconds: number
}

/** Images between words of progress. */
const CHUNK = 256

/** A side in features. */
interface Measured {
  readonly reference: FrechetReference
  /** Of images, and of files that hold them. */
  readonly rows: Features | null
  readonly count: number | null
}

/** @throws `fid.*`, `data.*`, `metrics.*`, `schedule.features*` */
export async function compareImages(
  a: string,
  b: string | null,
  config: FidConfig,
  { signal, onProgress, onNote }: WorkHooks,
): Promise<FidReport> {
  const began = performance.now()
  const { stats } = config
  if (stats !== null) await requireNewFile(stats)
  if (b === null && stats === null) {
    throw inputError(
      'fid.other',
      'bilevel fid compares A with B, got A alone; give both, or --stats FILE to write the statistics of A',
    )
  }
  const sides: Side[] = []
  for (const source of b === null ? [a] : [a, b]) {
    onProgress?.({ phase: 'read', done: 0, total: 0, detail: source })
    sides.push(await openSide(source, config))
    if (signal) throwIfInterrupted(signal)
  }
  const notes: string[] = []
  const images = sides.filter((side) => side.kind === 'images')
  const network = images.length > 0 ? await openFeaturesFor(images, featuresOf(config, sides), notes) : null
  try {
    const label = network?.features ?? labelOf(sides, notes)
    if (network) for (const side of sides) requireSameNetwork(side, network.features, notes)
    const total = images.reduce((sum, { count }) => sum + count, 0)
    let done = 0
    const measured: Measured[] = []
    for (const side of sides) {
      const tell = (count: number) => {
        done += count
        onProgress?.({ phase: 'features', done, total, detail: side.source })
      }
      measured.push(
        side.kind === 'images' ? await measure(side, network!, { signal, tell }) : ofStatistics(side, notes),
      )
    }
    const [ofA, ofB] = measured
    if (stats !== null) {
      const { reference } = ofA
      await writeStatistics(stats, reference, label ? { name: label.name, hash: label.hash } : undefined)
    }
    const [first, second] = sides
    const features = label?.name ?? 'the statistics'
    const numbers = ofB ? distances(ofA, ofB, { sides, features, signal, onProgress, notes }) : NO_NUMBERS
    for (const note of notes) onNote?.(note)
    return {
      a: sideReport(first, ofA),
      b: second && ofB ? sideReport(second, ofB) : null,
      featureNetwork: label && { name: label.name, sha256: label.hash },
      dimensions: ofA.reference.dimensions,
      ...numbers,
      protocol: {
        imageShape: network?.shape ?? null,
        pixelRange: network?.features.range ?? null,
        covariance: 'unbiased',
        kernel: '(x.y/d + 1)^3, unbiased',
        neighbours: NEIGHBOURS,
        mostPairedImages: MOST_PAIRED_IMAGES,
      },
      stats,
      notes,
      seconds: (performance.now() - began) / 1000,
    }
  } finally {
    await network?.close()
  }
}

type Numbers = { -readonly [K in 'fid' | 'fidMeanTerm' | 'kid' | 'precision' | 'recall']: FidReport[K] }
const NO_NUMBERS: Numbers = { fid: null, fidMeanTerm: null, kid: null, precision: null, recall: null }

type Comparison = Pick<WorkHooks, 'signal' | 'onProgress'> & {
  readonly sides: readonly Side[]
  readonly features: string
  readonly notes: string[]
}

function distances(a: Measured, b: Measured, { sides, features, signal, onProgress, notes }: Comparison): Numbers {
  const { dimensions: d } = a.reference
  if (b.reference.dimensions !== d) {
    throw inputError(
      'metrics.dimensions',
      `both sides must be in the features of one network, but A has ${d} of them and B ${b.reference.dimensions}; give --features FILE.onnx, the network that the statistics were taken in`,
    )
  }
  const tell = (detail: string) => {
    if (signal) throwIfInterrupted(signal)
    onProgress?.({ phase: 'distances', done: 0, total: 0, detail })
  }
  const numbers = { ...NO_NUMBERS }
  const few = noFidNote(sides, { name: features, dimensions: d })
  if (few === null) {
    tell(`Fréchet distance in ${d} dimensions`)
    const { value, meanTerm } =
      d > LARGE_DIMENSIONS
        ? largeFrechetDistance(a.reference, b.reference)
        : frechetDistance(a.rows ?? asMoments(a), b.reference)
    numbers.fid = value
    numbers.fidMeanTerm = meanTerm
  } else notes.push(few)
  if (!a.rows || !b.rows) {
    notes.push('no KID, precision and recall: statistics have no single images')
    return numbers
  }
  const [x, y] = [pairedRows(a.rows), pairedRows(b.rows)]
  tell('kernel distance')
  numbers.kid = kernelDistance(x, y)
  if (Math.min(x.shape[0], y.shape[0]) < LEAST_FOR_NEIGHBOURS) {
    notes.push(`no precision and recall: they need ${LEAST_FOR_NEIGHBOURS} images or more on either side`)
    return numbers
  }
  tell('precision and recall')
  const { precision, recall } = precisionRecall(x, y)
  return { ...numbers, precision, recall }
}

/** Statistics as moments of so many images; where their number is not said, of enough of them. */
function asMoments({ reference: { dimensions, mean, covariance }, count }: Measured) {
  const images = count ?? dimensions + 1
  return { count: images, dimensions, mean, scatter: covariance.map((value) => value * (images - 1)) }
}

function sideReport({ source, kind }: Side, { rows, count }: Measured): SideReport {
  return { source, kind, images: count, vendi: rows && vendiScore(pairedRows(rows)) }
}

function ofStatistics(
  { source, statistics: { reference, rows } }: Extract<Side, { readonly kind: 'statistics' }>,
  notes: string[],
): Measured {
  const { dimensions, count, triangle } = reference
  if (triangle === null) {
    notes.push(
      `the covariance in ${source} has negative directions, as those of too few images have that were rounded to float32; they count as 0, and the Fréchet distance is biased upwards`,
    )
  } else if (triangle.rank < dimensions) {
    const { rank } = triangle
    notes.push(
      `the covariance in ${source} has rank ${rank} of ${dimensions}: it is of too few images, about ${rank + 1}, and the Fréchet distance is biased upwards`,
    )
  }
  return { reference, rows, count }
}

async function measure(
  side: ImageSide,
  { features, shape }: Network,
  { signal, tell }: { readonly signal: AbortSignal | undefined; readonly tell: (count: number) => void },
): Promise<Measured> {
  const { count } = side
  const d = features.dimensions
  const data = new Float64Array(count * d)
  let first = 0
  for (const chunk of chunksOf(side, CHUNK, shape[0])) {
    if (signal) throwIfInterrupted(signal)
    const rows = await features.features(chunk)
    data.set(rows.data, first * d)
    first += chunk.shape[0]
    tell(chunk.shape[0])
  }
  if (count < 2) {
    throw inputError(
      'metrics.tooFewImages',
      `a covariance needs at least 2 images, but ${side.source} has ${count}; give more`,
    )
  }
  const rows = tensor('float64', [count, d], data)
  return { reference: count > d ? referenceMoments(momentsOf(rows)) : referenceMoments(rows), rows, count }
}

async function requireNewFile(path: string): Promise<void> {
  if (!/\.npz$/i.test(path)) throw inputError('fid.stats', `statistics are a .npz, got ${path}; name it so`)
  if (await stat(path).catch(() => null))
    throw inputError('fid.stats', `statistics go to a new file, but ${path} is there; give another name`)
}
