/**
 * The beta schedules that diffusers' configs name: evenly spaced betas, their squares, a sigmoid, and
 * beta_t = 1 - alphaBar((t+1)/T) / alphaBar(t/T) of a function alphaBar(u), capped at .999.
 */

/** Where the betas of a named schedule lie. */
export interface BetaRange {
  readonly timesteps: number
  readonly start: number
  readonly end: number
}

const MAX_BETA = 0.999

/** alphaBar(u), u from 0 (image) to 1 (noise). */
const ALPHA_BARS = {
  squaredcos_cap_v2: (u: number) => Math.cos((((u + 0.008) / 1.008) * Math.PI) / 2) ** 2,
  // sqrt(logistic(lambda)) with lambda = log-SNR/2 of a Laplace distribution.
  laplace: (u: number) => {
    const lambda = -0.5 * Math.sign(0.5 - u || 1) * Math.log(1 - 2 * Math.abs(0.5 - u) + 1e-6)
    return Math.sqrt(1 / (1 + Math.exp(-lambda)))
  },
  exp: (u: number) => Math.exp(-12 * u),
} as const

const ofAlphaBar =
  (alphaBar: (u: number) => number) =>
  ({ timesteps: T }: BetaRange): Float64Array =>
    Float64Array.from({ length: T }, (_, t) => Math.min(MAX_BETA, 1 - alphaBar((t + 1) / T) / alphaBar(t / T)))

const evenly = (T: number, low: number, high: number): Float64Array =>
  Float64Array.from({ length: T }, (_, t) => low + ((high - low) * t) / Math.max(1, T - 1))

/** diffusers' beta schedules by name. */
export const BETA_SCHEDULES: Readonly<Record<string, (range: BetaRange) => Float64Array>> = {
  linear: ({ timesteps, start, end }) => evenly(timesteps, start, end),
  scaled_linear: ({ timesteps, start, end }) =>
    evenly(timesteps, Math.sqrt(start), Math.sqrt(end)).map((root) => root * root),
  squaredcos_cap_v2: ofAlphaBar(ALPHA_BARS.squaredcos_cap_v2),
  sigmoid: ({ timesteps, start, end }) =>
    evenly(timesteps, -6, 6).map((x) => start + (end - start) / (1 + Math.exp(-x))),
  laplace: ofAlphaBar(ALPHA_BARS.laplace),
  exp: ofAlphaBar(ALPHA_BARS.exp),
}
