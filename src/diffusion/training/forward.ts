/**
 * The forward process x = signal x0 + noise eps for the denoising loss: which times and noise a minibatch gets, the levels
 * there, and the way back from dL/dsignal, dL/dnoise to the schedule. Draws do not depend on the schedule, so that two
 * schedules (or two networks) can be compared on the same times and noise.
 */
import { inputError, randomStream } from '../../base/index.ts'
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr, dSignalDLogSnr, flowLevelOfLogSnr, levelOfLogSnr } from '../schedules/level.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import { timeOfLogSnr } from '../schedules/sigmaSpacing.ts'
import type { TrainingSchedule } from './trainingSchedule.ts'
import { isDensity } from './trainingSchedule.ts'

/** Times and noise of a minibatch. */
export interface LossDraw {
  /** [batch], uniform in first..first + T - 1. */
  readonly times: Int32Array
  /** [batch], uniform in [0, 1): of a density of log-SNR, the share of levels below. */
  readonly shares: Float64Array
  /** [batch x imageSize], standard normal. */
  readonly eps: Float32Array
}

/** Draws times and noise; element i of a step's minibatch has a stream of its own. */
export function drawLoss(options: {
  readonly seed: number
  readonly step: number
  readonly batch: number
  readonly imageSize: number
  readonly timesteps: number
  /** Default 0. */
  readonly first?: number
}): LossDraw {
  const { seed, step, batch, imageSize, timesteps, first = 0 } = options
  const times = new Int32Array(batch)
  const shares = new Float64Array(batch)
  const eps = new Float32Array(batch * imageSize)
  for (let item = 0; item < batch; item++) {
    times[item] = first + randomStream({ seed, purpose: 'time', step, item }).integer(timesteps)
    shares[item] = randomStream({ seed, purpose: 'level', step, item }).uniform()
    randomStream({ seed, purpose: 'noise', step, item }).normal(eps.subarray(item * imageSize, (item + 1) * imageSize))
  }
  return { times, shares, eps }
}

/** Where the images of a minibatch are, and what the network is told there, one of each an image. */
export interface TrainingLevels {
  /** float32, as `levelsAtTimes`. */
  readonly signal: Float32Array
  readonly noise: Float32Array
  /** log(signal^2/noise^2). */
  readonly logSnr: Float64Array
  /** Whole times of a noise schedule, real ones of a density's code. */
  readonly told: Int32Array | Float32Array
}

/** The levels of a draw: those of its times, or those below which a density has its shares. @throws `schedule.time` */
export function levelsOfDraw(
  schedule: TrainingSchedule,
  { times, shares }: Pick<LossDraw, 'times' | 'shares'>,
): TrainingLevels {
  if (!isDensity(schedule)) {
    const logSnr = Float64Array.from(times, (time) => integerLevel(schedule, time).logSnr)
    return { ...levelsAtTimes(schedule, times), logSnr, told: times }
  }
  const { code } = schedule
  const logSnr = Float64Array.from(shares, schedule.logSnr)
  const levels = Array.from(logSnr, code.path === 'flow' ? flowLevelOfLogSnr : levelOfLogSnr)
  return {
    signal: Float32Array.from(levels, ({ signal }) => signal),
    noise: Float32Array.from(levels, ({ noise }) => noise),
    logSnr,
    told: Float32Array.from(logSnr, (value) => timeOfLogSnr(code, value)),
  }
}

/** Signal and noise level per image, in float32, the form programs take: each is rounded once, 1 - alphaBar never formed. */
export function levelsAtTimes(
  schedule: NoiseSchedule,
  times: ArrayLike<number>,
): { signal: Float32Array; noise: Float32Array } {
  const levels = Array.from(times, (time) => integerLevel(schedule, time))
  return {
    signal: Float32Array.from(levels, ({ signal }) => signal),
    noise: Float32Array.from(levels, ({ noise }) => noise),
  }
}

/**
 * Cotangent of all T log-SNRs from those of signal and noise level per image.
 * @param dLogSnr what the loss depends on the log-SNR of an image by otherwise (its weight); default nothing
 */
export function pullBackToLogSnr(
  schedule: NoiseSchedule,
  times: ArrayLike<number>,
  dSignal: ArrayLike<number>,
  dNoise: ArrayLike<number>,
  dLogSnr?: ArrayLike<number>,
): Float64Array {
  const all = new Float64Array(schedule.timesteps)
  for (let i = 0; i < times.length; i++) {
    const level = integerLevel(schedule, times[i])
    all[times[i]] += dSignal[i] * dSignalDLogSnr(level) + dNoise[i] * dNoiseDLogSnr(level) + (dLogSnr?.[i] ?? 0)
  }
  return all
}

/** Unlike `schedule.level`, allows levels without signal: training there is well defined, only sampling is not. */
function integerLevel({ logSnr, timesteps, path, level }: NoiseSchedule, time: number): Level {
  if (!Number.isInteger(time) || time < 0 || time >= timesteps) {
    throw inputError('schedule.time', `a training time must be an integer in [0, ${timesteps - 1}], got ${time}`)
  }
  return path === 'flow' ? level(time) : levelOfLogSnr(logSnr[time])
}
