/**
 * A Gaussian process with constant mean and the Matérn kernel of smoothness 5/2, one length a dimension, on noisy values (Rasmussen and Williams 2006, chapters 2, 4
 * and 5). Mean and variance are those of greatest likelihood given lengths and noise; these maximise the likelihood with a wide prior on them.
 */
import { simplexMinimum } from './simplex.ts'

/** Values at points of the unit cube. */
export interface Observations {
  readonly points: readonly (readonly number[])[]
  readonly values: ArrayLike<number>
  /** Relative variance of the noise of each value, of mean 1. */
  readonly noise: ArrayLike<number>
}

/** What is fitted: logarithms of the lengths, in units of the cube's side, and of the noise's variance over the process's. */
export interface Hyperparameters {
  readonly logLengths: readonly number[]
  readonly logNoise: number
}

export interface Prediction {
  readonly mean: number
  /** Of the function itself, without noise. */
  readonly deviation: number
}

/** Wide normal priors on the logarithms: lengths about a half, noise about a thousandth. */
const LENGTH = { mean: Math.log(0.5), deviation: 1 }
const NOISE = { mean: Math.log(1e-3), deviation: 3 }
const BOX = { length: [Math.log(0.02), Math.log(20)], noise: [Math.log(1e-8), Math.log(4)] } as const
/** Added to the diagonal in units of the process's variance: what rounding leaves. */
const JITTER = 1e-9

/** Values of the likelihood in a fit. */
const FIT_EVALUATIONS = 140

const SQRT5 = Math.sqrt(5)
const matern = (r2: number): number => {
  const r = SQRT5 * Math.sqrt(r2)
  return (1 + r + (r * r) / 3) * Math.exp(-r)
}

/** Lower triangle L with L L' = A, row by row in place; false where A is not positive definite. */
function factorise(a: Float64Array, n: number): boolean {
  for (let i = 0; i < n; i++) {
    const row = i * n
    for (let j = 0; j <= i; j++) {
      const other = j * n
      let sum = a[row + j]
      for (let k = 0; k < j; k++) sum -= a[row + k] * a[other + k]
      if (i > j) a[row + j] = sum / a[other + j]
      else if (sum > 0) a[row + i] = Math.sqrt(sum)
      else return false
    }
  }
  return true
}

/** x of L x = b. */
function forward(l: Float64Array, n: number, b: ArrayLike<number>): Float64Array {
  const x = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    let sum = b[i]
    for (let k = 0; k < i; k++) sum -= l[i * n + k] * x[k]
    x[i] = sum / l[i * n + i]
  }
  return x
}

/** x of L' x = b. */
function backward(l: Float64Array, n: number, b: ArrayLike<number>): Float64Array {
  const x = Float64Array.from(b)
  for (let i = n - 1; i >= 0; i--) {
    x[i] /= l[i * n + i]
    for (let k = 0; k < i; k++) x[k] -= l[i * n + k] * x[i]
  }
  return x
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, v, i) => sum + v * b[i], 0)

interface Factored {
  readonly l: Float64Array
  /** L^-1 of the values and of ones. */
  readonly y: Float64Array
  readonly ones: Float64Array
  readonly mean: number
  readonly variance: number
}

function factored({ points, values, noise }: Observations, { logLengths, logNoise }: Hyperparameters): Factored | null {
  const n = points.length
  const inverse = logLengths.map((log) => Math.exp(-log))
  const scaled = points.map((point) => Float64Array.from(point, (v, i) => v * inverse[i]))
  const share = Math.exp(logNoise)
  const l = new Float64Array(n * n)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      let r2 = 0
      for (let k = 0; k < inverse.length; k++) r2 += (scaled[i][k] - scaled[j][k]) ** 2
      l[i * n + j] = matern(r2)
    }
    l[i * n + i] = 1 + JITTER + share * noise[i]
  }
  if (!factorise(l, n)) return null
  const y = forward(l, n, values)
  const ones = forward(l, n, new Float64Array(n).fill(1))
  const mean = dot(y, ones) / dot(ones, ones)
  const rest = y.map((v, i) => v - mean * ones[i])
  return { l, y, ones, mean, variance: Math.max(dot(rest, rest) / n, Number.MIN_VALUE) }
}

/** -log likelihood at the best mean and variance, up to a constant. */
function unlikeliness(observations: Observations, at: Hyperparameters): number {
  const n = observations.points.length
  const found = factored(observations, at)
  if (!found) return Number.POSITIVE_INFINITY
  let logDeterminant = 0
  for (let i = 0; i < n; i++) logDeterminant += 2 * Math.log(found.l[i * n + i])
  return (n * Math.log(found.variance) + logDeterminant) / 2
}

const outside = (x: number, [low, high]: readonly [number, number]): number => Math.max(0, low - x, x - high)

/** Hyperparameters of greatest posterior probability, from two starts: smooth and nearly without noise, and rough. */
export function fitHyperparameters(observations: Observations): Hyperparameters {
  const dimensions = observations.points[0].length
  const read = (x: readonly number[]): Hyperparameters => ({
    logLengths: x.slice(0, dimensions),
    logNoise: x[dimensions],
  })
  const cost = (x: readonly number[]) => {
    const { logLengths, logNoise } = read(x)
    const beyond = logLengths.reduce((sum, log) => sum + outside(log, BOX.length), 0) + outside(logNoise, BOX.noise)
    if (beyond > 0) return 1e6 * (1 + beyond)
    const prior =
      logLengths.reduce((sum, log) => sum + ((log - LENGTH.mean) / LENGTH.deviation) ** 2, 0) +
      ((logNoise - NOISE.mean) / NOISE.deviation) ** 2
    return unlikeliness(observations, read(x)) + prior / 2
  }
  const starts = [
    [...new Array<number>(dimensions).fill(LENGTH.mean), Math.log(1e-4)],
    [...new Array<number>(dimensions).fill(Math.log(0.2)), Math.log(0.1)],
  ]
  const ends = starts.map((start) => simplexMinimum(cost, { start, step: 0.7, evaluations: FIT_EVALUATIONS }))
  return read(cost(ends[0]) <= cost(ends[1]) ? ends[0] : ends[1])
}

/** The process given what was seen. */
export class GaussianProcess {
  readonly #scaled: readonly Float64Array[]
  readonly #inverse: readonly number[]
  readonly #found: Factored
  /** K^-1 (y - mean). */
  readonly #weights: Float64Array
  /** Standard deviation of the noise of a value of relative variance 1. */
  readonly noise: number

  constructor(observations: Observations, at: Hyperparameters) {
    // Points that are nearly the same, or no noise at all: more of it until the matrix has a root.
    let { logNoise } = at
    let found = factored(observations, at)
    while (!found) {
      logNoise += Math.log(10)
      found = factored(observations, { ...at, logNoise })
    }
    const n = observations.points.length
    this.#found = found
    this.#inverse = at.logLengths.map((log) => Math.exp(-log))
    this.#scaled = observations.points.map((point) => Float64Array.from(point, (v, i) => v * this.#inverse[i]))
    this.noise = Math.sqrt(found.variance * Math.exp(logNoise))
    const { mean, y, ones, l } = found
    this.#weights = backward(
      l,
      n,
      y.map((v, i) => v - mean * ones[i]),
    )
  }

  /** At a point of the unit cube. */
  predict(point: readonly number[]): Prediction {
    const { l, mean, variance } = this.#found
    const n = this.#scaled.length
    const k = new Float64Array(n)
    for (let i = 0; i < n; i++) {
      let r2 = 0
      for (let j = 0; j < point.length; j++) r2 += (point[j] * this.#inverse[j] - this.#scaled[i][j]) ** 2
      k[i] = matern(r2)
    }
    const v = forward(l, n, k)
    const left = Math.max(0, 1 - dot(v, v))
    return { mean: mean + dot(k, this.#weights), deviation: Math.sqrt(variance * left) }
  }
}
