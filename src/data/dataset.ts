/**
 * What every source of images becomes: three splits of images in [-1, 1], where they came from, and a hash that names them.
 * Splits depend on content alone, never on a run's seed: a seed must not move an image from held-out into training.
 */
import type { Shape } from '../base/index.ts'
import { inputError, sha256, sha256Stream } from '../base/index.ts'
import type { Pixels, Resizing } from './pictures/resize.ts'
import { resized, resizing } from './pictures/resize.ts'
import type { SplitName, SplitRows } from './split.ts'

/** Images of one split, in the order of their content hashes, so that the first n are a random sample. */
export interface Split {
  /** [channels, height, width] of one image. */
  readonly shape: Shape
  readonly count: number
  /** Row-major [count, channels, height, width], in [-1, 1] where they are pictures. */
  readonly images: Float32Array
  /** Class per image, 0 to classes - 1; null where the data has none. */
  readonly labels: Int32Array | null
}

/** Where a dataset comes from, for manifests and reports. */
export interface Provenance {
  /** `embedded`, or the path that was read. */
  readonly source: string
  /** The rule by which images fell into splits, in words. */
  readonly rule: string
  /** SHA-256 of shape, splits, content hashes and labels. Equal hashes: equal arrays. */
  readonly sha256: string
}

export interface Dataset {
  readonly name: string
  /** [channels, height, width] of one image. */
  readonly shape: Shape
  readonly splits: Readonly<Record<SplitName, Split>>
  /** Class names, the index being the label; empty where the data has no labels. */
  readonly classes: readonly string[]
  readonly provenance: Provenance
  /** [height, width] of the images before their size was changed, where they had one. */
  readonly readAs?: readonly [number, number]
  /** What was done to the images on reading that a reader should know, a sentence each. */
  readonly notes?: readonly string[]
}

/** Images as read: all of one size, values 0 to 255, planar [channels, height, width]. */
export interface Pictures {
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly images: readonly Pixels[]
  readonly labels: Int32Array | null
  /** Content hash of each image before any resizing. */
  readonly hashes: readonly string[]
}

export interface AssembleOptions {
  readonly name: string
  readonly source: string
  readonly rule: string
  readonly classes: readonly string[]
  /** Side of the (square) images wanted; undefined: as they are. */
  readonly size?: number
}

/** What each split takes: rows of a set of pictures. */
export type SplitSources = Readonly<Record<SplitName, { readonly from: Pictures; readonly rows: readonly number[] }>>

/** SHA-256 (hex) of an image's values, rounded to bytes: the same for one image whatever file it came in. */
export function contentHash(pixels: Pixels): string {
  const bytes = pixels instanceof Uint8Array ? pixels : Uint8Array.from(pixels, Math.round)
  return sha256(bytes)
}

/** All three splits out of one set of pictures. */
export function fromOne(from: Pictures, rows: SplitRows): SplitSources {
  return {
    train: { from, rows: rows.train },
    tuning: { from, rows: rows.tuning },
    heldOut: { from, rows: rows.heldOut },
  }
}

/** Resizes, scales to [-1, 1] and hashes. @throws `data.size` if the size cannot be made */
export function assemble(sources: SplitSources, options: AssembleOptions): Dataset {
  const { train, tuning, heldOut } = sources
  const { channels, height, width } = train.from
  for (const { from } of [tuning, heldOut]) {
    if (from.channels !== channels || from.height !== height || from.width !== width) {
      throw inputError(
        'data.mixedSizes',
        `all images must have one size: ${options.source} has ${sizeText(train.from)} and ${sizeText(from)} images`,
      )
    }
  }
  const change = options.size === undefined ? null : resizing(height, width, options.size)
  const shape = change ? [channels, change.size, change.size] : [channels, height, width]
  const hash = sha256Stream().update(JSON.stringify({ shape, classes: options.classes }))
  const splits = {
    train: assembleSplit(train.from, train.rows, shape, change),
    tuning: assembleSplit(tuning.from, tuning.rows, shape, change),
    heldOut: assembleSplit(heldOut.from, heldOut.rows, shape, change),
  }
  for (const [name, { from, rows }] of Object.entries(sources)) {
    hash.update(name)
    for (const row of rows) hash.update(`${from.hashes[row]} ${from.labels?.[row] ?? ''}\n`)
  }
  const { name, source, rule, classes } = options
  return { name, shape, splits, classes, provenance: { source, rule, sha256: hash.hex() } }
}

const sizeText = ({ channels, height, width }: Pictures): string => `${height}x${width}x${channels}`

function assembleSplit(from: Pictures, rows: readonly number[], shape: Shape, change: Resizing | null): Split {
  const [channels, height, width] = shape
  const size = channels * height * width
  const images = new Float32Array(rows.length * size)
  rows.forEach((row, i) => {
    const pixels = change ? resized(from.images[row], channels, change) : from.images[row]
    const offset = i * size
    for (let j = 0; j < size; j++) images[offset + j] = pixels[j] / 127.5 - 1
  })
  const { labels } = from
  return { shape, count: rows.length, images, labels: labels && Int32Array.from(rows, (row) => labels[row]) }
}
