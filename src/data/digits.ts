/**
 * The embedded data: 10,000 handwritten digits, 28x28, all of them images of MNIST's training set (provenance and licence:
 * assets/digits/README.md). The files hold them in split order, 6,000 train, 2,000 tuning, 2,000 held-out, as
 * `scripts/makeDigits.ts` dealt them by `splitByContent`.
 */

import { readIdx } from './arrays/idx.ts'
import type { Dataset, Pictures } from './dataset.ts'
import { assemble, contentHash, fromOne } from './dataset.ts'
import { loadData } from './loadData.ts'
import type { LoadOptions } from './loadOptions.ts'
import { packageAsset } from './packageAsset.ts'
import type { SplitRows } from './split.ts'
import { SPLIT_CYCLES } from './split.ts'

/** Images per split of the embedded digits. */
const DIGIT_COUNTS = { train: 6000, tuning: 2000, heldOut: 2000 } as const

const IMAGES = packageAsset('digits', 'images-idx3-ubyte.gz')
const LABELS = packageAsset('digits', 'labels-idx1-ubyte.gz')
const NAMES = Array.from({ length: 10 }, (_, digit) => String(digit))

async function embedded(): Promise<{ pictures: Pictures; rows: SplitRows }> {
  const [{ shape, data }, labels] = [await readIdx(IMAGES), await readIdx(LABELS)]
  const [count, height, width] = shape
  const size = height * width
  const images = Array.from({ length: count }, (_, i) => data.subarray(i * size, (i + 1) * size))
  const pictures: Pictures = {
    channels: 1,
    height,
    width,
    images,
    labels: Int32Array.from(labels.data),
    hashes: images.map(contentHash),
  }
  const { train, tuning } = DIGIT_COUNTS
  const all = pictures.hashes.map((_, row) => row)
  const rows = {
    train: all.slice(0, train),
    tuning: all.slice(train, train + tuning),
    heldOut: all.slice(train + tuning),
  }
  return { pictures, rows }
}

/** Options of `digits`. */
export interface DigitsOptions extends LoadOptions {
  /** Side in pixels: 28 (default), 16 (padded to 32, 2x2 averages), or another of `possibleSizes(28)`. */
  readonly size?: number
  /** Other digits than the embedded ones: anything `loadData` reads. */
  readonly path?: string
}

/**
 * Handwritten digits, 10 classes, [1, size, size] in [-1, 1]; embedded: 6,000 / 2,000 / 2,000 images.
 * @throws `data.size`, and with `path` what `loadData` throws
 * @example const { splits } = await digits({ size: 16 })
 */
export async function digits({ path, size = 28, ...options }: DigitsOptions = {}): Promise<Dataset> {
  if (path !== undefined) return await loadData(path, { size, ...options })
  const { pictures, rows } = await embedded()
  const train = rows.train.filter((row) => !options.exclude?.has(pictures.hashes[row]))
  const { rule } = SPLIT_CYCLES.whole
  return assemble(fromOne(pictures, { ...rows, train }), {
    name: 'digits',
    source: 'embedded',
    rule,
    classes: NAMES,
    size,
  })
}

/**
 * Content hashes of the embedded tuning and held-out images. Whatever is shipped and was trained on full MNIST must not have
 * seen them: `loadData(mnist, { exclude: await digitsKeptOut() })`.
 */
export async function digitsKeptOut(): Promise<ReadonlySet<string>> {
  const { pictures, rows } = await embedded()
  return new Set([...rows.tuning, ...rows.heldOut].map((row) => pictures.hashes[row]))
}
