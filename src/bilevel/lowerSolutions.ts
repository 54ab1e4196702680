/** Steps 1 and 2 of the algorithm for each kind of lower problem: y, z and what is deployed. */
import { internalError } from '../base/index.ts'
import { keyCost } from './cost.ts'
import type { OffsetReport } from './offset.ts'
import type { BilevelProblem, TrainedLower, Vector } from './problem.ts'
import { gammaOf, pullBatches } from './pull.ts'
import type { PenaltySettings } from './settings.ts'
import { knownGamma, usesTwins } from './settings.ts'
import type { PenaltyState } from './state.ts'
import type { Stepped, TrainedState } from './twins.ts'
import { stepY, trainTwins } from './twins.ts'

/** The lower solutions of one iteration. */
export interface LowerSolutions<B extends string, S, Batch> {
  /** The run's state after solving; q has not moved. */
  readonly state: PenaltyState<B, S>
  readonly y: S
  /** z, and minibatches that serve both terms in g. Null where there is no z: frozen, or switched off. */
  readonly twin: { readonly z: S; readonly batches: readonly Batch[] } | null
  /** What is deployed: the average of theta_y if trained, else y. */
  readonly deployed: () => Promise<S>
  readonly gamma: number | null
  readonly loss: number | null
  readonly offset: OffsetReport | null
}

/** At most `count` steps of y with q held (warm-up, step 1). `loss`: of the last one; null if none was made. */
export async function descend<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  state: PenaltyState<B, S>,
  count: number,
): Promise<{ readonly state: PenaltyState<B, S>; readonly loss: number | null }> {
  const { lower } = problem
  let { trained, draws, evaluations } = state
  let loss: number | null = null
  if (lower.kind !== 'trained' || trained === null) return { state, loss }
  const training = { lower, upper: state.upper, averageDecay: settings.averageDecay }
  for (let k = 0; k < count; k++) {
    const batch = await lower.draw(draws++)
    const next: Stepped<S> = await stepY(training, trained, batch)
    trained = next.state
    loss = next.loss
    evaluations += lower.cost.step
  }
  return { state: { ...state, trained, draws, evaluations }, loss }
}

/** y and z of this iteration at `state.upper`. */
export async function solveLower<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  state: PenaltyState<B, S>,
): Promise<LowerSolutions<B, S, Batch>> {
  const { lower } = problem
  if (lower.kind === 'frozen') {
    const { state: y } = lower
    return { state, y, twin: null, deployed: async () => y, gamma: null, loss: null, offset: null }
  }
  if (lower.kind === 'trained') return solveByTraining(problem, lower, settings, state)
  const gamma = knownGamma(settings, state)
  if (gamma === null) throw internalError('a solved lower problem without gamma')
  const batch = await lower.draw(state.draws)
  const y = await lower.solve(state.upper, 0, batch)
  const twin = settings.z ? { z: await lower.solve(state.upper, 1 / gamma, batch), batches: [batch] } : null
  const evaluations = state.evaluations + (twin ? 2 : 1) * lower.cost.solve
  const next = { ...state, gamma, draws: state.draws + 1, evaluations }
  return { state: next, y, twin, deployed: async () => y, gamma, loss: null, offset: null }
}

async function solveByTraining<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  lower: TrainedLower<B, S, Batch>,
  settings: PenaltySettings,
  start: PenaltyState<B, S>,
): Promise<LowerSolutions<B, S, Batch>> {
  const { upper } = start
  const deployedOf = (trained: TrainedState<S>) => async () => {
    const averaged = lower.withWeights(trained.y, trained.average)
    return lower.settle ? lower.settle(averaged, upper) : averaged
  }
  const twinned = usesTwins(settings)
  // 1. y: K steps (all K + J without z, so that y is trained as much)
  const steps = settings.lowerSteps + (twinned ? 0 : settings.twinSteps)
  const { state, loss } = await descend(problem, settings, start, steps)
  const { trained } = state
  if (trained === null) throw internalError('a trained lower problem without its state')
  const known = settings.hypergradient === 'penalty' ? knownGamma(settings, start) : null
  if (!twinned) {
    const { y } = trained
    const gamma = known
    return {
      state: { ...state, gamma },
      y,
      twin: null,
      deployed: deployedOf(trained),
      gamma,
      loss,
      offset: null,
    }
  }

  // 2. y and z: J steps each; z alone feels grad f / gamma
  let { draws, samples, evaluations } = state
  let weightsState = state.estimators.weights
  const gradientAt = async (z: S): Promise<Vector | null> => {
    const estimate = await settings.weightsEstimator.estimate({
      objective: problem.objective,
      blocks: problem.blocks,
      upper,
      lower: z,
      wanted: [],
      weights: lower,
      sampleKey: settings.freshSamples ? samples++ : 0,
      seed: settings.seed,
      state: weightsState,
    })
    weightsState = estimate.state
    evaluations += estimate.evaluations + (settings.freshSamples ? keyCost({ upper: problem.objective.cost }) : 0)
    return estimate.ready ? estimate.weights : null
  }
  const batches = await Promise.all(Array.from({ length: settings.twinSteps }, () => lower.draw(draws++)))
  // in the first iteration z starts where y is: its first pull is the one that gamma is measured by
  const measured = start.gamma === null ? batches.slice(0, pullBatches(settings)) : []
  let first = measured.length > 0 ? await gradientAt(trained.y) : null
  const at = { state: trained.y, upper, batches: measured }
  const gamma = first ? await gammaOf(lower, at, first, known, settings.pullShare) : known
  if (gamma === null) throw internalError('no gamma, and no pull to choose it by')
  if (first) evaluations += measured.length * (lower.cost.gradientInWeights ?? lower.cost.step)
  let shared: Vector | null = null
  let step = 0
  const pull = async (z: S): Promise<Vector | null> => {
    if (step++ % settings.pullEvery > 0) return shared
    const gradient = first ?? (await gradientAt(z))
    first = null
    shared = gradient?.map((g) => g / gamma) ?? null
    return shared
  }
  const training = { lower, upper, averageDecay: settings.averageDecay }
  const twins = await trainTwins(training, atGamma(trained, state.gamma, gamma), batches, pull, settings.reportOffset)
  const differenced = await Promise.all(Array.from({ length: settings.differenceBatches }, () => lower.draw(draws++)))
  evaluations += twins.steps * lower.cost.step
  const estimators = { ...state.estimators, weights: weightsState }
  return {
    state: { ...state, trained: twins.state, gamma, draws, samples, evaluations, estimators },
    y: twins.state.y,
    twin: { z: twins.z, batches: differenced },
    deployed: deployedOf(twins.state),
    gamma,
    loss: twins.loss,
    offset: twins.offset,
  }
}

/** What z keeps is proportional to 1/gamma. */
function atGamma<S>(trained: TrainedState<S>, before: number | null, gamma: number): TrainedState<S> {
  if (before === null || before === gamma) return trained
  const scaled = (vector: Float64Array) => vector.map((value) => (value * before) / gamma)
  const { offset, momentumOffset } = trained
  return { ...trained, offset: scaled(offset), ...(momentumOffset && { momentumOffset: scaled(momentumOffset) }) }
}
