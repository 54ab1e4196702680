/**
 * Other ways to look for lambda, for comparison: the published loop, grid and random search. They see images of a sampler and their two
 * rewards, and what each image costs; nothing else.
 */
import { inputError, logSumExp } from '../../../base/index.ts'

/** r1 and r2 of freshly drawn images. */
export interface RatedImages {
  readonly upper: Float64Array
  readonly lower: Float64Array
}

/** Where a method was after so many network evaluations. */
export interface Trace {
  readonly lambda: number
  readonly evaluations: number
}

export interface PublishedLoop {
  /** Draws images of the base sampler; `batch` is a number of its own for each batch. */
  readonly draw: (count: number, batch: number) => RatedImages
  readonly evaluationsPerImage: number
  readonly start: number
  readonly range: readonly [number, number]
  readonly gamma: number
  /** Step size in lambda. */
  readonly step: number
  readonly batch: number
  readonly iterations: number
}

/**
 * The published loop (Xiao et al., ICML 2025) without its faults: lambda <- lambda - step F'_gamma(lambda), the gradient by self-normalised
 * importance sampling from a fresh batch of base samples in each iteration, projected to the range.
 * @throws `entropy.range`
 */
export function publishedLoop(options: PublishedLoop): Trace[] {
  const { draw, evaluationsPerImage, start, range, gamma, step, batch, iterations } = options
  const [low, high] = range
  if (!(low > 0 && low <= start && start <= high)) {
    throw inputError('entropy.range', `the loop starts inside its range, got ${start} and [${low}, ${high}]`)
  }
  const trace: Trace[] = []
  let lambda = start
  for (let iteration = 0; iteration < iterations; iteration++) {
    const { upper, lower } = draw(batch, iteration)
    const penalised = lower.map((value, i) => value + upper[i] / gamma)
    const gradient = gamma * (klOfTilt(penalised, lambda) - klOfTilt(lower, lambda))
    lambda = Math.min(high, Math.max(low, lambda - step * gradient))
    trace.push({ lambda, evaluations: (iteration + 1) * batch * evaluationsPerImage })
  }
  return trace
}

/** KL(p_h || p0) = E_{p_h}[h]/lambda - log Z_h from base samples. */
function klOfTilt(h: Float64Array, lambda: number): number {
  const logs = h.map((value) => value / lambda)
  const total = logSumExp(logs)
  return logs.reduce((sum, value) => sum + Math.exp(value - total) * value, 0) - (total - Math.log(h.length))
}

export interface SearchOptions {
  /** Mean upper reward of `count` images guided at lambda; `trial` is a number of its own for each. */
  readonly measure: (lambda: number, count: number, trial: number) => number
  readonly evaluationsPerImage: number
  readonly range: readonly [number, number]
  /** Images per lambda tried. */
  readonly count: number
}

/** Powers of ten of the range, then four more between the neighbours of the best, over and over: the best so far after each round. */
export function gridSearch({ measure, evaluationsPerImage, range, count }: SearchOptions, rounds: number): Trace[] {
  const [low, high] = range.map(Math.log)
  let spacing = Math.log(10)
  const tried = new Map<number, number>()
  const trace: Trace[] = []
  let candidates = Array.from({ length: Math.round((high - low) / spacing) + 1 }, (_, i) => low + i * spacing)
  for (let round = 0; round < rounds; round++) {
    for (const x of candidates) tried.set(x, measure(Math.exp(x), count, tried.size))
    const best = bestOf(tried)
    trace.push({ lambda: Math.exp(best), evaluations: tried.size * count * evaluationsPerImage })
    spacing /= 3
    candidates = [-2, -1, 1, 2].map((k) => best + k * spacing).filter((x) => x >= low && x <= high)
  }
  return trace
}

/** Lambdas drawn evenly in log lambda by `uniform` in [0, 1): the best so far after each. */
export function randomSearch(
  { measure, evaluationsPerImage, range, count }: SearchOptions,
  { trials, uniform }: { readonly trials: number; readonly uniform: () => number },
): Trace[] {
  const [low, high] = range.map(Math.log)
  const tried = new Map<number, number>()
  return Array.from({ length: trials }, (_, trial) => {
    const x = low + (high - low) * uniform()
    tried.set(x, measure(Math.exp(x), count, trial))
    return { lambda: Math.exp(bestOf(tried)), evaluations: (trial + 1) * count * evaluationsPerImage }
  })
}

const bestOf = (tried: ReadonlyMap<number, number>): number =>
  [...tried].reduce((best, next) => (next[1] > best[1] ? next : best))[0]
