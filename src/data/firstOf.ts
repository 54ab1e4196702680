/** A part of a split. */
import { inputError, sizeOf } from '../base/index.ts'
import type { Split } from './dataset.ts'

/** The first n images of a split, without copying: a random sample, as splits lie in hash order. @throws `data.tooFew` */
export function firstOf(split: Split, n: number): Split {
  if (n > split.count) {
    throw inputError(
      'data.tooFew',
      `the split has ${split.count} images, ${n} are needed; give more data or ask for fewer`,
    )
  }
  const { shape, images, labels } = split
  return {
    shape,
    count: n,
    images: images.subarray(0, n * sizeOf(shape)),
    labels: labels === null ? null : labels.subarray(0, n),
  }
}
