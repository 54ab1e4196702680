/**
 * The entropy strength as a problem that methods are compared on: which lambda the judge likes best, of images that are guided by the chased reward. All methods draw the
 * same guided chain, and what each ends with is measured on images of other noise.
 */
import { inputError } from '../../../base/index.ts'
import { evaluationsBy } from '../../../diffusion/index.ts'
import { meanAndStandardError } from '../../../metrics/index.ts'
import type { Reward } from '../../../rewards/index.ts'
import type { SearchMethod } from '../../../search/index.ts'
import { bayesianSearch, fixedSearch, SEARCH_METHODS } from '../../../search/index.ts'
import type { ComparedProblem } from '../../compare/contest.ts'
import type { Contestant } from '../../compare/contestant.ts'
import type { Searched } from '../../compare/searching.ts'
import { searching } from '../../compare/searching.ts'
import type { EntropyOptions } from '../job.ts'
import { inLatents } from '../latents.ts'
import { openEntropy } from '../open.ts'
import { Draws } from '../search/draws.ts'
import { bilevelStrength } from './bilevel.ts'
import { publishedStrength } from './published.ts'
import type { ComparedStrength } from './strength.ts'

export interface StrengthComparison extends ComparedProblem<ComparedStrength> {}

export interface StrengthComparisonOptions {
  /** Images of a trial. */
  readonly trialImages: number
  /** Images for each sampling seed of the figures. */
  readonly evaluationImages: number
  readonly samplingSeeds: readonly number[]
  /** reward + weight judge; absent: no weighted sum is among the methods. */
  readonly sum?: (reward: Reward, judge: Reward, weight: number) => Reward
  /** A search of the user's. */
  readonly own?: SearchMethod | null
}

/** Where weights of a sum are looked for. */
const WEIGHTS = { low: 0.01, high: 100 } as const
/** Images of a point of a path, at most. */
const GLANCE = 64
/** Noise of the figures is not that of any run, whatever its seed. */
const apart = (seed: number): number => (seed + 2 ** 35) % 2 ** 53

const WORDS: Readonly<Record<string, string>> = {
  grid: 'powers of ten, then finer around the best',
  random: 'drawn evenly in log lambda',
  sobol: "scrambled Sobol' points in log lambda",
  bayesian: 'Gaussian process in log lambda, expected improvement through noise',
  halving: 'successive halving: a ninth of the images first, the best third goes on',
}

/**
 * Opens it. A judge without a derivative has no weighted sum.
 * @throws as `tuneEntropyStrength` on what does not fit; `compare.target` where no chain can be guided
 */
export function openStrengthComparison(
  options: EntropyOptions,
  { trialImages, evaluationImages, samplingSeeds, sum, own = null }: StrengthComparisonOptions,
): StrengthComparison {
  const job = inLatents({ ...options, features: null })
  openEntropy(job)
  if (job.settings.target !== 'guided') {
    throw inputError(
      'compare.target',
      `entropy strengths are compared of guided chains, which need the derivative of model and reward, got target ${job.settings.target}`,
    )
  }
  const { lambdaRange } = job.settings
  const [low, high] = lambdaRange
  const start = Math.min(high, Math.max(low, 1))
  const lambda = {
    name: 'lambda',
    low,
    high,
    scale: 'log' as const,
    gridPoints: Math.max(2, Math.round(Math.log10(high / low)) + 1),
  }
  const jobOf = ({ weight }: Pick<ComparedStrength, 'weight'>, seed: number): EntropyOptions => ({
    ...job,
    settings: { ...job.settings, seed },
    ...(weight > 0 && sum && { reward: sum(job.reward, job.judge, weight) }),
  })
  /** r1 and r2 of so many images. */
  const drawn = async (at: ComparedStrength, seed: number, count: number) => {
    const draws = new Draws(jobOf(at, seed))
    const { upper, lower, b } = await draws.paths(1 / at.lambda, { first: 0, count }, 'explore')
    return {
      upper,
      lower: lower.map((value, i) => value - at.weight * upper[i]),
      kl: b.map((value) => value / at.lambda ** 2 / 2),
    }
  }
  const perImage = 3 * evaluationsBy(job.denoiser, { schedule: job.schedule, settings: job.sampler })
  const imagesOf = (share: number) => Math.max(2, Math.round(share * trialImages))
  const searched = (
    space: Searched<ComparedStrength>['space'],
    from: number,
    solution: (x: number) => ComparedStrength,
  ): Searched<ComparedStrength> => ({
    space,
    start: [from],
    cost: (share) => perImage * imagesOf(share),
    async measure([x], share, seed) {
      const { upper, lower } = await drawn(solution(x), seed, imagesOf(share))
      const { mean, standardError } = meanAndStandardError(upper)
      return { value: -mean, standardError, seen: { r1: mean, r2: meanAndStandardError(lower).mean } }
    },
    solution: ([x]) => solution(x),
  })
  const strengths = searched([lambda], start, (x) => ({ lambda: x, weight: 0 }))
  const sums = searched([{ name: 'weight', ...WEIGHTS, scale: 'log', gridPoints: 5 }], 1, (x) => ({
    lambda: start,
    weight: x,
  }))
  const powers = powersOfTen(low, high)
  const bestDefault = fixedSearch('best-default', () => powers.map((x) => [x]))
  const measured = (x: number, seed: number) => strengths.measure([x], 1, seed)
  const defaults = SEARCH_METHODS.filter(({ name }) => name === 'default')
  const methods = [...SEARCH_METHODS.filter(({ name }) => name !== 'default'), ...(own ? [own] : [])]
  const all: Contestant<ComparedStrength>[] = [
    ...defaults.map((method) => searching(method, `lambda = ${start}, as it comes`, strengths)),
    searching(bestDefault, `the best of lambda = ${powers.join(', ')}`, strengths),
    ...methods.map((method) => searching(method, WORDS[method.name] ?? 'a search of your own', strengths)),
    ...(sum && job.judge.differentiable
      ? [
          searching(
            { ...bayesianSearch, name: 'weighted-sum' },
            `guided by r2 + w r1 at lambda = ${start}, w by Bayesian search`,
            sums,
          ),
        ]
      : []),
    publishedStrength(job, { start, measured }),
    bilevelStrength(job, trialImages),
  ]
  return {
    contestants: all,
    async figures(at) {
      const parts: Awaited<ReturnType<typeof drawn>>[] = []
      for (const seed of samplingSeeds) parts.push(await drawn(at, apart(seed), evaluationImages))
      const over = (name: 'upper' | 'lower' | 'kl') => meanAndStandardError(parts.flatMap((part) => [...part[name]]))
      return {
        r1: over('upper'),
        r2: over('lower'),
        kl: over('kl'),
        ...(at.weight > 0 ? { weight: certain(at.weight) } : { lambda: certain(at.lambda) }),
      }
    },
    async glance(at) {
      const { upper } = await drawn(at, apart(samplingSeeds[0]), Math.min(GLANCE, evaluationImages))
      return meanAndStandardError(upper).mean
    },
  }
}

const certain = (value: number) => ({ mean: value, standardError: null, count: 1 })

/** Those within a range; its middle where there is none. */
function powersOfTen(low: number, high: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)]
  const powers = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => Number(`1e${first + i}`))
  return powers.length > 0 ? powers : [Math.sqrt(low * high)]
}
