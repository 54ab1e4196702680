/** What checking a model's convention costs at most: known before it is done, for plans. */
import type { Candidate, ToldNetwork } from '../../diffusion/index.ts'
import { mostPredictions, OWN_PICTURES, ownSteps } from '../../diffusion/index.ts'
import { PICTURES } from './sharedData.ts'

/** Network evaluations at most, where there are pictures and where there are none. */
export interface CheckingCost {
  readonly seen: number
  readonly alone: number
}

/** Of models whose convention is not checked. */
export const NO_CHECKING: CheckingCost = { seen: 0, alone: 0 }

/** Calls for noise alone: of two images. */
const NOISE_IMAGES = 2
/** Times that a candidate is tried at both ends of its times: the stated one, as it was chosen, and the best. */
const ENDS = 4

/** @param trust it is taken as stated: without pictures nothing is tried */
export function checkingCost(
  {
    times,
    batch = 1,
    batchStep = batch,
    conditional,
    nullClass,
  }: Pick<ToldNetwork, 'times' | 'batch' | 'batchStep' | 'conditional' | 'nullClass'>,
  candidates: readonly Candidate[],
  trust: boolean,
): CheckingCost {
  const padded = (images: number) => batchStep * Math.ceil(images / batchStep)
  const [{ trained }] = candidates
  const predictions = mostPredictions(candidates, times)
  const drawn = padded(OWN_PICTURES.count)
  const alone = trust ? 0 : padded(NOISE_IMAGES) + drawn * (ownSteps(trained) + predictions)
  // Where a table of times ends early, an end of each candidate may still answer.
  const ends = padded(1) * (ENDS + candidates.length)
  const guessed = conditional === true && nullClass === undefined
  return { seen: predictions * padded(PICTURES) + ends + (guessed ? alone : 0), alone }
}
