/**
 * Whether somebody else's file predicts an image alike alone and among others. Dynamically quantised (int8) files do not: they scale activations over
 * the whole run; nor do networks exported in training mode, whose batch normalisation takes means over it.
 */

import type { Shape } from '../../base/index.ts'
import { randomStream, relativeDifference, sizeOf, tensor } from '../../base/index.ts'
import type { Images } from '../denoiser.ts'

/** Times the values of an image that the others of its run have. */
const LOUDER = 3
/** Images of a run that takes any number. */
const SOME = 2

/** How an image is predicted with others beside it. */
export interface Dependence {
  /** By how much its prediction changes, relative to it. */
  readonly difference: number
  /** Its prediction alone, of the first image that a trial has. */
  readonly alone: ArrayLike<number>
}

/**
 * How the prediction of an image changes when others are in its run. To be asked at a time in the middle: at T-1 a network has
 * little to say.
 * @param predict in one run
 * @param fixed   images of a run, where the file is made for some number: then an image alone is that many of it
 */
export async function dependenceOf(
  predict: (x: Images) => Promise<Images>,
  imageShape: Shape,
  fixed: number | undefined,
): Promise<Dependence> {
  const size = sizeOf(imageShape)
  const of = (data: Float32Array) => predict(tensor('float32', [data.length / size, ...imageShape], data))
  const noise = randomStream({ seed: 0, purpose: 'trial' }).normal(new Float32Array((fixed ?? SOME) * size))
  const alone = await of(fixed === undefined ? noise.slice(0, size) : noise.map((_, i) => noise[i % size]))
  const among = await of(noise.map((value, i) => (i < size ? value : LOUDER * value)))
  const first = alone.data.subarray(0, size)
  return { difference: relativeDifference(among.data.subarray(0, size), first), alone: first }
}

/** Above what rounding of float32 in another order gives, below what eight bits do. */
const MOST_DIFFERENCE = 1e-3

/**
 * What is said of a file whose prediction of an image changes by `difference` among others; null: it does not.
 * @param fixed images of a run, where it is made for some number
 */
export function dependenceNote(file: string, difference: number, fixed: number | undefined): string | null {
  if (!(difference > MOST_DIFFERENCE)) return null
  const why = `what ${file} predicts for an image changes by ${Number((100 * difference).toPrecision(2))} % with the other images of a run, as of dynamically quantised (int8) files and of networks exported in training mode`
  return fixed === undefined
    ? `${why}: images are run one by one`
    : `${why}: it is made for ${fixed} images a run, so an image depends on those that it is drawn with`
}
