/** How large pictures and sets of them may be, checked against what a file claims before anything of that size is allocated. */
import { inputError, requireRoom } from '../../base/index.ts'

/**
 * Most pixels of one picture: 5792x5792. With alpha and 16 bits it takes 1 GB while it is read; what diffusion models in pixels are trained on is
 * a hundred times smaller.
 */
const MAX_PIXELS = 2 ** 25

/** Most images of a data set: each is an object and a hash beside its pixels, about 1 GB for as many as these. */
const MAX_IMAGES = 2 ** 22

/** @throws an error without a code, for the reader of the file to name the file in, if a picture would be too large to read */
export function requirePixels(width: number, height: number): void {
  if (width * height <= MAX_PIXELS) return
  const side = Math.floor(Math.sqrt(MAX_PIXELS))
  throw new Error(
    `its header says ${width}x${height}, and at most ${MAX_PIXELS} pixels are read, as ${side}x${side}; make it smaller`,
  )
}

/**
 * @param valuesEach channels x height x width of an image as it is kept
 * @throws `data.tooLarge` if the images could not be kept in memory; `source` names them
 */
export function requireDataSize(count: number, valuesEach: number, source: string): void {
  const code = 'data.tooLarge'
  if (count > MAX_IMAGES) {
    const fix = 'give fewer of them'
    throw inputError(code, `${source}: at most ${MAX_IMAGES} images are read, got ${count}; ${fix}`)
  }
  requireRoom({ code, what: `${source}: its ${count} images of ${valuesEach} values`, values: count * valuesEach })
}
