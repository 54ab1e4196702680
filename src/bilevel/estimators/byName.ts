/** The estimators by the name users give them. */
import { inputError } from '../../base/index.ts'
import { backpropagation } from './backpropagation.ts'
import { coordinate } from './coordinate.ts'
import type { EstimatorName, GradientEstimator, PerturbationSettings } from './estimator.ts'
import { onePoint } from './onePoint.ts'
import { twoPoint } from './twoPoint.ts'

const ESTIMATORS: Record<EstimatorName, (settings: Partial<PerturbationSettings>) => GradientEstimator> = {
  backpropagation,
  'two-point': twoPoint,
  'one-point': onePoint,
  coordinate,
}

export const ESTIMATOR_NAMES = Object.keys(ESTIMATORS) as readonly EstimatorName[]

/**
 * The estimator of that name.
 * @param settings delta, for those that perturb
 * @throws `bilevel.estimator` naming those there are; `bilevel.delta` on a perturbation for backpropagation, which makes none
 */
export function estimatorByName(name: string, settings: Partial<PerturbationSettings> = {}): GradientEstimator {
  if (!Object.hasOwn(ESTIMATORS, name)) {
    throw inputError('bilevel.estimator', `an estimator is one of ${ESTIMATOR_NAMES.join(', ')}; got '${name}'`)
  }
  if (name === 'backpropagation' && settings.delta !== undefined) {
    const came = `got delta ${settings.delta} for backpropagation`
    throw inputError('bilevel.delta', `delta is for estimators that perturb, ${came}; leave it out`)
  }
  return ESTIMATORS[name as EstimatorName](settings)
}
