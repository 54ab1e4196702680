/**
 * One-point with residual feedback: (f_k(v_k + delta u_k) - f_{k-1}(v_{k-1} + delta u_{k-1})) u_k / delta, one evaluation a call; the first
 * call primes (Zhang, Zhou, Ji, Zavlanos 2022). Change of v, and of samples where the key changes, enters as noise.
 */
import type {
  EstimateCost,
  EstimatorCall,
  EstimatorPlace,
  GradientEstimator,
  PerturbationSettings,
} from './estimator.ts'
import { alongDirection, checkDelta, drawDirection, placeOf, valueAlong } from './estimator.ts'

/** @param settings delta: .1 of a scale by default */
export function onePoint(settings: Partial<PerturbationSettings> = {}): GradientEstimator {
  const delta = checkDelta(settings.delta ?? 0.1)
  return {
    name: 'one-point',
    needsDerivative: false,
    inWeights: true,
    delta,
    cost,
    async estimate<B extends string, S>(call: EstimatorCall<B, S>) {
      const u = drawDirection(call)
      const value = await valueAlong(call, u, delta)
      const { previous, draws } = call.state
      return {
        value,
        ...alongDirection(call, u, previous === null ? 0 : (value - previous) / delta),
        ready: previous !== null,
        evaluations: cost(placeOf(call)).total,
        state: { draws: draws + 1, previous: value },
      }
    },
  }
}

const cost = ({ upper }: EstimatorPlace): EstimateCost => ({ total: upper.value, derivative: 0 })
