/**
 * A sampling schedule: per step a noise level and the time the network is told there. All that a sampler knows of noise
 * schedules; noise schedules and step lists *make* sampling schedules, learned ones are just numbers.
 */
import { inputError } from '../../base/index.ts'
import { isKarras, karrasLevels, timeOfLogSnr } from './karras.ts'
import type { Level } from './level.ts'
import { LOG_SNR_LIMIT, levelOfLogSnr } from './level.ts'
import type { NoiseSchedule } from './noiseSchedule.ts'
import type { StepListName } from './stepList.ts'
import { stepList } from './stepList.ts'

/** N steps, noisiest first: step index 0 is k = N, the last one is k = 1, after which comes the clean image. */
export interface SamplingSchedule {
  /** Number of training timesteps T; told times lie in [0, T - 1]. */
  readonly timesteps: number
  readonly levels: readonly Level[]
  readonly times: readonly number[]
}

/** The three samplers. */
export type SamplerName = 'ddim' | 'ddpm' | 'dpm-solver++'

/** Everything else that decides what a sampler does; recorded with every result. */
export interface SamplerSettings {
  readonly sampler: SamplerName
  /** Range to which x0Hat is clipped, or null. */
  readonly clip: readonly [number, number] | null
  /**
   * After clipping x0Hat: `keep` epsHat as predicted (diffusers' DDIM) or `recompute` it from the clipped x0Hat, which makes DDPM's step
   * the posterior mean of the clipped image (diffusers' DDPM).
   */
  readonly clippedNoise: 'keep' | 'recompute'
  /** DDIM: 0 deterministic to 1 ancestral. DDPM's mean is eta 1's whatever this says. */
  readonly eta: number
  /** DDPM: noise variance `small` (posterior) or `large` (1 - v/w). */
  readonly variance: 'small' | 'large'
  /** DDPM `large`: whether the last step is noised too. */
  readonly noisyLastStep: boolean
}

/** What a sampler does with the noise of a clipped image where nobody says: as the scheduler of that name does in diffusers. */
export const usualClippedNoise = (sampler: SamplerName): SamplerSettings['clippedNoise'] =>
  sampler === 'ddpm' ? 'recompute' : 'keep'

const DEFAULT_SETTINGS: Omit<SamplerSettings, 'clippedNoise'> = {
  sampler: 'ddim',
  clip: [-1, 1],
  eta: 0,
  variance: 'small',
  noisyLastStep: false,
}

/**
 * Settings with the rest at their defaults: DDIM, x0Hat clipped to [-1, 1], `keep` (DDPM: `recompute`), eta 0, `small`, last step clean.
 * @throws `sampler.name`, `sampler.eta`, `sampler.clip`, `sampler.noisyLastStep`
 */
export function samplerSettings(options: Partial<SamplerSettings> = {}): SamplerSettings {
  const { sampler = DEFAULT_SETTINGS.sampler } = options
  const settings = { ...DEFAULT_SETTINGS, clippedNoise: usualClippedNoise(sampler), ...options }
  const { clip, eta } = settings
  if (!['ddim', 'ddpm', 'dpm-solver++'].includes(sampler)) {
    throw inputError('sampler.name', `a sampler is one of ddim, ddpm, dpm-solver++, got ${sampler}`)
  }
  if (!(eta >= 0 && eta <= 1)) throw inputError('sampler.eta', `eta must lie in [0, 1], got ${eta}`)
  if (eta > 0 && sampler !== 'ddim') {
    throw inputError('sampler.eta', `eta belongs to ddim, got eta ${eta} with ${sampler}; leave it out`)
  }
  if (clip && !(clip[0] < clip[1])) {
    throw inputError('sampler.clip', `clip is a range [low, high] with low < high, or null; got [${clip}]`)
  }
  if (settings.noisyLastStep && !(sampler === 'ddpm' && settings.variance === 'large')) {
    const came = `${sampler} with variance ${settings.variance}`
    throw inputError('sampler.noisyLastStep', `only ddpm with variance large has noise at its last step, got ${came}`)
  }
  return settings
}

/**
 * A sampling schedule of variance-preserving levels.
 * @param options logSnr: log(signal^2/noise^2) per step, strictly rising (noisiest first); times: what the network is told, in [0, T-1], not rising
 * @throws `samplingSchedule.length`, `.levels`, `.times`, naming the step
 */
export function samplingSchedule(options: {
  readonly timesteps: number
  readonly logSnr: ArrayLike<number>
  readonly times: ArrayLike<number>
}): SamplingSchedule {
  const { timesteps, logSnr, times } = options
  if (logSnr.length === 0 || logSnr.length !== times.length) {
    const came = `${logSnr.length} levels and ${times.length} times`
    throw inputError(
      'samplingSchedule.length',
      `a sampling schedule needs one level and one time per step, got ${came}`,
    )
  }
  for (let i = 0; i < logSnr.length; i++) {
    const step = `step ${i + 1} of ${logSnr.length}`
    if (!(Math.abs(logSnr[i]) <= LOG_SNR_LIMIT) || (i > 0 && !(logSnr[i] > logSnr[i - 1]))) {
      const rule = `levels log(signal^2/noise^2) must rise strictly, within ±${LOG_SNR_LIMIT}`
      throw inputError(
        'samplingSchedule.levels',
        `${rule}; ${step} has ${logSnr[i]}${i > 0 ? ` after ${logSnr[i - 1]}` : ''}`,
      )
    }
    if (!(times[i] >= 0 && times[i] <= timesteps - 1) || (i > 0 && times[i] > times[i - 1])) {
      const rule = `told times must lie in [0, ${timesteps - 1}] and not rise`
      throw inputError(
        'samplingSchedule.times',
        `${rule}; ${step} has ${times[i]}${i > 0 ? ` after ${times[i - 1]}` : ''}`,
      )
    }
  }
  return { timesteps, levels: Array.from(logSnr, levelOfLogSnr), times: Array.from(times) }
}

/** The levels of a noise schedule at given times (noisiest first), each told as it is: the ordinary, tied, case. */
export function samplingScheduleAt(schedule: NoiseSchedule, times: readonly number[]): SamplingSchedule {
  const logSnr = times.map((time) => schedule.level(time).logSnr)
  return samplingSchedule({ timesteps: schedule.timesteps, logSnr, times })
}

/** What times a network can be told: integers of a learned table, or any number between. */
export type ToldTimes = 'integer' | 'real'

/**
 * The levels of a noise schedule on a step list. Karras' lists bring levels of their own, told as the time that has that level: a
 * real one, or for a network of integer times the nearest ones that are distinct. Beyond the schedule's range several levels are told
 * the same end of it, which samplers take as they take any.
 * @throws `steps.count` if N > T
 */
export function samplingScheduleFrom(
  schedule: NoiseSchedule,
  list: StepListName,
  steps: number,
  told: ToldTimes = 'real',
): SamplingSchedule {
  // Also checks the name and the number of steps.
  const times = stepList(list, schedule, steps)
  if (!isKarras(list)) return samplingScheduleAt(schedule, times)
  const { timesteps } = schedule
  const logSnr = karrasLevels(list, schedule, steps)
  return samplingSchedule({
    timesteps,
    logSnr,
    times: told === 'integer' ? times : logSnr.map((level) => timeOfLogSnr(schedule, level)),
  })
}
