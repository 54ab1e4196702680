/** How large pictures and sets of them may be, checked against what a file claims before anything of that size is allocated. */
import { totalmem } from 'node:os'
import { inputError } from '../base/index.ts'

/**
 * Most pixels of one picture: 5792x5792. With alpha and 16 bits it takes 1 GB while it is read; what diffusion models in pixels are trained on is
 * a hundred times smaller.
 */
const MAX_PIXELS = 2 ** 25

/** Most images of a data set: each is an object and a hash beside its pixels, about 1 GB for as many as these. */
const MAX_IMAGES = 2 ** 22

/** Most values of a data set: as many as one typed array of the oldest engine holds. */
const MAX_VALUES = 2 ** 32 - 1

/** Bytes of a value as training reads it. */
const BYTES_PER_VALUE = 4

/** Bytes that a process may have here: the machine's, or fewer where a container says so. */
const memoryHere = (): number => Math.min(totalmem(), process.constrainedMemory?.() || totalmem())

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
  const fix = 'give fewer or smaller ones'
  if (count > MAX_IMAGES) {
    throw inputError('data.tooLarge', `${source}: at most ${MAX_IMAGES} images are read, got ${count}; ${fix}`)
  }
  const values = count * valuesEach
  if (values > MAX_VALUES) {
    const came = `${count} images of ${valuesEach}`
    throw inputError('data.tooLarge', `${source}: images hold at most ${MAX_VALUES} values in all, got ${came}; ${fix}`)
  }
  const [needed, there] = [values * BYTES_PER_VALUE, memoryHere()].map((bytes) => (bytes / 2 ** 30).toFixed(1))
  if (Number(needed) > Number(there)) {
    const came = `${count} images of ${valuesEach} values need ${needed} GiB`
    throw inputError('data.tooLarge', `${source}: images are kept in memory, ${came}, there are ${there}; ${fix}`)
  }
}
