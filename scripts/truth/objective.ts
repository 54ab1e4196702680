/**
 * What a target is at one lambda, exactly. With p the law of the chain and Z_h = E_p0[e^(h/lambda)]:
 *
 *     guided    E r1 of the guided chain at s = 1/lambda
 *     tilt      E r1 of p* proportional to p0 e^(r2/lambda), p0 the base chain's own law
 *     penalty   -F_gamma = gamma lambda (log Z_{r1/gamma + r2} - log Z_{r2}), which goes to E_{p*} r1 as gamma grows
 */
import type { Fineness, LineLaw } from './lineLaw.ts'
import { lineLaw } from './lineLaw.ts'
import { planeLaw } from './planeLaw.ts'
import type { TruthProblem } from './problem.ts'
import { MINIMUM_ALPHA_BAR } from './problem.ts'
import { chainSteps } from './steps.ts'

/** Fine enough for nine digits on all problems here: twice as fine changes nothing that is kept. */
export const FINE: Fineness = { density: 2.5, reach: 9 }
/** A tilt weighs what lies far out. */
export const FINE_TILT: Fineness = { density: 2.5, reach: 27 }
/** In the plane, where a grid costs its points times those below a kernel. */
export const FINE_PLANE: Fineness = { density: 1.2, reach: 6 }
export const FINE_PLANE_TILT: Fineness = { density: 1.2, reach: 9 }

/** Final points by their two rewards. */
export interface RewardLaw {
  readonly weights: Float64Array
  /** r1. */
  readonly upper: Float64Array
  /** r2. */
  readonly lower: Float64Array
}

/** What there is at one lambda. */
export interface AtLambda {
  /** What is to be as large as it can. */
  readonly objective: number
  /** E r1, of p* for `penalty`. */
  readonly upper: number
  /** E r2. */
  readonly lower: number
}

/** The exact objective of a problem. */
export function objectiveOf(problem: TruthProblem, times: Partial<Fineness> = {}): (lambda: number) => AtLambda {
  const { target, gamma, space } = problem
  const [guided, tilt] = space.kind === 'plane' ? [FINE_PLANE, FINE_PLANE_TILT] : [FINE, FINE_TILT]
  const usual = target === 'guided' ? guided : tilt
  const fineness = { density: usual.density * (times.density ?? 1), reach: usual.reach * (times.reach ?? 1) }
  const laws = lawsOf(problem, fineness)
  if (target === 'guided') {
    return (lambda) => {
      const law = laws(1 / lambda)
      const upper = mean(law.weights, law.upper)
      return { objective: upper, upper, lower: mean(law.weights, law.lower) }
    }
  }
  const base = laws(0)
  return (lambda) => {
    const chased = tilted(base, base.lower, lambda)
    const upper = mean(chased.weights, base.upper)
    const lower = mean(chased.weights, base.lower)
    if (target === 'tilt') return { objective: upper, upper, lower }
    const both = tilted(
      base,
      base.upper.map((value, i) => value / gamma + base.lower[i]),
      lambda,
    )
    return { objective: gamma * lambda * (both.logZ - chased.logZ), upper, lower }
  }
}

/** KL(p_h || p0) of the tilt by h = r2 + share r1, in nats: E_{p_h}[h]/lambda - log Z_h. */
export function klOfTilt(base: RewardLaw, share: number, lambda: number): number {
  const h = base.lower.map((value, i) => value + share * base.upper[i])
  const { weights, logZ } = tilted(base, h, lambda)
  return mean(weights, h) / lambda - logZ
}

/** The chain's law at a scale, by its rewards. */
export function lawsOf(problem: TruthProblem, fineness: Fineness): (scale: number) => RewardLaw {
  const { space, judge } = problem
  const steps = chainSteps(problem.steps, problem.sampler, MINIMUM_ALPHA_BAR)
  if (space.kind === 'plane') {
    return (scale) => {
      const { u, v, weights } = planeLaw(space.data, space.chased, steps, scale, fineness)
      return {
        weights,
        upper: u.map((at, i) => judge(at, v[i])),
        lower: u.map((at, i) => space.chased.value(at, v[i])),
      }
    }
  }
  const least = Math.exp((-fineness.reach * fineness.reach) / 2)
  return (scale) => {
    const lines = space.data.map((data, i) => lineLaw(data, space.chased[i], steps, scale, fineness))
    const lower = lines.map(({ points }, i) => points.map((u) => space.chased[i].value(u)))
    const [first, second] = lines
    if (!second) return { weights: first.weights, upper: first.points.map((u) => judge(u, 0)), lower: lower[0] }
    return productLaw(first, second, least, (i, j) => ({
      upper: judge(first.points[i], second.points[j]),
      lower: lower[0][i] + lower[1][j],
    }))
  }
}

/** Two independent coordinates, without the pairs that weigh next to nothing. */
function productLaw(
  first: LineLaw,
  second: LineLaw,
  least: number,
  rewards: (i: number, j: number) => { readonly upper: number; readonly lower: number },
): RewardLaw {
  const most = largest(first.weights) * largest(second.weights)
  const [weights, upper, lower]: number[][] = [[], [], []]
  for (const [i, a] of first.weights.entries()) {
    for (const [j, b] of second.weights.entries()) {
      if (a * b < least * most) continue
      const known = rewards(i, j)
      weights.push(a * b)
      upper.push(known.upper)
      lower.push(known.lower)
    }
  }
  return { weights: Float64Array.from(weights), upper: Float64Array.from(upper), lower: Float64Array.from(lower) }
}

/** The tilt of a law by h/lambda, and log E e^(h/lambda). */
function tilted({ weights }: RewardLaw, h: Float64Array, lambda: number) {
  const most = h.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const raised = weights.map((weight, i) => weight * Math.exp((h[i] - most) / lambda))
  const total = raised.reduce((sum, value) => sum + value, 0)
  return { weights: raised.map((value) => value / total), logZ: Math.log(total) + most / lambda }
}

/** About the first value, so that a large constant costs no digits. */
function mean(weights: Float64Array, values: Float64Array): number {
  const about = values[0]
  let [sum, total] = [0, 0]
  for (const [i, weight] of weights.entries()) {
    sum += weight * (values[i] - about)
    total += weight
  }
  return about + sum / total
}

const largest = (values: Float64Array): number => values.reduce((a, b) => Math.max(a, b), 0)
