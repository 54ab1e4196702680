/**
 * Which images a model has seen, by content: so that what it is measured on can be known to be new to it. An image is named by the hash of its bytes as
 * the network is given them, after any resizing, whatever file it came in.
 */
import { sha256 as hashOf, inputError, sizeOf } from '../base/index.ts'
import type { Dataset, Split } from './dataset.ts'

/** Names of images, from `imageKeys`. */
export interface SeenImages {
  /** The network was trained on these. */
  readonly trained: ReadonlySet<string>
  /** A schedule, or a twin of the weights, was tuned on these. */
  readonly tuned: ReadonlySet<string>
}

/** How many images of a split were left out. */
export interface LeftOut {
  readonly tuning: number
  readonly heldOut: number
}

/** Letters of a name: 64 bits, of which no two of a million images share one. */
const KEY_LETTERS = 16

/** A name for each image of a split: the first 64 bits of the SHA-256 of its pixels as bytes, hex. */
export function imageKeys({ shape, count, images }: Pick<Split, 'shape' | 'count' | 'images'>): string[] {
  const size = sizeOf(shape)
  const bytes = new Uint8Array(size)
  return Array.from({ length: count }, (_, i) => {
    for (let j = 0; j < size; j++) bytes[j] = Math.round((images[i * size + j] + 1) * 127.5)
    return hashOf(bytes).slice(0, KEY_LETTERS)
  })
}

/**
 * The data without what a model has seen: neither trained nor tuned images are held out, no trained ones tune.
 * @throws `data.seen` where too few are left, with both numbers
 */
export function withoutSeen(
  data: Dataset,
  { trained, tuned }: SeenImages,
): { readonly data: Dataset; readonly leftOut: LeftOut } {
  const { splits, provenance, name } = data
  const tuning = kept(splits.tuning, (key) => !trained.has(key))
  const heldOut = kept(splits.heldOut, (key) => !trained.has(key) && !tuned.has(key))
  const leftOut = { tuning: splits.tuning.count - tuning.count, heldOut: splits.heldOut.count - heldOut.count }
  if (leftOut.tuning + leftOut.heldOut === 0) return { data, leftOut }
  for (const [words, split, left] of [
    ['tuning', tuning, leftOut.tuning],
    ['held-out', heldOut, leftOut.heldOut],
  ] as const) {
    if (left === 0 || split.count >= LEAST_IMAGES) continue
    throw inputError(
      'data.seen',
      `a model is measured on images it has not seen, but it was trained or tuned on ${left} of the ${left + split.count} ${words} images of ${name}; ` +
        'give data that are new to it',
    )
  }
  const rule = `${provenance.rule}; left out, as the model has seen them: ${leftOut.tuning} tuning and ${leftOut.heldOut} held-out images`
  const sha256 = hashOf(`${provenance.sha256} without\n`, [...imageKeys(tuning), '', ...imageKeys(heldOut)].join('\n'))
  return {
    data: { ...data, splits: { ...splits, tuning, heldOut }, provenance: { ...provenance, rule, sha256 } },
    leftOut,
  }
}

/** A mean and a covariance need two images. */
const LEAST_IMAGES = 2

function kept(split: Split, keep: (key: string) => boolean): Split {
  const rows = imageKeys(split).flatMap((key, row) => (keep(key) ? [row] : []))
  if (rows.length === split.count) return split
  const size = sizeOf(split.shape)
  const images = new Float32Array(rows.length * size)
  for (const [i, row] of rows.entries()) images.set(split.images.subarray(row * size, (row + 1) * size), i * size)
  const { labels } = split
  return { ...split, count: rows.length, images, labels: labels && Int32Array.from(rows, (row) => labels[row]) }
}
