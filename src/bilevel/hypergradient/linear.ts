/** The hypergradients `implicit` and `unrolled`: dF/dq = df/dq - d_q (grad_theta g . v) at what is deployed, with its standard error. */
import { internalError } from '../../base/index.ts'
import { emaDecay } from '../../nn/index.ts'
import { linearGradientCost, problemCost } from '../cost.ts'
import type { EstimatorCall } from '../estimators/estimator.ts'
import type { LowerSolutions } from '../lowerSolutions.ts'
import type { BilevelProblem, Upper, UpperGradient, Vector } from '../problem.ts'
import { blockNames } from '../problem.ts'
import type { PenaltySettings } from '../settings.ts'
import { record } from '../state.ts'
import type { Adjoint, Following, Place } from './adjoint.ts'
import { implicitAdjoint, throughWeights, unrolledAdjoint } from './adjoint.ts'
import type { DifferentiableLower } from './differentiable.ts'
import { requireDifferentiable } from './differentiable.ts'
import type { HypergradientEstimate, SolveReport } from './estimate.ts'
import { meanAndError, requireFinite } from './estimate.ts'
import { givesBoth, horizonAt } from './settings.ts'

/** One estimate. */
interface Replicate<B extends string> {
  readonly value: number
  readonly direct: UpperGradient<B>
  readonly indirect: UpperGradient<B>
  readonly adjoint: Adjoint
}

/** dF/dq at `solved.state.upper` and the deployed weights. @throws `bilevel.diverged` if it is not finite; `bilevel.hypergradient` */
export async function linearGradient<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  solved: LowerSolutions<B, S, Batch>,
): Promise<HypergradientEstimate<B, S>> {
  const lower = requireDifferentiable(problem.lower, settings.hypergradient)
  const place = { state: await solved.deployed(), upper: solved.state.upper }
  const replicates: Replicate<B>[] = []
  let { draws, samples, evaluations } = solved.state
  for (let r = 0; r < settings.linear.replicates; r++) {
    const pulled = await pullAt(problem, settings, place, settings.freshSamples ? samples++ : r)
    const adjoint = await adjointOf(lower, settings, place, pulled.weights, {
      iteration: solved.state.iteration + 1,
      lowerSteps: solved.state.trained?.steps ?? 0,
      draw: () => lower.draw(draws++),
    })
    const mixed: UpperGradient<B>[] = []
    for (let k = 0; k < settings.linear.mixedBatches; k++) {
      mixed.push(await throughWeights(lower, place, await lower.draw(draws++), adjoint.v))
    }
    const indirect = meanAndError(lower.blocks, mixed).mean
    replicates.push({ value: pulled.value, direct: pulled.upper, indirect, adjoint })
  }
  evaluations += linearGradientCost(problemCost(problem), settings, solved.state.iteration + 1).total
  const names = blockNames(problem.blocks)
  const whole = ({ direct, indirect }: Replicate<B>): Upper<B> =>
    record(names, (name) =>
      problem.blocks[name].initial.map((_, i) => (direct[name]?.[i] ?? 0) + (indirect[name]?.[i] ?? 0)),
    )
  const { mean, standardError } = meanAndError(names, replicates.map(whole))
  // every block is in every estimate
  const gradient = mean as Upper<B>
  requireFinite(gradient, solved.state.iteration)
  const through = meanAndError(
    lower.blocks,
    replicates.map(({ indirect }) => indirect),
  )
  return {
    state: { ...solved.state, draws, samples, evaluations },
    gradient,
    standardError: standardError as Upper<B> | null,
    direct: meanAndError(
      problem.objective.blocks,
      replicates.map(({ direct }) => direct),
    ).mean,
    indirect: through.mean,
    indirectError: through.standardError,
    solve: solveOf(replicates.map(({ adjoint }) => adjoint)),
    value: replicates.reduce((sum, { value }) => sum + value, 0) / replicates.length,
    ready: true,
  }
}

/** Null of the series, which solves no system. */
function solveOf(adjoints: readonly Adjoint[]): SolveReport | null {
  const residuals = adjoints.flatMap(({ residual }) => residual ?? [])
  if (residuals.length === 0) return null
  const indefinite = adjoints.filter(({ definite }) => !definite).length
  return { systems: residuals.length, indefinite, residual: Math.max(...residuals) }
}

/** df/dq and df/dtheta of one sample key: at once where one estimator gives both. */
async function pullAt<B extends string, S, Batch>(
  problem: BilevelProblem<B, S, Batch>,
  settings: PenaltySettings,
  place: Place<B, S>,
  sampleKey: number,
): Promise<{ readonly value: number; readonly upper: UpperGradient<B>; readonly weights: Vector }> {
  const { objective, blocks, lower } = problem
  const access = requireDifferentiable(lower, settings.hypergradient)
  const { estimator, weightsEstimator, seed } = settings
  const call: Omit<EstimatorCall<B, S>, 'wanted' | 'weights'> = {
    objective,
    blocks,
    upper: place.upper,
    lower: place.state,
    sampleKey,
    seed,
    // a direction of its own for each key
    state: { draws: sampleKey, previous: null },
  }
  const both = givesBoth(settings)
  const pull = await weightsEstimator.estimate({ ...call, wanted: both ? objective.blocks : [], weights: access })
  const { weights } = pull
  if (!weights) throw internalError(`${weightsEstimator.name} gave no gradient in the weights`)
  if (both || objective.blocks.length === 0) return { value: pull.value, upper: pull.upper, weights }
  const { upper } = await estimator.estimate({ ...call, wanted: objective.blocks, weights: null })
  return { value: pull.value, upper, weights }
}

async function adjointOf<B extends string, S, Batch>(
  lower: DifferentiableLower<B, S, Batch>,
  { hypergradient, linear, averageDecay }: PenaltySettings,
  place: Place<B, S>,
  pull: Vector,
  {
    iteration,
    lowerSteps,
    draw,
  }: { readonly iteration: number; readonly lowerSteps: number; readonly draw: () => Batch | Promise<Batch> },
): Promise<Adjoint> {
  const steps = lower.stepSizes(place.state)
  const curved = async () => {
    const batch = await draw()
    const { ownTargets } = lower
    return linear.curvature === 'hessian' || !ownTargets ? batch : ownTargets(place.state, place.upper, batch)
  }
  const following: Following = {
    horizon: horizonAt(linear, iteration),
    decayAt: (k) => emaDecay(lowerSteps + k, averageDecay),
  }
  if (hypergradient === 'unrolled') return unrolledAdjoint(lower, place, pull, { steps, following, draw: curved })
  const batches: Batch[] = []
  for (let k = 0; k < linear.hessianBatches; k++) batches.push(await curved())
  return implicitAdjoint(lower, place, pull, { steps, following, iterations: linear.iterations, batches })
}
