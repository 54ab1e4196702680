/**
 * Noise schedule families as data: parameters with their defaults and boxes, and log(1 - beta_t) with its derivatives.
 *
 * With s(t) = start + (end - start) t/T, a family given by f has 1 - beta_t = f(s(t)) / f(s(t - 1)). Everything is done with
 * log f: f itself leaves float64 at tau = 100. `cosine`: Nichol and Dhariwal 2021 with a power; `sigmoid`: Chen 2023,
 * arXiv 2301.10972; `sigmoid-published`: the form in the published code of arXiv 2502.08808, kept for comparison: with
 * start, epsilon >= 0 and end <= 1 its alphaBar_T >= 1/2 never reaches noise.
 */

export type NoiseFamilyName = 'cosine' | 'sigmoid' | 'sigmoid-published' | 'linear'

/** One parameter: default, the box in which the family is defined, and the narrower box and step scale for tuning. */
export interface FamilyParameter {
  readonly name: 'start' | 'end' | 'tau' | 'epsilon'
  readonly initial: number
  readonly low: number
  readonly high: number
  /** Whether `low` itself is outside. */
  readonly lowOpen?: boolean
  readonly tuning: { readonly low: number; readonly high: number; readonly scale: number }
}

/** A value and its derivative in each of the family's parameters. */
export interface WithGradient {
  readonly value: number
  readonly gradient: readonly number[]
}

export interface NoiseFamilyRule {
  readonly parameters: readonly FamilyParameter[]
  /** log(1 - beta_t) before beta is clipped to [0, .999], t = 1..T; NaN or -Infinity where f is 0. */
  logAlpha(t: number, timesteps: number, parameters: readonly number[]): WithGradient
}

/** log cosh and log sinh (x > 0) without overflow. */
const logCosh = (x: number): number => Math.abs(x) + Math.log1p(Math.exp(-2 * Math.abs(x))) - Math.LN2
const logSinh = (x: number): number => x + Math.log(-Math.expm1(-2 * x)) - Math.LN2

/** log cos(a) for a = (s + epsilon)/(1 + epsilon) pi/2; its complement pi/2 - a keeps an exact zero at s = 1. */
function logCosine(angle: number, complement: number): number {
  const sine = Math.sin(angle)
  return angle < Math.PI / 4 ? 0.5 * Math.log1p(-sine * sine) : Math.log(Math.max(0, Math.sin(complement)))
}

/** f = cos((s + epsilon)/(1 + epsilon) pi/2)^(2 tau). */
function cosineLogF(u: number, [start, end, tau, epsilon]: readonly number[]): WithGradient {
  const s = start * (1 - u) + end * u
  const angle = ((s + epsilon) / (1 + epsilon)) * (Math.PI / 2)
  const complement = ((1 - s) / (1 + epsilon)) * (Math.PI / 2)
  const logCos = logCosine(angle, complement)
  const dAngle = (-2 * tau) / Math.tan(complement)
  const dS = (dAngle * Math.PI) / 2 / (1 + epsilon)
  return { value: 2 * tau * logCos, gradient: [dS * (1 - u), dS * u, 2 * logCos, (dS * (1 - s)) / (1 + epsilon)] }
}

/** log(S(y) - S(x)) for y > x and its derivatives: sinh((y - x)/2) / (2 cosh(x/2) cosh(y/2)) keeps its digits everywhere. */
function logDifference(x: number, y: number): { value: number; dx: number; dy: number } {
  const half = (y - x) / 2
  const coth = 1 / Math.tanh(half)
  return {
    value: logSinh(half) - Math.LN2 - logCosh(x / 2) - logCosh(y / 2),
    dx: -(coth + Math.tanh(x / 2)) / 2,
    dy: (coth - Math.tanh(y / 2)) / 2,
  }
}

/**
 * f = S(b) - S(a(s)), a = s/tau + epsilon, b = a(end), up to a constant, so beta_t = (S(a_t) - S(a_{t-1})) / (S(b) - S(a_{t-1})):
 * a ratio of two differences, whose logarithm keeps the digits of the tiny betas at both flat ends.
 */
function sigmoidLogAlpha(t: number, timesteps: number, [start, end, tau, epsilon]: readonly number[]): WithGradient {
  const s = (u: number) => start * (1 - u) + end * u
  const [before, now] = [(t - 1) / timesteps, t / timesteps]
  const [x, y, b] = [s(before), s(now), end].map((value) => value / tau + epsilon)
  const rise = logDifference(x, y)
  const rest = logDifference(x, b)
  const beta = t === timesteps ? 1 : Math.exp(rise.value - rest.value)
  const dLogBeta = -beta / (1 - beta)
  const [dX, dY, dB] = [rise.dx - rest.dx, rise.dy, -rest.dy].map((d) => d * dLogBeta)
  return {
    value: Math.log1p(-beta),
    gradient: [
      (dX * (1 - before) + dY * (1 - now)) / tau,
      (dX * before + dY * now + dB) / tau,
      -(dX * s(before) + dY * s(now) + dB * end) / (tau * tau),
      dX + dY + dB,
    ],
  }
}

/** f = S((1 - s)/tau + epsilon). */
function sigmoidPublishedLogF(u: number, [start, end, tau, epsilon]: readonly number[]): WithGradient {
  const s = start * (1 - u) + end * u
  const z = (1 - s) / tau + epsilon
  const dZ = 1 / (1 + Math.exp(z))
  const value = z > 0 ? -Math.log1p(Math.exp(-z)) : z - Math.log1p(Math.exp(z))
  return { value, gradient: [(-dZ * (1 - u)) / tau, (-dZ * u) / tau, (-dZ * (1 - s)) / (tau * tau), dZ] }
}

/** log f(t) - log f(t - 1). */
function ratioOf(logF: (u: number, parameters: readonly number[]) => WithGradient): NoiseFamilyRule['logAlpha'] {
  return (t, timesteps, parameters) => {
    const now = logF(t / timesteps, parameters)
    const before = logF((t - 1) / timesteps, parameters)
    return { value: now.value - before.value, gradient: now.gradient.map((d, i) => d - before.gradient[i]) }
  }
}

/** beta_t = (start + (end - start)(t - 1)/(T - 1)) 1000/T. */
function linearLogAlpha(t: number, timesteps: number, [start, end]: readonly number[]): WithGradient {
  const u = timesteps === 1 ? 0 : (t - 1) / (timesteps - 1)
  const scale = 1000 / timesteps
  const beta = (start * (1 - u) + end * u) * scale
  const dBeta = -scale / (1 - beta)
  return { value: beta < 1 ? Math.log1p(-beta) : Number.NEGATIVE_INFINITY, gradient: [dBeta * (1 - u), dBeta * u] }
}

const SIGMOID_BOX = { start: { low: -6, high: 6 }, end: { low: -6, high: 6, lowOpen: true } }

/** The families by name. `start` < `end` holds in all of them. */
export const NOISE_FAMILIES: Readonly<Record<NoiseFamilyName, NoiseFamilyRule>> = {
  cosine: {
    parameters: [
      { name: 'start', initial: 0, low: 0, high: 1, tuning: { low: 0, high: 0.4, scale: 0.05 } },
      { name: 'end', initial: 1, low: 0, high: 1, lowOpen: true, tuning: { low: 0.5, high: 1, scale: 0.05 } },
      { name: 'tau', initial: 1, low: 1e-2, high: 1e6, tuning: { low: 0.2, high: 4, scale: 0.2 } },
      { name: 'epsilon', initial: 0.008, low: 0, high: 1, tuning: { low: 0, high: 0.3, scale: 0.02 } },
    ],
    logAlpha: ratioOf(cosineLogF),
  },
  sigmoid: {
    parameters: [
      { name: 'start', initial: -3, ...SIGMOID_BOX.start, tuning: { low: -6, high: 0, scale: 0.3 } },
      { name: 'end', initial: 3, ...SIGMOID_BOX.end, tuning: { low: 0.5, high: 6, scale: 0.3 } },
      { name: 'tau', initial: 1, low: 0.1, high: 10, tuning: { low: 0.2, high: 5, scale: 0.1 } },
      { name: 'epsilon', initial: 0, low: -1, high: 1, tuning: { low: -1, high: 1, scale: 0.1 } },
    ],
    logAlpha: sigmoidLogAlpha,
  },
  'sigmoid-published': {
    parameters: [
      { name: 'start', initial: 0, ...SIGMOID_BOX.start, tuning: { low: -6, high: 0.5, scale: 0.1 } },
      { name: 'end', initial: 1, ...SIGMOID_BOX.end, tuning: { low: 0.6, high: 6, scale: 0.1 } },
      { name: 'tau', initial: 0.9, low: 0.1, high: 10, tuning: { low: 0.1, high: 5, scale: 0.1 } },
      { name: 'epsilon', initial: 0, low: -1, high: 1, tuning: { low: -1, high: 1, scale: 0.1 } },
    ],
    logAlpha: ratioOf(sigmoidPublishedLogF),
  },
  linear: {
    parameters: [
      { name: 'start', initial: 1e-4, low: 0, high: 1, lowOpen: true, tuning: { low: 1e-6, high: 5e-3, scale: 1e-4 } },
      { name: 'end', initial: 0.02, low: 0, high: 1, lowOpen: true, tuning: { low: 6e-3, high: 0.1, scale: 2e-3 } },
    ],
    logAlpha: linearLogAlpha,
  },
}
