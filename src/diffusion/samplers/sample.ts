/** Sampling and its derivative, whatever the sampler and the number of images. */
import { sameShape } from '../../base/index.ts'
import type { Images } from '../denoiser.ts'
import { partsOf, sampleInParts, vjpInParts } from './inParts.ts'
import type { Sampled, SampleGradient, SampleOptions, Tape, VjpRequest } from './together.ts'
import { sampleTogether, vjpTogether } from './together.ts'

export type { Sampled, SampleGradient, SampleOptions, Tape, VjpRequest } from './together.ts'
export { checkTimes, hasTimeDerivative, KEPT_BYTES, startNoise, stepNoise } from './together.ts'

/**
 * Draws images from start noise. Start and classes are read when it is called, not later.
 * @throws `times.integerOnly` if a told time is not an integer and the network needs one; `sampler.start`, `sampler.through`, `sampler.derivative`, `sampler.solver`, `sampler.guidance`;
 * `sampler.finite` naming step and image; `interrupted`
 */
export function sample(options: SampleOptions): Promise<Sampled> {
  const { start, condition, denoiser } = options
  const [count, ...imageShape] = start.shape
  // What does not fit is refused as a whole.
  const fits = sameShape(imageShape, denoiser.imageShape) && (condition === undefined || condition.length === count)
  const parts = fits ? partsOf(count, denoiser.batch) : []
  return parts.length > 1 ? sampleInParts(options, parts) : sampleTogether(options)
}

/**
 * Pulls a cotangent of the images back to levels, told times, start noise and, on demand, weights.
 * With `through` B, only the last B steps carry gradient: the state that enters them is a constant.
 * @param request.weightsAbove with a network that predicts noise, weights get no gradient through evaluations whose alphaBar is at most this, in [0, 1);
 *   levels, told times and the numbers of a step keep theirs. Default 0: through all
 * @throws `sampler.derivative` if the network has none
 */
export function sampleVjp(tape: Tape, dImages: Images, request: VjpRequest = {}): Promise<SampleGradient> {
  return tape.parts ? vjpInParts(tape.parts, dImages, request) : vjpTogether(tape, dImages, request)
}
