/**
 * How strongly f pulls z: |grad f| / gamma as a share of the size of grad g on a minibatch. Where it is small the offset is linear in 1/gamma, as the
 * penalty's limit has it, and an optimizer that scales by its second moment scales z as it scales y. gamma follows from the share; chosen by hand it was wrong by
 * factors of 20 to 100 on a diffusion network (pulls of 4 to 24 beside gradients of .2).
 */
import { failure, inputError } from '../base/index.ts'
import { norm } from './offset.ts'
import type { TrainedLower, Upper, Vector } from './problem.ts'
import type { PenaltySettings } from './settings.ts'

/** Minibatches over which the size of grad g is taken, at most. */
const GRADIENT_BATCHES = 4

/** Minibatches on which the pull of the first iteration is measured; 0: it is not. */
export const pullBatches = ({
  gamma,
  refusePull,
  twinSteps,
}: Pick<PenaltySettings, 'gamma' | 'refusePull' | 'twinSteps'>): number =>
  gamma === 'auto' || refusePull ? Math.min(GRADIENT_BATCHES, twinSteps) : 0

/**
 * gamma of a pull: what the settings say, or `auto`, with which the pull is `pullShare` of the size of grad g (root mean square over minibatches, before clipping).
 * @param pull    grad f in the weights
 * @param given   gamma where it is a number; null: auto
 * @throws `bilevel.gamma` on a gamma whose pull is larger, with the one that passes; where one of the two gradients is 0, so that no gamma follows
 */
export async function gammaOf<B extends string, S, Batch>(
  lower: TrainedLower<B, S, Batch>,
  { state, upper, batches }: { readonly state: S; readonly upper: Upper<B>; readonly batches: readonly Batch[] },
  pull: Vector,
  given: number | null,
  share: number,
): Promise<number> {
  let squares = 0
  for (const batch of batches) {
    const gradient = await lower.gradientInWeights?.(state, upper, batch)
    squares += gradient ? norm(gradient) ** 2 / batches.length : Number.NaN
  }
  const fitting = norm(pull) / (share * Math.sqrt(squares))
  if (given === null) {
    if (fitting > 0 && Number.isFinite(fitting)) return fitting
    const message = `gamma auto needs a gradient of both levels in the weights that is not 0, got ${norm(pull)} of the upper and ${Math.sqrt(squares)} of the lower: give gamma a number`
    throw failure('bilevel.gamma', message)
  }
  if (given >= fitting) return given
  const percent = (value: number) => `${(100 * value).toPrecision(3)} %`
  const rule = `the pull on z, |grad f| / gamma, must be at most ${percent(share)} of the gradient of the lower problem`
  throw inputError(
    'bilevel.gamma',
    `${rule}, got ${percent((share * fitting) / given)} with gamma ${given}: give gamma ${roundedUp(fitting)} or more, or auto`,
  )
}

/** To two digits. */
function roundedUp(value: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1)
  return Number((Math.ceil(value / unit) * unit).toPrecision(2))
}
