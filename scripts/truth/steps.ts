/**
 * The scalars of a guided chain's steps, written from their formulas and not from the sampler that is judged by them. One step from
 * v = alphaBar here to w = alphaBar at the next level:
 *
 *     x' = sqrt(w) x0Hat + sqrt(1 - w - sigmaSmall^2) epsHat + s d + sigma z
 *     d  = [ sqrt(w) (1-v)/sqrt(v) - sqrt(1 - w - sigmaSmall^2) sqrt(1-v) ] grad_x r2(x0Hat(x))
 *     sigmaSmall^2 = eta^2 (1-w)/(1-v) (1 - v/w)
 *
 * sigma is sigmaSmall, or with DDPM `large` sqrt(1 - v/w); DDPM's mean is that of eta 1; the last step has no noise. Guided are the steps with
 * noise and v > `minimumAlphaBar`. Levels: the cosine schedule of 1,000 times (Nichol, Dhariwal 2021) at trailing times.
 */

/** DDIM by its eta, or DDPM by its variance. */
export type ChainSampler =
  | { readonly sampler: 'ddim'; readonly eta: number }
  | { readonly sampler: 'ddpm'; readonly variance: 'small' | 'large' }

/** x' = image x0Hat + direction epsHat + s coefficient grad_x r2(x0Hat(x)) + sigma z, where x = signal x0 + noise eps. */
export interface ChainStep {
  readonly signal: number
  readonly noise: number
  readonly image: number
  readonly direction: number
  /** 0 where the step is not guided. */
  readonly coefficient: number
  readonly sigma: number
}

const TIMESTEPS = 1000
const MOST_BETA = 0.999
const OFFSET = 0.008

/** alphaBar of the cosine schedule at times 0..T-1. */
export function cosineAlphaBars(): Float64Array {
  const logF = (t: number) => 2 * Math.log(Math.cos(((t / TIMESTEPS + OFFSET) / (1 + OFFSET)) * (Math.PI / 2)))
  const alphaBars = new Float64Array(TIMESTEPS)
  let log = 0
  for (let t = 1; t <= TIMESTEPS; t++) {
    log += Math.max(logF(t) - logF(t - 1), Math.log1p(-MOST_BETA))
    alphaBars[t - 1] = Math.exp(log)
  }
  return alphaBars
}

/** round(T - iT/N) - 1 for i = 0..N-1, halves to the even number. */
export function trailingTimes(steps: number): number[] {
  return Array.from({ length: steps }, (_, i) => {
    const exact = TIMESTEPS - (i * TIMESTEPS) / steps
    const below = Math.floor(exact)
    const up = exact - below > 0.5 || (exact - below === 0.5 && below % 2 === 1)
    return below + (up ? 1 : 0) - 1
  })
}

/** The chain's steps, noisiest first. */
export function chainSteps(steps: number, sampler: ChainSampler, minimumAlphaBar: number): ChainStep[] {
  const alphaBars = cosineAlphaBars()
  const levels = trailingTimes(steps).map((time) => alphaBars[time])
  return levels.map((v, k) => {
    const w = levels[k + 1] ?? 1
    const eta = sampler.sampler === 'ddim' ? sampler.eta : 1
    const small = eta * Math.sqrt(((1 - w) / (1 - v)) * (1 - v / w))
    const large = sampler.sampler === 'ddpm' && sampler.variance === 'large' && w < 1
    const sigma = large ? Math.sqrt(1 - v / w) : small
    const direction = Math.sqrt(Math.max(0, 1 - w - small * small))
    const reach = (Math.sqrt(w) * (1 - v)) / Math.sqrt(v) - direction * Math.sqrt(1 - v)
    return {
      signal: Math.sqrt(v),
      noise: Math.sqrt(1 - v),
      image: Math.sqrt(w),
      direction,
      coefficient: sigma > 0 && v > minimumAlphaBar ? reach : 0,
      sigma,
    }
  })
}
