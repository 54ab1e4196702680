/** Two-point: (f(v + delta u) - f(v - delta u)) / (2 delta) u, u ~ N(0, I), the same samples in both (Nesterov and Spokoiny 2017). */
import type {
  EstimateCost,
  EstimatorCall,
  EstimatorPlace,
  GradientEstimator,
  PerturbationSettings,
} from './estimator.ts'
import { alongDirection, checkDelta, drawDirection, placeOf, valueAlong } from './estimator.ts'

/** @param settings delta: .1 of a scale by default */
export function twoPoint(settings: Partial<PerturbationSettings> = {}): GradientEstimator {
  const delta = checkDelta(settings.delta ?? 0.1)
  return {
    name: 'two-point',
    needsDerivative: false,
    inWeights: true,
    delta,
    cost,
    async estimate<B extends string, S>(call: EstimatorCall<B, S>) {
      const u = drawDirection(call)
      const above = await valueAlong(call, u, delta)
      const below = await valueAlong(call, u, -delta)
      return {
        value: (above + below) / 2,
        ...alongDirection(call, u, (above - below) / (2 * delta)),
        ready: true,
        evaluations: cost(placeOf(call)).total,
        state: { draws: call.state.draws + 1, previous: null },
      }
    },
  }
}

const cost = ({ upper }: EstimatorPlace): EstimateCost => ({ total: 2 * upper.value, derivative: 0 })
