/**
 * What a run of one of diffusers' scheduler classes is: its levels and told times, where each step goes, which solver takes it, and what becomes
 * of x0Hat. `classSteps.ts` runs it.
 */
import type { ImageData, Prediction } from '../denoiser.ts'
import type { Level } from '../schedules/level.ts'
import type { Chain } from './chain.ts'
import { denoised, like } from './denoised.ts'

/** What becomes of x0Hat: clipped to a range, or thresholded (Imagen, arXiv 2205.11487): clipped to a quantile s of its |.| in [1, max], over s. */
export interface CleanRule {
  readonly clip: readonly [number, number] | null
  readonly threshold: { readonly ratio: number; readonly max: number } | null
}

export type ClassSolver =
  | { readonly kind: 'ddim' | 'euler' | 'euler-ancestral' | 'heun' | 'flow-heun' }
  | { readonly kind: 'ddpm'; readonly variance: 'small' | 'large'; readonly noisyLastStep: boolean }
  | { readonly kind: 'flow-euler'; readonly stochastic: boolean }
  | MultistepSolver
  | UniPCSolver

/** DPM-Solver's multistep methods: in the image (`++`) or the noise, deterministic or with fresh noise. */
export interface MultistepSolver {
  readonly kind: 'dpm'
  readonly algorithm: 'dpmsolver' | 'dpmsolver++' | 'sde-dpmsolver' | 'sde-dpmsolver++'
  readonly order: number
  readonly type: 'midpoint' | 'heun'
  readonly lowerOrderFinal: boolean
  readonly eulerAtFinal: boolean
}

/** UniPC (arXiv 2302.04867). */
export interface UniPCSolver {
  readonly kind: 'unipc'
  readonly order: number
  readonly type: 'bh1' | 'bh2'
  readonly predictsImage: boolean
  readonly lowerOrderFinal: boolean
  /** Steps after which nothing is corrected. */
  readonly uncorrected: readonly number[]
}

/** One run of a class. */
export interface ClassPlan {
  readonly className: string
  readonly prediction: Prediction
  /** Noisiest first; the network is told `told`. */
  readonly levels: readonly Level[]
  readonly told: readonly number[]
  /** Where each step goes; null: to the clean image. */
  readonly to: readonly (Level | null)[]
  readonly clean: CleanRule
  readonly solver: ClassSolver
  /** Standard normal start noise is multiplied by this. */
  readonly startScale: number
  /** Whether the class keeps x/signal: where its last step ends at a level, that is what it returns. */
  readonly scaled: boolean
}

/** All that a run takes of a chain; `count` images in x, for thresholds. */
export type ClassChain = Pick<Chain, 'start' | 'predict' | 'noise'> & { readonly count?: number }

/** x0Hat and the noise at step `at` of a plan. */
export function cleanAt(
  { prediction, levels, clean: { clip, threshold } }: ClassPlan,
  at: number,
  x: ImageData,
  p: ImageData,
  { clippedNoise, count = 1 }: { readonly clippedNoise: 'keep' | 'recompute'; readonly count?: number | undefined },
): { readonly x0Hat: ImageData; readonly epsHat: ImageData } {
  const level = levels[at]
  const raw = denoised({ prediction, level, clip: threshold ? null : clip, clippedNoise }, x, p)
  if (!threshold) return raw
  const x0Hat = thresholded(raw.x0Hat, count, threshold)
  if (clippedNoise === 'keep') return { x0Hat, epsHat: raw.epsHat }
  return { x0Hat, epsHat: x.map((value, j) => (value - level.signal * x0Hat[j]) / level.noise) }
}

/** Each image clipped to [-s, s] and divided by s, s a quantile of its absolute values, at least 1 and at most `max`. */
function thresholded(data: ImageData, count: number, { ratio, max }: NonNullable<CleanRule['threshold']>): ImageData {
  const size = data.length / count
  const result = like(data)
  for (let first = 0; first < data.length; first += size) {
    const image = data.subarray(first, first + size)
    const sorted = image.map(Math.abs).sort()
    const at = ratio * (size - 1)
    const [low, high] = [Math.floor(at), Math.ceil(at)]
    const quantile = sorted[low] + (at - low) * (sorted[high] - sorted[low])
    const s = Math.min(Math.max(quantile, 1), max)
    for (let j = 0; j < size; j++) result[first + j] = Math.min(s, Math.max(-s, image[j])) / s
  }
  return result
}

/** Network evaluations of a plan. */
export const classEvaluations = ({ solver, levels }: ClassPlan): number =>
  solver.kind === 'heun' || solver.kind === 'flow-heun' ? 2 * levels.length - 1 : levels.length
