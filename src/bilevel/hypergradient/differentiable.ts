/** A trained lower problem with the derivatives that `implicit` and `unrolled` take. */
import { inputError } from '../../base/index.ts'
import type { LowerProblem, TrainedLower } from '../problem.ts'

export type DifferentiableLower<B extends string, S, Batch> = TrainedLower<B, S, Batch> &
  Required<Pick<TrainedLower<B, S, Batch>, 'gradientInWeights' | 'stepSizes'>>

const isDifferentiable = <B extends string, S, Batch>(
  lower: TrainedLower<B, S, Batch>,
): lower is DifferentiableLower<B, S, Batch> => lower.gradientInWeights !== undefined && lower.stepSizes !== undefined

/** @throws `bilevel.hypergradient` if the lower problem is not trained, or has not what is needed */
export function requireDifferentiable<B extends string, S, Batch>(
  lower: LowerProblem<B, S, Batch>,
  name: string,
): DifferentiableLower<B, S, Batch> {
  if (lower.kind === 'trained' && isDifferentiable(lower)) return lower
  const came =
    lower.kind === 'trained' ? 'one without gradientInWeights or stepSizes' : `one of the kind '${lower.kind}'`
  const message = `the hypergradient '${name}' needs a trained lower problem with gradientInWeights and stepSizes, got ${came}: give it both, or use 'penalty'`
  throw inputError('bilevel.hypergradient', message)
}
