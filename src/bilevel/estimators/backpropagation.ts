/** The exact gradient, by the objective's own derivative. Its cost does not grow with the number of upper variables. */
import { inputError } from '../../base/index.ts'
import type { EstimateCost, EstimatorCall, EstimatorPlace, GradientEstimator } from './estimator.ts'
import { placeOf } from './estimator.ts'

/** @throws `bilevel.noDerivative` from `estimate` if the objective has none */
export function backpropagation(): GradientEstimator {
  return {
    name: 'backpropagation',
    needsDerivative: true,
    inWeights: true,
    cost,
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
        evaluations: cost(placeOf(call)).total,
        state,
      }
    },
  }
}

/** A gradient's forward pass comes with the value. */
function cost({ upper, weights }: EstimatorPlace): EstimateCost {
  const total = weights ? upper.weightsGradient : upper.gradient
  return { total, derivative: total - upper.value }
}
