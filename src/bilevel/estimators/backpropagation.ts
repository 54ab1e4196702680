/** The exact gradient, by the objective's own derivative. Its cost does not grow with the number of upper variables. */
import { inputError } from '../../base/index.ts'
import type { EstimatorCall, GradientEstimator } from './estimator.ts'

/** @throws `bilevel.noDerivative` from `estimate` if the objective has none */
export function backpropagation(): GradientEstimator {
  return {
    name: 'backpropagation',
    needsDerivative: true,
    inWeights: true,
    async estimate<B extends string, S>(call: EstimatorCall<B, S>) {
      const { objective, wanted, state } = call
      if (!objective.gradient) {
        const message =
          'backpropagation needs the derivative of the upper objective, which has none here: use two-point, one-point or coordinate'
        throw inputError('bilevel.noDerivative', message)
      }
      const weights = call.weights !== null
      const found = await objective.gradient(call.upper, call.lower, call.sampleKey, { blocks: wanted, weights })
      return {
        value: found.value,
        upper: found.upper,
        weights: found.weights ?? null,
        ready: true,
        evaluations: weights ? objective.cost.weightsGradient : objective.cost.gradient,
        state,
      }
    },
  }
}
