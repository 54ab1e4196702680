/**
 * The arithmetic by which diffusers' classes spread sigmas = noise/signal over a range, and find the time whose training sigma is near. It is
 * theirs down to float32 where a told time is cut to an integer afterwards, so that a last digit does not decide otherwise.
 */
import { roundHalfEven } from '../schedules/stepList.ts'
import { betaQuantile } from './betaQuantile.ts'

/** numpy's linspace: `count` numbers from first to last, both met exactly; one alone is the first. */
export function linspace(first: number, last: number, count: number): number[] {
  const step = (last - first) / Math.max(1, count - 1)
  return Array.from({ length: count }, (_, i) => (i === count - 1 && count > 1 ? last : first + i * step))
}

/**
 * numpy's arange(last, 0, -T/N).round() - 1: N times, or by the rounding of T/N one more, -1.
 * @param last T, or less where the noisiest times are left out
 */
export function trailingTimes(last: number, timesteps: number, steps: number): number[] {
  const step = -timesteps / steps
  const count = Math.max(0, Math.ceil((0 - last) / step))
  // Each is first + i times the difference of the first two.
  const difference = last + step - last
  return Array.from({ length: count }, (_, i) => roundHalfEven(last + i * difference) - 1)
}

/**
 * alphaBar as the classes hold it: float32 betas, their products rounded to float32. At the noisy end of a cosine schedule, where 1 - beta is
 * .001, that is another level by 5e-5.
 */
export function float32AlphaBars(betas: ArrayLike<number>): Float32Array {
  let product = 1
  return Float32Array.from(betas, (beta) => {
    product *= Math.fround(1 - Math.fround(beta))
    return product
  })
}

/** sigma = noise/signal in float32 arithmetic. Rising. */
export const float32Sigmas = (alphaBars: Float32Array): Float32Array =>
  alphaBars.map((alphaBar) => Math.sqrt(Math.fround(Math.fround(1 - alphaBar) / alphaBar)))

export type Respacing = 'karras' | 'exponential' | 'beta' | 'lu'

/** N sigmas from max to min. `lu`, uniform in log-SNR, is exponential spacing, between logarithms in float32. */
export function respaced(spacing: Respacing, max: number, min: number, steps: number): number[] {
  if (spacing === 'karras') {
    const rho = 7
    const [high, low] = [max ** (1 / rho), min ** (1 / rho)]
    return linspace(0, 1, steps).map((u) => (high + u * (low - high)) ** rho)
  }
  if (spacing === 'beta') return linspace(0, 1, steps).map((u) => min + betaQuantile(1 - u, 0.6) * (max - min))
  const [high, low] = [max, min].map((sigma) => (spacing === 'lu' ? Math.fround(Math.log(sigma)) : Math.log(sigma)))
  return linspace(high, low, steps).map(Math.exp)
}

/** The time whose training sigma is this, straight in log sigma between neighbours, in [0, T-1]. */
export function timeOfSigma(sigma: number, sigmas: Float32Array): number {
  const wanted = Math.log(Math.max(sigma, 1e-10))
  const logOf = (t: number) => Math.fround(Math.log(sigmas[t]))
  let low = 0
  while (low < sigmas.length - 2 && logOf(low + 1) <= wanted) low++
  const [below, above] = [logOf(low), logOf(low + 1)]
  const share = Math.min(1, Math.max(0, (below - wanted) / (below - above)))
  return (1 - share) * low + share * (low + 1)
}

/** The sigma at a real-valued time, straight between neighbours; beyond both ends, theirs. */
export function sigmaOfTime(time: number, sigmas: ArrayLike<number>): number {
  const within = Math.min(sigmas.length - 1, Math.max(0, time))
  const low = Math.min(sigmas.length - 2, Math.floor(within))
  if (low < 0) return sigmas[0]
  const share = within - low
  return share === 0 ? sigmas[low] : sigmas[low] + share * (sigmas[low + 1] - sigmas[low])
}
