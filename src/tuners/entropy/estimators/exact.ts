/**
 * The lower problem solved exactly on a finite support, in float64 and log space: what every estimator is held against.
 *
 *     min_lambda -E_p[r1]   s.t.   p = argmin_p' { -E_p'[r2] + lambda KL(p'||p0) }
 *
 *     p* ~ p0 exp(r2/lambda),   p_gamma ~ p0 exp((r1/gamma + r2)/lambda)
 *     F_gamma(lambda) = gamma lambda (log Z_{r2} - log Z_{r1/gamma + r2}),   Z_h = E_p0[exp(h/lambda)]
 *     F'_gamma = gamma [KL(p_gamma||p0) - KL(p*||p0)]  ->  F' = Cov_{p*}(r1, r2)/lambda^2   as gamma grows
 *
 * Xiao, Yuan, Saif, Liu, Kompella, Wang, Chen, "A First-order Generative Bilevel Optimization Framework for Diffusion Models", ICML 2025
 * (arXiv 2502.08808); signs and arguments as derived, which published code has otherwise.
 */
import { inputError, logSumExp } from '../../../base/index.ts'

/** Probabilities of a finite support (sum 1) and both rewards on it, all of one length. */
export interface FiniteProblem {
  readonly p0: ArrayLike<number>
  /** r1. */
  readonly upper: ArrayLike<number>
  /** r2. */
  readonly lower: ArrayLike<number>
}

/** p0 exp(h/lambda)/Z with log Z. */
export interface Tilt {
  readonly p: Float64Array
  readonly logZ: number
}

/** The distribution proportional to p0 exp(h/lambda). @throws `exact.support`, `exact.lambda` */
export function tilt(p0: ArrayLike<number>, h: ArrayLike<number>, lambda: number): Tilt {
  checkPositive('lambda', lambda)
  const total = Array.from(p0).reduce((a, b) => a + b, 0)
  if (p0.length === 0 || h.length !== p0.length || !(Math.abs(total - 1) < 1e-9) || Array.from(p0).some((p) => p < 0)) {
    throw inputError(
      'exact.support',
      `p0 holds probabilities of sum 1 and every reward one value for each, got ${p0.length} of sum ${total} and ${h.length} values`,
    )
  }
  const most = largest(p0, h)
  const logs = Float64Array.from(p0, (p, i) => Math.log(p) + (h[i] - most) / lambda)
  const shifted = logSumExp(logs)
  return { p: logs.map((value) => Math.exp(value - shifted)), logZ: shifted + most / lambda }
}

/** The lower solution p*. */
export function lowerSolution({ p0, lower }: FiniteProblem, lambda: number): Tilt {
  return tilt(p0, lower, lambda)
}

/** The penalty's solution p_gamma, with the reward it tilts by, r1/gamma + r2. @throws `exact.gamma` */
export function penaltySolution(
  { p0, upper, lower }: FiniteProblem,
  lambda: number,
  gamma: number,
): Tilt & { readonly reward: Float64Array } {
  checkPositive('gamma', gamma)
  const reward = Float64Array.from(lower, (r2, i) => upper[i] / gamma + r2)
  return { ...tilt(p0, reward, lambda), reward }
}

/** E_p[f]. */
export function expectation(p: ArrayLike<number>, f: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < p.length; i++) sum += p[i] * f[i]
  return sum
}

/** KL(p||p0) of the tilt by h: E_p[h]/lambda - log Z, the largest h taken out of both. */
export function klOf({ p, logZ }: Tilt, h: ArrayLike<number>, lambda: number): number {
  const most = largest(p, h)
  const shifted = Float64Array.from(h, (value) => value - most)
  return expectation(p, shifted) / lambda - (logZ - most / lambda)
}

/** The largest h where there is mass. */
function largest(p: ArrayLike<number>, h: ArrayLike<number>): number {
  let most = Number.NEGATIVE_INFINITY
  for (let i = 0; i < h.length; i++) if (p[i] > 0) most = Math.max(most, h[i])
  return most
}

/** F(lambda) = -E_{p*}[r1]. */
export function upperValue(problem: FiniteProblem, lambda: number): number {
  return -expectation(lowerSolution(problem, lambda).p, problem.upper)
}

/** dF/dlambda = Cov_{p*}(r1, r2)/lambda^2. */
export function hypergradient(problem: FiniteProblem, lambda: number): number {
  const { p } = lowerSolution(problem, lambda)
  const upperMean = expectation(p, problem.upper)
  const lowerMean = expectation(p, problem.lower)
  const products = Float64Array.from(p, (_, i) => (problem.upper[i] - upperMean) * (problem.lower[i] - lowerMean))
  return expectation(p, products) / lambda ** 2
}

/** F_gamma(lambda). */
export function penaltyValue(problem: FiniteProblem, lambda: number, gamma: number): number {
  return gamma * lambda * (lowerSolution(problem, lambda).logZ - penaltySolution(problem, lambda, gamma).logZ)
}

/** dF_gamma/dlambda. */
export function penaltySlope(problem: FiniteProblem, lambda: number, gamma: number): number {
  const y = lowerSolution(problem, lambda)
  const z = penaltySolution(problem, lambda, gamma)
  return gamma * (klOf(z, z.reward, lambda) - klOf(y, problem.lower, lambda))
}

function checkPositive(name: string, value: number): void {
  if (value > 0 && Number.isFinite(value)) return
  throw inputError(`exact.${name}`, `${name} is a number above 0, got ${value}`)
}
