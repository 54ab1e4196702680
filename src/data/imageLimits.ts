/** How large pictures and sets of them may be, checked against what a file claims before anything of that size is allocated. */
import { inputError } from '../base/index.ts'

/**
 * Most pixels of one picture: 5792x5792. With alpha and 16 bits it takes 1 GB while it is read; what diffusion models in pixels are trained on is
 * a hundred times smaller.
 */
const MAX_PIXELS = 2 ** 25

/** Most images of a data set: each is an object and a hash beside its pixels, about 1 GB for as many as these. */
const MAX_IMAGES = 2 ** 22

/** Most bytes of a data set's pixels as they are kept, which the engine can still hold beside the arrays that training reads. */
const MAX_BYTES = 2 ** 35

/** @throws an error without a code, for the reader of the file to name the file in, if a picture would be too large to read */
export function requirePixels(width: number, height: number): void {
  if (width * height <= MAX_PIXELS) return
  const side = Math.floor(Math.sqrt(MAX_PIXELS))
  throw new Error(
    `its header says ${width}x${height}, and at most ${MAX_PIXELS} pixels are read, as ${side}x${side}; make it smaller`,
  )
}

/** @throws `data.tooLarge` if a set of images could not be kept in memory; `source` names it */
export function requireDataSize(count: number, bytesEach: number, source: string): void {
  if (count > MAX_IMAGES) {
    throw inputError('data.tooLarge', `${source}: at most ${MAX_IMAGES} images are read, got ${count}; give a part`)
  }
  if (count * bytesEach > MAX_BYTES) {
    const came = `${count} images of ${bytesEach} bytes are ${Math.ceil((count * bytesEach) / 2 ** 30)} GiB`
    throw inputError(
      'data.tooLarge',
      `${source}: images are kept in memory, at most ${MAX_BYTES / 2 ** 30} GiB of them; ${came}; give fewer or smaller ones`,
    )
  }
}
