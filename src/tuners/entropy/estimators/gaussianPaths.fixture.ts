/**
 * The Gaussian problem as paths, made on the host: data N(0, 1), its exact network, so every step of the sampler is linear, and
 *
 *     r2 = slope u - curvature u^2/2,      r1 = -(u - goal)^2
 *
 * With curvature 0, DDPM of the large variance, a noised last step and a first alphaBar of nearly 0, the base chain is N(0, 1), `guided` = `tilt` = N(s slope, 1) and
 * lambda* = slope/goal. With curvature the shift depends on the path (B is random), and `guided` and `tilt` differ: the guided chain is
 * still Gaussian, so its mean and variance follow by recursion.
 */
import { randomStream } from '../../../base/index.ts'
import type { PathBatch } from './pool.ts'

export interface GaussianProblem {
  readonly slope: number
  readonly goal: number
  readonly curvature?: number
  /** Levels, noisiest first. */
  readonly alphaBars?: readonly number[]
  /** `large`: noised last step too. `small`: DDIM eta 1, the last step without noise. */
  readonly variance?: 'large' | 'small'
}

/** One step: x' = gain x + s (push - pull x) + sigma noise. */
interface Step {
  readonly gain: number
  readonly push: number
  readonly pull: number
  readonly sigma: number
}

const ALPHA_BARS = [1e-13, 0.08, 0.3, 0.55, 0.8, 0.96]

function stepsOf({ slope, curvature = 0, alphaBars = ALPHA_BARS, variance = 'large' }: GaussianProblem): Step[] {
  return alphaBars.map((v, k) => {
    const w = alphaBars[k + 1] ?? 1
    const small = ((1 - w) / (1 - v)) * (1 - v / w)
    const direction = Math.sqrt(1 - w - small)
    const reach = (Math.sqrt(w) * (1 - v)) / Math.sqrt(v) - direction * Math.sqrt(1 - v)
    return {
      gain: Math.sqrt(w * v) + direction * Math.sqrt(1 - v),
      push: reach * Math.sqrt(v) * slope,
      pull: reach * v * curvature,
      sigma: Math.sqrt(variance === 'large' ? 1 - v / w : small),
    }
  })
}

const rewardsAt = ({ slope, goal, curvature = 0 }: GaussianProblem, u: number) => ({
  upper: -((u - goal) ** 2),
  lower: slope * u - (curvature * u * u) / 2,
})

/** Paths of items first..first + count - 1 at scale s; an item has its noise at every scale. */
export function gaussianPaths(
  problem: GaussianProblem,
  scale: number,
  { count, seed, first = 0 }: { readonly count: number; readonly seed: number; readonly first?: number },
): PathBatch {
  const steps = stepsOf(problem)
  const batch: PathBatch = {
    scale,
    items: Int32Array.from({ length: count }, (_, i) => first + i),
    a: new Float64Array(count),
    b: new Float64Array(count),
    upper: new Float64Array(count),
    lower: new Float64Array(count),
  }
  const noise = new Float64Array(steps.length + 1)
  for (let i = 0; i < count; i++) {
    randomStream({ seed, purpose: 'test.gaussianPaths', item: first + i }).normal(noise)
    let x = noise[steps.length]
    steps.forEach(({ gain, push, pull, sigma }, k) => {
      const shift = push - pull * x
      if (sigma > 0) {
        batch.a[i] += (shift * (scale * shift + sigma * noise[k])) / sigma ** 2
        batch.b[i] += shift ** 2 / sigma ** 2
      }
      x = gain * x + (sigma > 0 ? scale * shift + sigma * noise[k] : 0)
    })
    const { upper, lower } = rewardsAt(problem, x)
    batch.upper[i] = upper
    batch.lower[i] = lower
  }
  return batch
}

/** What the guided chain comes to at scale s, by recursion of its mean and variance; `kl` is that of the paths. */
export function guidedTruth(problem: GaussianProblem, scale: number) {
  let mean = 0
  let variance = 1
  let kl = 0
  for (const { gain, push, pull, sigma } of stepsOf(problem)) {
    const s = sigma > 0 ? scale : 0
    if (sigma > 0) kl += (s * s * ((push - pull * mean) ** 2 + pull ** 2 * variance)) / (2 * sigma ** 2)
    mean = (gain - s * pull) * mean + s * push
    variance = (gain - s * pull) ** 2 * variance + sigma ** 2
  }
  return { ...meansOf(problem, mean, variance), kl }
}

/** What p* comes to at scale s; `kl` is that of the samples. */
export function tiltTruth(problem: GaussianProblem, scale: number) {
  const { slope, curvature = 0 } = problem
  const base = guidedTruth(problem, 0).variance
  const variance = 1 / (1 / base + scale * curvature)
  const mean = scale * slope * variance
  const kl = (variance / base + mean ** 2 / base - 1 + Math.log(base / variance)) / 2
  return { ...meansOf(problem, mean, variance), kl }
}

function meansOf({ slope, goal, curvature = 0 }: GaussianProblem, mean: number, variance: number) {
  return {
    mean,
    variance,
    upper: -((mean - goal) ** 2 + variance),
    lower: slope * mean - (curvature * (mean ** 2 + variance)) / 2,
  }
}

/** dF/dlog lambda of F = -E r1, by differences of the closed form. */
export function slopeOf(
  truth: (problem: GaussianProblem, scale: number) => { readonly upper: number },
  problem: GaussianProblem,
  scale: number,
): number {
  const step = 1e-5
  return (truth(problem, scale * (1 + step)).upper - truth(problem, scale * (1 - step)).upper) / (2 * step)
}

/** F_gamma(lambda) on the Gaussian problem without curvature, base N(0, 1). */
export function penaltyTruth({ slope, goal }: GaussianProblem, lambda: number, gamma: number): number {
  const c = 1 / (gamma * lambda)
  const tilted = slope / lambda
  const logZ = -0.5 * Math.log(1 + 2 * c) + (2 * c * goal + tilted) ** 2 / (2 * (1 + 2 * c)) - c * goal ** 2
  return gamma * lambda * (tilted ** 2 / 2 - logZ)
}
