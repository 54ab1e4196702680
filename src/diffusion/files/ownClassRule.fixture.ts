/** The steps of `bilevel_scheduler.py` as it documents them, number by number, in float64: its config is all that it knows. */

export interface OwnClassConfig {
  readonly levels: readonly number[]
  readonly times: readonly number[]
  readonly process: 'variance_preserving' | 'flow'
  readonly prediction_type: 'epsilon' | 'flow_prediction'
  readonly clip: readonly [number, number] | null
  readonly clip_bounds: readonly number[] | null
  readonly clipped_noise: 'keep' | 'recompute'
  readonly tau: readonly number[] | null
  readonly weight: readonly number[] | null
  readonly scale: readonly number[] | null
  readonly output: number | null
  readonly history: readonly (readonly number[])[] | null
  readonly noise: readonly number[] | null
}

export interface OwnClassLoop {
  readonly start: ArrayLike<number>
  readonly predict: (x: Float64Array, time: number) => Float64Array
  readonly noise: (step: number) => ArrayLike<number>
}

export function bySchedulerRule(config: OwnClassConfig, { start, predict, noise: drawn }: OwnClassLoop): Float64Array {
  const { levels, times, tau, weight, history, output, noise } = config
  const { exp, expm1, sqrt } = Math
  const last = levels.length - 1
  const cleans: Float64Array[] = []
  let x = Float64Array.from(start)
  for (const [i, ell] of levels.entries()) {
    const [signal, level] = levelOf(ell, config)
    const p = predict(x, times[i])
    const eps = p.map((value, j) => (config.prediction_type === 'epsilon' ? value : x[j] + signal * value))
    // At noise alone there is no image for a scale to move.
    const scale = ell > -40 ? (config.scale?.[i] ?? 1) : 1
    const clean = p.map((value, j) => {
      // A flow's x0 without the division by its signal.
      const unscaled = config.prediction_type === 'epsilon' ? (x[j] - level * value) / signal : x[j] - level * value
      return clipped(unscaled + (1 - scale) * (level / signal) * eps[j], i, config)
    })
    cleans.push(clean)
    const before = cleans[i - 1] ?? clean
    const z = drawn(i)
    if (i === last) {
      const image = clean.map((value, j) => clipped(value + (output ?? 0) * (value - before[j]), i, config))
      return image.map((value, j) => value + (noise?.[i] ?? 0) * z[j])
    }
    const h = (levels[i + 1] - ell) / 2
    const square = (tau?.[i] ?? 0) ** 2
    const [nextSignal, nextLevel] = levelOf(levels[i + 1], config)
    const omega = i === 0 ? 0 : ((weight?.[i] ?? 1) * h) / (ell - levels[i - 1])
    const sigma = noise?.[i] ?? nextLevel * sqrt(-expm1(-2 * square * h))
    const from = config.clipped_noise === 'keep' ? clean.map((v, j) => signal * v + level * scale * eps[j]) : x
    x = from.map((value, j) => {
      const older = (history?.[i] ?? []).reduce((sum, factor, k) => sum + factor * (clean[j] - cleans[k][j]), 0)
      const D = clean[j] + omega * (clean[j] - before[j]) + older
      const carry = (nextLevel / level) * exp(-square * h)
      return carry * value - nextSignal * expm1(-(1 + square) * h) * D + sigma * z[j]
    })
  }
  return x
}

function levelOf(ell: number, { process }: OwnClassConfig): [signal: number, noise: number] {
  if (process === 'flow') return [1 / (1 + Math.exp(-ell / 2)), 1 / (1 + Math.exp(ell / 2))]
  return [Math.sqrt(1 / (1 + Math.exp(-ell))), Math.sqrt(1 / (1 + Math.exp(ell)))]
}

function clipped(value: number, i: number, { clip, clip_bounds }: OwnClassConfig): number {
  const [low, high] = clip_bounds ? [-clip_bounds[i], clip_bounds[i]] : (clip ?? [-Infinity, Infinity])
  return Math.min(high, Math.max(low, value))
}
