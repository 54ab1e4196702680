/** Central differences in each upper variable, with common random numbers. For the upper variables only: two evaluations each. */
import { inputError } from '../../base/index.ts'
import type { UpperBlock } from '../problem.ts'
import { project } from '../projection.ts'
import type {
  EstimateCost,
  EstimatorCall,
  EstimatorPlace,
  GradientEstimator,
  PerturbationSettings,
} from './estimator.ts'
import { checkDelta, placeOf } from './estimator.ts'

/** Shortest step tried, as a share of the first. */
const SMALLEST = 2 ** -10

/** @param settings delta: .1 of a scale by default. @throws `bilevel.coordinateWeights` from `estimate` if weights are wanted */
export function coordinate(settings: Partial<PerturbationSettings> = {}): GradientEstimator {
  const delta = checkDelta(settings.delta ?? 0.1)
  return {
    name: 'coordinate',
    needsDerivative: false,
    inWeights: false,
    delta,
    cost,
    async estimate<B extends string, S>(call: EstimatorCall<B, S>) {
      if (call.weights) {
        const message =
          'coordinate differences are for the upper variables only, not for weights: use backpropagation or two-point'
        throw inputError('bilevel.coordinateWeights', message)
      }
      const upper: Partial<Record<B, Float64Array>> = {}
      const values: number[] = []
      for (const block of call.wanted) {
        const at = call.upper[block]
        const gradient = new Float64Array(at.length)
        const valueAt = async (i: number, step: number) => {
          const value = await call.objective.value(
            { ...call.upper, [block]: moved(at, i, step) },
            call.lower,
            call.sampleKey,
          )
          values.push(value)
          return value
        }
        for (let i = 0; i < at.length; i++) {
          const room = feasibleSteps(call.blocks[block], at, i, delta)
          if (room === null) continue
          const difference = (await valueAt(i, room.up)) - (await valueAt(i, -room.down))
          gradient[i] = difference / (room.up + room.down)
        }
        upper[block] = gradient
      }
      return {
        value: values.reduce((sum, value) => sum + value / values.length, 0),
        upper,
        weights: null,
        ready: true,
        evaluations: cost({ ...placeOf(call), parameters: values.length / 2 }).total,
        state: call.state,
      }
    },
  }
}

/** A value on either side of each parameter. */
const cost = ({ upper, parameters }: EstimatorPlace): EstimateCost => ({
  total: 2 * parameters * upper.value,
  derivative: 0,
})

const moved = (values: Float64Array, i: number, step: number) => values.map((v, j) => (j === i ? v + step : v))

/** Steps up and down that stay feasible: both, or one and 0 at an edge; null where a parameter cannot move at all. */
function feasibleSteps(
  block: UpperBlock,
  values: Float64Array,
  i: number,
  delta: number,
): { readonly up: number; readonly down: number } | null {
  const feasible = (step: number) => {
    const point = moved(values, i, step)
    return project(block, point).every((v, j) => v === point[j])
  }
  for (let share = 1; share >= SMALLEST; share /= 2) {
    const step = delta * share * block.scale[i]
    const up = feasible(step) ? step : 0
    const down = feasible(-step) ? step : 0
    if (up + down > 0) return { up, down }
  }
  return null
}
