/**
 * The forward process x = signal x0 + noise eps for the denoising loss: which times and noise a minibatch gets, the levels
 * there, and the way back from dL/dsignal, dL/dnoise to the schedule. Draws do not depend on the schedule, so that two
 * schedules (or two networks) can be compared on the same times and noise.
 */
import { inputError, randomStream } from '../../base/index.ts'
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr, dSignalDLogSnr, levelOfLogSnr } from '../schedules/level.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'

/** Times and noise of a minibatch. */
export interface LossDraw {
  /** [batch], uniform in first..first + T - 1. */
  readonly times: Int32Array
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
  const eps = new Float32Array(batch * imageSize)
  for (let item = 0; item < batch; item++) {
    times[item] = first + randomStream({ seed, purpose: 'time', step, item }).integer(timesteps)
    randomStream({ seed, purpose: 'noise', step, item }).normal(eps.subarray(item * imageSize, (item + 1) * imageSize))
  }
  return { times, eps }
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

/** Cotangent of all T log-SNRs from those of signal and noise level per image. */
export function pullBackToLogSnr(
  schedule: NoiseSchedule,
  times: ArrayLike<number>,
  dSignal: ArrayLike<number>,
  dNoise: ArrayLike<number>,
): Float64Array {
  const dLogSnr = new Float64Array(schedule.timesteps)
  for (let i = 0; i < times.length; i++) {
    const level = integerLevel(schedule, times[i])
    dLogSnr[times[i]] += dSignal[i] * dSignalDLogSnr(level) + dNoise[i] * dNoiseDLogSnr(level)
  }
  return dLogSnr
}

/** Unlike `schedule.level`, allows levels without signal: training there is well defined, only sampling is not. */
function integerLevel({ logSnr, timesteps, path, level }: NoiseSchedule, time: number): Level {
  if (!Number.isInteger(time) || time < 0 || time >= timesteps) {
    throw inputError('schedule.time', `a training time must be an integer in [0, ${timesteps - 1}], got ${time}`)
  }
  return path === 'flow' ? level(time) : levelOfLogSnr(logSnr[time])
}
