/**
 * The penalty gradient at given lower solutions, step 3's right-hand side:
 *
 *     grad F_gamma / gamma = df/dq / gamma + dg/dq(q, z) - dg/dq(q, y)
 *
 * A block that enters one level alone has one of the two parts alone. Both terms in g are taken on the same minibatch, times and noise:
 * theta_z - theta_y is of order 1/gamma, and on separate draws the noise of g would be gamma times larger than what is sought.
 */
import { isNewKey, keyCost } from './cost.ts'
import type { EstimatorState } from './estimators/estimator.ts'
import type { HypergradientEstimate } from './hypergradient/estimate.ts'
import { meanAndError, requireFinite } from './hypergradient/estimate.ts'
import type { LowerSolutions } from './lowerSolutions.ts'
import type { BilevelProblem, UpperGradient } from './problem.ts'
import { blockNames, lowerBlocks } from './problem.ts'
import type { PenaltySettings } from './settings.ts'
import type { EstimatorStates } from './state.ts'
import { record } from './state.ts'

/** The penalty gradient at `solved.state.upper`. @throws `bilevel.diverged` if it is not finite */
export async function penaltyGradient<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  solved: LowerSolutions<B, S, Batch>,
): Promise<HypergradientEstimate<B, S>> {
  const upperPart = await directPart(problem, settings, solved)
  const lowerPart = await indirectPart(problem, solved)
  const gradient = record(blockNames(problem.blocks), (name) =>
    sum(problem.blocks[name].initial.length, upperPart.direct[name], lowerPart.indirect[name]),
  )
  requireFinite(gradient, solved.state.iteration)
  const evaluations = upperPart.state.evaluations + lowerPart.evaluations
  const errors = lowerPart.standardError
  const standardError =
    errors && record(blockNames(problem.blocks), (name) => errors[name] ?? new Float64Array(gradient[name].length))
  return {
    ...upperPart,
    indirect: lowerPart.indirect,
    indirectError: errors,
    solve: null,
    gradient,
    standardError,
    state: { ...upperPart.state, evaluations },
  }
}

/** df/dq / gamma: at z for blocks that enter both levels, at what is deployed (or z) for blocks that enter f alone. */
async function directPart<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  { state, y, twin, deployed, gamma }: LowerSolutions<B, S, Batch>,
): Promise<Omit<HypergradientEstimate<B, S>, 'gradient' | 'standardError' | 'indirect' | 'indirectError' | 'solve'>> {
  const below = lowerBlocks(problem.lower)
  const atZ = settings.upperOnlyAt === 'z' && twin ? twin.z : null
  const settle = problem.lower.kind === 'trained' && atZ === null ? (problem.lower.cost.settle ?? 0) : 0
  const places: readonly { key: keyof EstimatorStates; wanted: B[]; at: () => Promise<S>; settling: number }[] = [
    {
      key: 'shared',
      wanted: problem.objective.blocks.filter((block) => below.includes(block)),
      at: async () => (twin ? twin.z : y),
      settling: 0,
    },
    {
      key: 'upperOnly',
      wanted: problem.objective.blocks.filter((block) => !below.includes(block)),
      at: atZ ? async () => atZ : deployed,
      settling: settle,
    },
  ]
  const direct: Partial<Record<B, Float64Array>> = {}
  const estimators: Record<keyof EstimatorStates, EstimatorState> = { ...state.estimators }
  let { samples, evaluations } = state
  let value: number | null = null
  let ready = true
  for (const { key, wanted, at, settling } of places) {
    if (wanted.length === 0) continue
    if (isNewKey(settings, { iteration: state.iteration, samples }))
      evaluations += keyCost({ upper: problem.objective.cost })
    const estimate = await settings.estimator.estimate({
      objective: problem.objective,
      blocks: problem.blocks,
      upper: state.upper,
      lower: await at(),
      wanted,
      weights: null,
      sampleKey: settings.freshSamples ? samples++ : 0,
      seed: settings.seed,
      state: estimators[key],
    })
    for (const block of wanted) direct[block] = estimate.upper[block]?.map((g) => g / (gamma ?? 1))
    estimators[key] = estimate.state
    evaluations += estimate.evaluations + settling
    value = estimate.value
    ready &&= estimate.ready
  }
  return { state: { ...state, samples, evaluations, estimators }, direct, value, ready }
}

/** dg/dq(z) - dg/dq(y): the mean over minibatches, each of which serves both, and its standard error where there are several. */
async function indirectPart<B extends string, S, Batch>(
  { lower }: BilevelProblem<B, S, Batch>,
  { state, y, twin }: LowerSolutions<B, S, Batch>,
): Promise<{
  readonly indirect: UpperGradient<B>
  readonly standardError: UpperGradient<B> | null
  readonly evaluations: number
}> {
  const nothing: Partial<Record<B, Float64Array>> = {}
  if (lower.kind === 'frozen' || twin === null) return { indirect: nothing, standardError: null, evaluations: 0 }
  const { z, batches } = twin
  const all: UpperGradient<B>[] = []
  for (const batch of batches) {
    const atZ = await lower.gradientInUpper(z, state.upper, batch)
    const atY = await lower.gradientInUpper(y, state.upper, batch)
    const one: Partial<Record<B, Float64Array>> = {}
    for (const block of lower.blocks) one[block] = atZ[block]?.map((g, i) => g - (atY[block]?.[i] ?? 0))
    all.push(one)
  }
  const { mean, standardError } = meanAndError(lower.blocks, all)
  return { indirect: mean, standardError, evaluations: 2 * batches.length * lower.cost.gradientInUpper }
}

function sum(size: number, ...parts: readonly (Float64Array | undefined)[]): Float64Array {
  return new Float64Array(size).map((_, i) => parts.reduce((total, part) => total + (part?.[i] ?? 0), 0))
}
