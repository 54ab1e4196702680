/** A dataset from numbers at hand: points of a toy problem, or images that were read elsewhere. */
import type { Shape } from '../base/index.ts'
import { inputError, sha256Stream, sizeOf } from '../base/index.ts'
import type { Dataset, Split } from './dataset.ts'
import type { SplitName } from './split.ts'

/** Images of one split, row-major [n, channels, height, width]: n is what their number comes to. Where there are classes, each has a label. */
export type SplitArrays = ArrayLike<number> | { readonly images: ArrayLike<number>; readonly labels: ArrayLike<number> }

export interface DataFromArraysOptions {
  readonly name: string
  /** [channels, height, width] of one image; a point of d numbers is [1, 1, d]. */
  readonly imageShape: Shape
  /** Trains a network; not needed where none is trained. */
  readonly train?: SplitArrays
  /** What is learned is steered by it. At least 2 images. */
  readonly tuning: SplitArrays
  /** What the result is measured on. At least 2 images. */
  readonly heldOut: SplitArrays
  /** Names of the classes, the index being the label. Default none. */
  readonly classes?: readonly string[]
}

/**
 * A dataset of three splits, kept in float32 as all data are. Values may lie in any range: nothing is scaled or clipped.
 * @throws `data.arrays` on numbers that are not whole images, are not finite, or labels that do not go with the classes
 * @example dataFromArrays({ name: 'normal', imageShape: [1, 1, 1], tuning: draw(1000), heldOut: draw(1000) })
 */
export function dataFromArrays(options: DataFromArraysOptions): Dataset {
  const { name, imageShape, classes = [] } = options
  if (!(imageShape.length === 3 && imageShape.every((n) => Number.isInteger(n) && n >= 1))) {
    throw inputError(
      'data.arrays',
      `imageShape of data '${name}' must be [channels, height, width], whole numbers from 1, got [${imageShape}]; a point of d numbers is [1, 1, d]`,
    )
  }
  const split = (which: SplitName, least: number) => splitOf(options, which, least)
  const splits = { train: split('train', 0), tuning: split('tuning', 2), heldOut: split('heldOut', 2) }
  const hash = sha256Stream().update(JSON.stringify({ shape: imageShape, classes }))
  for (const [which, { images, labels }] of Object.entries(splits)) {
    hash.update(`${which} ${images.length}\n`)
    for (const part of [images, labels ?? new Int32Array()]) {
      hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
    }
  }
  const provenance = { source: 'arrays', rule: 'splits as they were given', sha256: hash.hex() }
  return { name, shape: imageShape, splits, classes, provenance }
}

function splitOf(options: DataFromArraysOptions, which: SplitName, least: number): Split {
  const { name, imageShape, classes = [] } = options
  const given = options[which] ?? []
  const [numbers, labels] = 'images' in given ? [given.images, given.labels] : [given, null]
  const count = numbers.length / sizeOf(imageShape)
  const refuse = (rule: string, came: string) =>
    inputError('data.arrays', `${which} of data '${name}' must ${rule}, got ${came}`)
  if (!(Number.isInteger(count) && count >= least)) {
    throw refuse(`be whole images [${imageShape}], ${least} or more of them`, `${numbers.length} numbers`)
  }
  const images = Float32Array.from(numbers)
  const bad = images.findIndex((value) => !Number.isFinite(value))
  if (bad >= 0)
    throw refuse(
      'be numbers that float32 holds',
      `${numbers[bad]} in image ${Math.floor((bad * count) / images.length)}`,
    )
  return { shape: imageShape, count, images, labels: labelsOf(labels, count, classes, refuse) }
}

function labelsOf(
  labels: ArrayLike<number> | null,
  count: number,
  classes: readonly string[],
  refuse: (rule: string, came: string) => Error,
): Int32Array | null {
  if (count === 0 || (classes.length === 0 && labels === null)) return null
  const wanted =
    classes.length === 0
      ? 'have no labels where there are no classes'
      : `have a label per image, 0 to ${classes.length - 1}`
  if (labels?.length !== count) throw refuse(`${wanted}, ${count} in all`, `${labels?.length ?? 'none'}`)
  const odd = Array.from(labels).find((label) => !(Number.isInteger(label) && label >= 0 && label < classes.length))
  if (odd !== undefined) throw refuse(wanted, `label ${odd}`)
  return Int32Array.from(labels)
}
