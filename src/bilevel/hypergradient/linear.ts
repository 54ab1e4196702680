/** The hypergradients `implicit` and `unrolled`: dF/dq = df/dq - d_q (grad_theta g . v) at what is deployed, with its standard error. */
import { internalError } from '../../base/index.ts'
import { linearGradientCost, problemCost } from '../cost.ts'
import type { EstimatorCall } from '../estimators/estimator.ts'
import type { LowerSolutions } from '../lowerSolutions.ts'
import type { BilevelProblem, Upper, UpperGradient, Vector } from '../problem.ts'
import { blockNames } from '../problem.ts'
import type { PenaltySettings } from '../settings.ts'
import { record } from '../state.ts'
import type { Adjoint, Place } from './adjoint.ts'
import { implicitAdjoint, throughWeights, unrolledAdjoint } from './adjoint.ts'
import type { DifferentiableLower } from './differentiable.ts'
import { requireDifferentiable } from './differentiable.ts'
import type { HypergradientEstimate } from './estimate.ts'
import { requireFinite } from './estimate.ts'
import { givesBoth, horizonAt } from './settings.ts'

/** One estimate. */
interface Replicate<B extends string> {
  readonly value: number
  readonly direct: UpperGradient<B>
  readonly indirect: UpperGradient<B>
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
      draw: () => lower.draw(draws++),
    })
    const indirect = await meanOf(settings.linear.mixedBatches, async () =>
      throughWeights(lower, place, await lower.draw(draws++), adjoint.v),
    )
    replicates.push({ value: pulled.value, direct: pulled.upper, indirect })
  }
  evaluations += linearGradientCost(problemCost(problem), settings, solved.state.iteration + 1).total
  const names = blockNames(problem.blocks)
  const sizes = record(names, (name) => problem.blocks[name].initial.length)
  const over = (of: (one: Replicate<B>) => Upper<B>) => meanAndError(names, replicates.map(of))
  const whole = ({ direct, indirect }: Replicate<B>) =>
    record(names, (name) =>
      new Float64Array(sizes[name]).map((_, i) => (direct[name]?.[i] ?? 0) + (indirect[name]?.[i] ?? 0)),
    )
  const part = (key: 'direct' | 'indirect') =>
    over((one) => record(names, (name) => one[key][name] ?? new Float64Array(sizes[name]))).mean
  const { mean: gradient, standardError } = over(whole)
  requireFinite(gradient, solved.state.iteration)
  return {
    state: { ...solved.state, draws, samples, evaluations },
    gradient,
    standardError,
    direct: only(problem.objective.blocks, part('direct')),
    indirect: only(lower.blocks, part('indirect')),
    value: replicates.reduce((sum, { value }) => sum + value, 0) / replicates.length,
    ready: true,
  }
}

const only = <B extends string>(names: readonly B[], all: Upper<B>): UpperGradient<B> =>
  Object.fromEntries(names.map((name) => [name, all[name]])) as UpperGradient<B>

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
  { hypergradient, linear }: PenaltySettings,
  place: Place<B, S>,
  pull: Vector,
  { iteration, draw }: { readonly iteration: number; readonly draw: () => Batch | Promise<Batch> },
): Promise<Adjoint> {
  const steps = lower.stepSizes(place.state)
  const horizon = horizonAt(linear, iteration)
  if (hypergradient === 'unrolled') return unrolledAdjoint(lower, place, pull, { steps, horizon, draw })
  const batches: Batch[] = []
  for (let k = 0; k < linear.hessianBatches; k++) batches.push(await draw())
  return implicitAdjoint(lower, place, pull, { steps, horizon, iterations: linear.iterations, batches })
}

async function meanOf<B extends string>(
  count: number,
  one: () => Promise<UpperGradient<B>>,
): Promise<UpperGradient<B>> {
  const sum: Partial<Record<B, Float64Array>> = {}
  for (let k = 0; k < count; k++) {
    const found = await one()
    for (const name of Object.keys(found) as B[]) {
      const before = sum[name]
      sum[name] = found[name]?.map((value, i) => (before?.[i] ?? 0) + value / count)
    }
  }
  return sum
}

/** Over replicates, of each parameter. */
function meanAndError<B extends string>(
  names: readonly B[],
  all: readonly Upper<B>[],
): { readonly mean: Upper<B>; readonly standardError: Upper<B> } {
  const n = all.length
  const mean = record(names, (name) => all[0][name].map((_, i) => all.reduce((sum, one) => sum + one[name][i], 0) / n))
  const standardError = record(names, (name) =>
    mean[name].map((m, i) => Math.sqrt(all.reduce((sum, one) => sum + (one[name][i] - m) ** 2, 0) / (n - 1) / n)),
  )
  return { mean, standardError }
}
