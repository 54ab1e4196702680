/**
 * Schedules for diffusers: a `scheduler_config.json` whose `trained_betas` make its schedulers read exactly our levels at the
 * told times, for the very same weights.
 *
 * A reader forms alphaBar as the cumulative product of 1 - beta with float32 betas, rounding the running product to float32
 * at every step (numpy) or keeping it in float64 (PyTorch on the CPU). So each beta is chosen against the products that
 * such readers have reached, and both hit the levels to about 3e-7 + 6e-8/(1 - beta) of alphaBar. Between the learned
 * levels, and beyond them: straight lines in log-SNR.
 */
import { inputError } from '../../base/index.ts'
import type { Prediction } from '../denoiser.ts'
import { ddimFields } from '../samplers/diffusersFields.ts'
import { samplerNamed } from '../samplers/samplers.ts'
import type { SamplerSettings, Sampling } from '../samplers/settings.ts'
import { levelOfLogSnr, pathOf } from '../schedules/level.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'

/** A scheduler config as diffusers reads it: every field written. */
export type SchedulerConfig = Readonly<Record<string, unknown>>

/** A schedule on all T times, for a plain pipeline: the network is told the scheduler's own timesteps. */
export interface ExportedScheduler {
  readonly config: SchedulerConfig
  /** Told times that must be passed as `timesteps=`; null: `num_inference_steps` suffices. */
  readonly timesteps: readonly number[] | null
  /** Whether the class keeps x/signal in the place of x, as a pipeline that calls `scale_model_input` expects. */
  readonly scaled: boolean
}

export interface ExportOptions extends Sampling {
  readonly prediction: Prediction
}

const PREDICTION_TYPES: Readonly<Record<Prediction, string>> = {
  noise: 'epsilon',
  sample: 'sample',
  velocity: 'v_prediction',
}

/** Largest error of an exported level in log-SNR, through float32. */
const LOG_SNR_TOLERANCE = 1e-2

/**
 * The scheduler config of a sampling schedule, of the class that takes the sampler's steps, for a pipeline that passes nothing to `step`.
 * @throws `export.eta`, `export.clippedNoise`, `export.clip`, `export.lastStep`, `export.times`, `export.float32`: what a plain pipeline
 * cannot be told
 */
export function exportScheduler({ schedule, settings, prediction }: ExportOptions): ExportedScheduler {
  requireBetas(schedule)
  const { ownTimesOnly, scaled, plain } = samplerNamed(settings.sampler).toDiffusers
  const timesteps = exportedTimes(schedule, ownTimesOnly)
  const config = {
    ...trainingFields(schedule.timesteps, trainedBetas(schedule), prediction),
    // Not a field of diffusers: how many steps the levels were made for.
    _sampling_steps: schedule.levels.length,
    ...plain(
      { settings, prediction, ...(schedule.solver && { solver: schedule.solver }) },
      schedule.times[schedule.times.length - 1] > 0,
    ),
  }
  return { config, timesteps, scaled }
}

/** @throws `export.flow` */
export function requireBetas({ levels }: SamplingSchedule): void {
  if (pathOf(levels) !== 'flow') return
  const fix = 'sample with bilevel sample --schedule and the sampling_schedule.json'
  throw inputError('export.flow', `a flow's levels are no betas, so no scheduler with trained_betas takes them; ${fix}`)
}

/** The config of a training schedule, all T levels: a `DDIMScheduler` whose x0Hat is clipped to `clip` (default [-1, 1]). */
export function exportTrainingSchedule(
  schedule: NoiseSchedule,
  prediction: Prediction,
  clip: SamplerSettings['clip'] = [-1, 1],
): SchedulerConfig {
  return {
    ...trainingFields(schedule.timesteps, betasHitting(schedule.logSnr), prediction),
    ...ddimFields({ clip, clippedNoise: 'keep', eta: 0 }),
  }
}

/** What all schedulers read alike: the T betas, what the network predicts, trailing times. */
export function trainingFields(timesteps: number, trained_betas: readonly number[], prediction: Prediction) {
  return {
    num_train_timesteps: timesteps,
    beta_start: 1e-4,
    beta_end: 0.02,
    beta_schedule: 'linear',
    trained_betas,
    prediction_type: PREDICTION_TYPES[prediction],
    timestep_spacing: 'trailing',
    steps_offset: 0,
    rescale_betas_zero_snr: false,
  }
}

/**
 * Null where the scheduler's own trailing times are the schedule's. They are where N divides T: elsewhere np.arange(T, 0, -T/N) in floating
 * point gives other times, or one too many (61 of 1000 makes 62).
 * @throws `export.times`
 */
function exportedTimes({ timesteps, times }: SamplingSchedule, ownTimesOnly: string | null): number[] | null {
  const ownTimes =
    timesteps % times.length === 0 && times.every((time, i) => time === timesteps - 1 - (i * timesteps) / times.length)
  if (ownTimes) return null
  if (ownTimesOnly !== null) {
    const rule = `${ownTimesOnly} takes no list of times, only the trailing ones of a number of steps that divides T = ${timesteps}`
    throw inputError('export.times', `${rule}; got ${times.length} steps at ${times.join(', ')}`)
  }
  if (times.every((time, i) => Number.isInteger(time) && (i === 0 || time < times[i - 1]))) return [...times]
  throw inputError('export.times', `diffusers takes distinct integer times, got ${times.join(', ')}`)
}

/** Betas, float32 values, whose alphaBar at the told times are the schedule's levels. @throws `export.float32` */
export function trainedBetas(schedule: SamplingSchedule): number[] {
  const { timesteps, levels, times } = schedule
  // Known points with time rising and log-SNR falling.
  const points = times.map((time, i) => ({ time, logSnr: levels[i].logSnr })).reverse()
  const logSnr = new Float64Array(timesteps)
  for (let t = 0, k = 0; t < timesteps; t++) {
    while (k < points.length - 2 && points[k + 1].time < t) k++
    logSnr[t] = alongLine(points[k], points[k + 1], t, timesteps)
  }
  const betas = betasHitting(logSnr)
  const { float32 } = readersOf(betas)
  for (const { time, logSnr: wanted } of points) {
    const alphaBar = float32[time]
    const got = Math.log(alphaBar / (1 - alphaBar))
    if (Math.abs(got - wanted) <= LOG_SNR_TOLERANCE) continue
    const rule = `float32 betas cannot hold log-SNR ${wanted} at time ${time} within ${LOG_SNR_TOLERANCE}`
    throw inputError('export.float32', `${rule} (a reader gets ${got}); keep levels within about ±12`)
  }
  return betas
}

interface Point {
  readonly time: number
  readonly logSnr: number
}

/** The line through two points at t; through one alone, falling by 10 over T. */
function alongLine(a: Point, b: Point | undefined, t: number, timesteps: number): number {
  const slope = b ? (b.logSnr - a.logSnr) / (b.time - a.time) : -10 / timesteps
  return a.logSnr + slope * (t - a.time)
}

/** Betas (float32 values in [0, 1)) whose running product, rounded to float32 or not, is logistic(logSnr). */
function betasHitting(logSnr: Float64Array): number[] {
  let rounded = 1
  let exact = 1
  return Array.from(logSnr, (value) => {
    const target = levelOfLogSnr(value).signal ** 2
    const middle = Math.fround(1 - target / Math.sqrt(rounded * exact))
    // Neighbours half a float32 step of 1 - beta apart: one of them leaves both products nearest to the level.
    let best = { beta: 0, error: Number.POSITIVE_INFINITY }
    for (let k = -2; k <= 2; k++) {
      const beta = Math.fround(Math.max(0, middle + k * 2 ** -24))
      const alpha = Math.fround(1 - beta)
      if (alpha <= 0) continue
      const error = Math.abs(Math.fround(rounded * alpha) / target - 1) + Math.abs((exact * alpha) / target - 1)
      if (error < best.error) best = { beta, error }
    }
    const alpha = Math.fround(1 - best.beta)
    rounded = Math.fround(rounded * alpha)
    exact *= alpha
    return best.beta
  })
}

/** alphaBar as readers form it from float32 betas: running product rounded to float32 at each step, or kept in float64. */
export function readersOf(betas: readonly number[]): { float32: Float64Array; float64: Float64Array } {
  const float32 = new Float64Array(betas.length)
  const float64 = new Float64Array(betas.length)
  let [rounded, exact] = [1, 1]
  for (const [t, beta] of betas.entries()) {
    const alpha = Math.fround(1 - Math.fround(beta))
    rounded = Math.fround(rounded * alpha)
    exact *= alpha
    float32[t] = rounded
    float64[t] = exact
  }
  return { float32, float64 }
}
