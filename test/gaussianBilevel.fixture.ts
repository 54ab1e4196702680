/**
 * The gold problem of schedule tuning, through the real schedules, samplers and Fréchet distance: data N(0, std^2), the network
 * epsHat = w_t x with one free weight per time,
 *
 *     L(w, q) = mean_t E (w_t x_t - eps)^2 = mean_t [ w_t^2 (signal_t^2 std^2 + noise_t^2) - 2 w_t noise_t + 1 ],
 *
 * minimal at w_t = noise_t / (signal_t^2 std^2 + noise_t^2); f = Fréchet distance of DDIM samples. With `samples` and `batch` f and L are
 * sampled instead of expected.
 */
import { randomStream } from '../src/base/index.ts'
import type { BilevelProblem, TrainedLower, Upper, UpperObjective, Vector } from '../src/bilevel/index.ts'
import { boxWithOrder } from '../src/bilevel/index.ts'
import type { FamilySchedule, Images } from '../src/diffusion/index.ts'
import {
  dNoiseDLogSnr,
  dSignalDLogSnr,
  familySchedule,
  imagesOf,
  linearDenoiser,
  pullBackToParameters,
  sample,
  samplerSettings,
  sampleVjp,
  samplingScheduleAt,
  startNoise,
  stepList,
} from '../src/diffusion/index.ts'
import { frechetGradient, referenceFromStatistics } from '../src/metrics/index.ts'

export interface GaussianState {
  readonly weights: Float64Array
}

/** Null: the expectation. Else items, times and noise. */
export type GaussianBatch = { readonly x0: Float64Array; readonly times: Int32Array; readonly eps: Float64Array } | null

type GaussianLower = TrainedLower<'schedule', GaussianState, GaussianBatch> &
  Required<Pick<TrainedLower<'schedule', GaussianState, GaussianBatch>, 'gradientInWeights'>>

export interface GaussianOptions {
  /** start, end, tau, epsilon of the cosine family. */
  readonly initial: readonly number[]
  /** Which of the four are free. */
  readonly free: readonly number[]
  readonly std?: number
  readonly timesteps?: number
  readonly steps?: number
  /** Share of the exact lower solution that one lower step goes. */
  readonly rate?: number
  /** Images per batch; default: the expectation. */
  readonly batch?: number
  /** Samples per value of f; default: two that have mean 0 and variance 1 exactly. */
  readonly samples?: number
}

const LOW = [0, 0.01, 0.01, 0]
const HIGH = [0.99, 1, 10, 1]

/** One block, `schedule`, in both levels. */
export function gaussianProblem(options: GaussianOptions): BilevelProblem<'schedule', GaussianState, GaussianBatch> & {
  readonly lower: GaussianLower
} {
  const { initial, free } = options
  const bound = (edge: readonly number[]) => Float64Array.from(initial, (v, i) => (free.includes(i) ? edge[i] : v))
  const block = {
    names: ['start', 'end', 'tau', 'epsilon'],
    initial: Float64Array.from(initial),
    low: bound(LOW),
    high: bound(HIGH),
    scale: Float64Array.of(0.05, 0.05, 0.2, 0.02),
  }
  return {
    blocks: { schedule: { ...block, project: boxWithOrder(block, [{ below: 0, above: 1, margin: 0.01 }]) } },
    objective: gaussianObjective(options),
    lower: gaussianLower(options),
  }
}

export function gaussianSchedule({ timesteps = 200 }: GaussianOptions, values: ArrayLike<number>): FamilySchedule {
  return familySchedule('cosine', values, timesteps)
}

/** The exact lower solution, w_t of the best linear predictor. */
export function gaussianWeights(options: GaussianOptions, values: ArrayLike<number>): Float64Array {
  const schedule = gaussianSchedule(options, values)
  return Float64Array.from({ length: schedule.timesteps }, (_, t) => {
    const { signal, noise } = schedule.level(t)
    return noise / (signal ** 2 * (options.std ?? 2) ** 2 + noise ** 2)
  })
}

function gaussianObjective(options: GaussianOptions): UpperObjective<'schedule', GaussianState> {
  const { std = 2, steps = 10, samples } = options
  const reference = referenceFromStatistics(new Float64Array(1), Float64Array.of(std * std))
  const count = samples ?? 2
  const startOf = (key: number): Images =>
    samples === undefined
      ? imagesOf(Float64Array.of(Math.SQRT1_2, -Math.SQRT1_2), 2, [1, 1, 1])
      : startNoise({ imageShape: [1, 1, 1], count: samples, seed: key, dtype: 'float64' })
  const draw = async ({ schedule }: Upper<'schedule'>, { weights }: GaussianState, key: number, through: 0 | 'all') => {
    const noise = gaussianSchedule(options, schedule)
    const times = stepList('linspace', noise, steps)
    const sampled = await sample({
      denoiser: linearDenoiser({ weights }),
      schedule: samplingScheduleAt(noise, times),
      settings: samplerSettings({ clip: null }),
      start: startOf(key),
      seed: key,
      through,
    })
    const distance = frechetGradient({ ...sampled.images, shape: [count, 1] } as Images, reference)
    return { noise, times, sampled, distance }
  }
  return {
    blocks: ['schedule'],
    cost: { value: count * steps, gradient: 3 * count * steps, weightsGradient: 4 * count * steps },
    value: async (upper, lower, key) => (await draw(upper, lower, key, 0)).distance.value,
    async gradient(upper, lower, key, wanted) {
      const { noise, times, sampled, distance } = await draw(upper, lower, key, 'all')
      if (!sampled.tape) throw new Error('no tape')
      const dImages = imagesOf(distance.dFeatures.data, count, [1, 1, 1])
      const back = await sampleVjp(sampled.tape, dImages, { weights: wanted.weights })
      const dLogSnr = new Float64Array(noise.timesteps)
      times.forEach((t, i) => {
        dLogSnr[t] += back.dLogSnr[i]
      })
      return {
        value: distance.value,
        upper: wanted.blocks.length > 0 ? { schedule: pullBackToParameters(noise, dLogSnr) } : {},
        ...(back.dWeights && { weights: back.dWeights }),
      }
    },
  }
}

/** dL/dw_t and dL in every level's signal and noise. */
function lossOf(options: GaussianOptions, w: Vector, schedule: FamilySchedule, batch: GaussianBatch) {
  const { std = 2 } = options
  const T = schedule.timesteps
  const [dw, dSignal, dNoise] = [new Float64Array(T), new Float64Array(T), new Float64Array(T)]
  let loss = 0
  const gather = (t: number, weight: number, x0x0: number, x0e: number, ee: number) => {
    // weight (w (s x0 + n e) - e)^2 by the three products x0 x0, x0 e, e e
    const { signal: s, noise: n } = schedule.level(t)
    const xx = s * s * x0x0 + 2 * s * n * x0e + n * n * ee
    const xe = s * x0e + n * ee
    loss += weight * (w[t] ** 2 * xx - 2 * w[t] * xe + ee)
    dw[t] += weight * (2 * w[t] * xx - 2 * xe)
    dSignal[t] += weight * (w[t] ** 2 * (2 * s * x0x0 + 2 * n * x0e) - 2 * w[t] * x0e)
    dNoise[t] += weight * (w[t] ** 2 * (2 * s * x0e + 2 * n * ee) - 2 * w[t] * ee)
  }
  if (batch === null) for (let t = 0; t < T; t++) gather(t, 1 / T, std * std, 0, 1)
  else {
    const { x0, times, eps } = batch
    times.forEach((t, i) => {
      gather(t, 1 / times.length, x0[i] ** 2, x0[i] * eps[i], eps[i] ** 2)
    })
  }
  return { loss, dw, dSignal, dNoise }
}

function gaussianLower(options: GaussianOptions): GaussianLower {
  const { std = 2, rate = 1, timesteps = 200, batch: size, initial } = options
  const curvatureAt = (schedule: FamilySchedule, t: number) => {
    const { signal, noise } = schedule.level(t)
    return (2 * (signal ** 2 * std * std + noise ** 2)) / timesteps
  }
  return {
    kind: 'trained',
    blocks: ['schedule'],
    initial: { weights: gaussianWeights(options, initial) },
    cost: { step: 3 * (size ?? 0), gradientInUpper: 2 * (size ?? 0) },
    draw(draw) {
      if (size === undefined) return null
      const stream = randomStream({ seed: 8, purpose: 'gaussian.batch', step: draw })
      return {
        x0: stream.normal(new Float64Array(size)).map((u) => std * u),
        eps: stream.normal(new Float64Array(size)),
        times: Int32Array.from({ length: size }, () => stream.integer(timesteps)),
      }
    },
    /** A step of rate 1 solves L exactly: its curvature in w_t is 2 (signal^2 std^2 + noise^2)/T. */
    async step({ weights }, { schedule: values }, batch, extra) {
      const schedule = gaussianSchedule(options, values)
      const { loss, dw } = lossOf(options, weights, schedule, batch)
      const next = weights.map((w, t) => {
        return w - (rate * (dw[t] + (extra?.[t] ?? 0))) / curvatureAt(schedule, t)
      })
      return { state: { weights: next }, loss }
    },
    async gradientInUpper({ weights }, { schedule: values }, batch) {
      const schedule = gaussianSchedule(options, values)
      const { dSignal, dNoise } = lossOf(options, weights, schedule, batch)
      const dLogSnr = dSignal.map((ds, t) => {
        const level = schedule.level(t)
        return ds * dSignalDLogSnr(level) + dNoise[t] * dNoiseDLogSnr(level)
      })
      return { schedule: pullBackToParameters(schedule, dLogSnr) }
    },
    async gradientInWeights({ weights }, { schedule }, batch) {
      return lossOf(options, weights, gaussianSchedule(options, schedule), batch).dw
    },
    /** At the schedule that learning starts from: the optimizer's scaling does not see q either. */
    stepSizes: ({ weights }) => weights.map((_, t) => rate / curvatureAt(gaussianSchedule(options, initial), t)),
    weights: ({ weights }) => weights,
    withWeights: (_, weights) => ({ weights: Float64Array.from(weights) }),
  }
}
