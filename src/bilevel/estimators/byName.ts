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

/** The estimator of that name. @throws `bilevel.estimator` naming those there are */
export function estimatorByName(name: string, settings: Partial<PerturbationSettings> = {}): GradientEstimator {
  if (!Object.hasOwn(ESTIMATORS, name)) {
    throw inputError('bilevel.estimator', `an estimator is one of ${ESTIMATOR_NAMES.join(', ')}; got '${name}'`)
  }
  return ESTIMATORS[name as EstimatorName](settings)
}
