/** Repeats an estimator at one point with fresh directions and samples, and measures its signal-to-noise. */
import type { Blocks, Upper, UpperGradient } from '../problem.ts'
import type { EstimatorCall, GradientEstimator } from './estimator.ts'
import { ESTIMATOR_START } from './estimator.ts'
import type { SignalToNoise } from './signalToNoise.ts'
import { signalToNoise } from './signalToNoise.ts'

export interface MeasureOptions<B extends string, S>
  extends Omit<EstimatorCall<B, S>, 'state' | 'weights' | 'sampleKey'> {
  readonly repeats: number
  /** Key of the first repeat; each repeat has its own. */
  readonly firstSampleKey?: number
  /** One key for all: what is left is the noise of the directions. Default false. */
  readonly sameSamples?: boolean
}

/** Signal-to-noise, in units of scale, of an estimator of df/dq. Calls that only prime are left out but their cost is not. */
export async function measureEstimator<B extends string, S>(
  estimator: GradientEstimator,
  { repeats, firstSampleKey = 0, sameSamples = false, ...call }: MeasureOptions<B, S>,
): Promise<SignalToNoise> {
  const estimates: Float64Array[] = []
  let state = ESTIMATOR_START
  let evaluations = 0
  for (let repeat = 0; estimates.length < repeats; repeat++) {
    const sampleKey = sameSamples ? firstSampleKey : firstSampleKey + repeat
    const estimate = await estimator.estimate({ ...call, weights: null, sampleKey, state })
    state = estimate.state
    evaluations += estimate.evaluations
    if (estimate.ready) estimates.push(inScaleUnits(call.blocks, call.upper, call.wanted, estimate.upper))
  }
  return signalToNoise(estimates, evaluations / repeats)
}

/** The gradient in value / scale: all wanted blocks end to end. */
export function inScaleUnits<B extends string>(
  blocks: Blocks<B>,
  upper: Upper<B>,
  wanted: readonly B[],
  gradient: UpperGradient<B>,
): Float64Array {
  return Float64Array.from(
    wanted.flatMap((block) => [...upper[block]].map((_, i) => (gradient[block]?.[i] ?? 0) * blocks[block].scale[i])),
  )
}
