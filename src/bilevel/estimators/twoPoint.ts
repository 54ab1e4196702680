/** Two-point: (f(v + delta u) - f(v - delta u)) / (2 delta) u, u ~ N(0, I), the same samples in both (Nesterov and Spokoiny 2017). */
import type { EstimatorCall, GradientEstimator, PerturbationSettings } from './estimator.ts'
import { alongDirection, checkDelta, drawDirection, valueAlong } from './estimator.ts'

/** @param settings delta: .1 of a scale by default */
export function twoPoint(settings: Partial<PerturbationSettings> = {}): GradientEstimator {
  const delta = checkDelta(settings.delta ?? 0.1)
  return {
    name: 'two-point',
    needsDerivative: false,
    inWeights: true,
    async estimate<B extends string, S>(call: EstimatorCall<B, S>) {
      const u = drawDirection(call)
      const above = await valueAlong(call, u, delta)
      const below = await valueAlong(call, u, -delta)
      return {
        value: (above + below) / 2,
        ...alongDirection(call, u, (above - below) / (2 * delta)),
        ready: true,
        evaluations: 2 * call.objective.cost.value,
        state: { draws: call.state.draws + 1, previous: null },
      }
    },
  }
}
