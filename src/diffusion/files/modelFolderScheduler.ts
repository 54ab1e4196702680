/**
 * The training schedule in a model folder, `scheduler/scheduler_config.json`: for diffusers, and exactly as it was trained for
 * this project. Where the schedule is one of diffusers' own it is named; else it is `trained_betas`. Fields that begin with
 * `_`, which diffusers sets aside, keep a family's parameters, since float32 betas hold its levels to some 1e-7 only.
 */
import { inputError } from '../../base/index.ts'
import type { Prediction } from '../denoiser.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import type { NoiseFamilyName } from '../schedules/noiseFamilies.ts'
import { NOISE_FAMILIES } from '../schedules/noiseFamilies.ts'
import type { FamilySchedule, NoiseSchedule } from '../schedules/noiseSchedule.ts'
import { familySchedule, withZeroTerminalSnr } from '../schedules/noiseSchedule.ts'
import { readScheduler } from './diffusersScheduler.ts'
import { exportTrainingSchedule, readersOf } from './export.ts'
import type { SchedulerConfig } from './exportedScheduler.ts'
import { flowMatchFields } from './exportFlow.ts'
import type { ForeignScheduler } from './foreignScheduler.ts'
import { jsonOf } from './schedulerJson.ts'

/** Largest error of alphaBar between a family's levels and the betas written for it. */
const ALPHA_BAR_TOLERANCE = 1e-5

/** diffusers' class of a training schedule. */
export const trainingClass = ({ path }: Pick<NoiseSchedule, 'path'>): string =>
  path === 'flow' ? 'FlowMatchEulerDiscreteScheduler' : 'DDIMScheduler'

/**
 * Every field of the config of a training schedule, for a DDIMScheduler, of a flow for a FlowMatchEulerDiscreteScheduler, which does not clip (`_clip`
 * keeps that).
 * @throws `export.clip`; `export.prediction` where a flow's network does not predict eps - x0
 */
export function trainingSchedulerConfig(
  schedule: NoiseSchedule | FamilySchedule,
  prediction: Prediction,
  clip: SamplerSettings['clip'],
): SchedulerConfig {
  if (schedule.path === 'flow') return flowConfig(schedule, prediction, clip)
  // Readers stretch the betas themselves.
  if (schedule.stretchedFrom) {
    return { ...trainingSchedulerConfig(schedule.stretchedFrom, prediction, clip), rescale_betas_zero_snr: true }
  }
  const exported = exportTrainingSchedule(schedule, prediction, clip)
  const betas = ownBetas(schedule) ?? float32Betas(schedule) ?? {}
  return {
    _class_name: 'DDIMScheduler',
    _diffusers_version: '0.33.0',
    ...exported,
    ...betas,
    ...('family' in schedule && { _family: schedule.family, _parameters: parametersOf(schedule) }),
  }
}

/** Every field of the class, none of which changes sigma = t/T. @throws `export.prediction` */
function flowConfig(
  { timesteps }: NoiseSchedule,
  prediction: Prediction,
  clip: SamplerSettings['clip'],
): SchedulerConfig {
  if (prediction !== 'velocity') {
    const rule = 'on a flow diffusers takes a network that predicts eps - x0 (velocity)'
    throw inputError('export.prediction', `${rule}, got one that predicts ${prediction}`)
  }
  return {
    _class_name: 'FlowMatchEulerDiscreteScheduler',
    _diffusers_version: '0.42.1',
    ...flowMatchFields(timesteps),
    _clip: clip && [...clip],
  }
}

/** Reads the clip of a flow that this project wrote. @throws `scheduler.invalid` */
function withOwnClip(scheduler: ForeignScheduler, text: string, name: string): ForeignScheduler {
  const { _clip } = jsonOf(text, name) as Record<string, unknown>
  if (!Array.isArray(_clip)) return scheduler
  const [low, high] = _clip as unknown[]
  if (_clip.length !== 2 || typeof low !== 'number' || typeof high !== 'number' || !(low < high)) {
    throw inputError(
      'scheduler.invalid',
      `${name}: _clip must be [low, high] with low < high, got ${JSON.stringify(_clip)}`,
    )
  }
  return { ...scheduler, settings: { ...scheduler.settings, clip: [low, high] } }
}

/** A sentence where a float32 reader of a config gets other levels than the schedule has, or null. */
export function float32Note(schedule: NoiseSchedule, config: SchedulerConfig): string | null {
  if (schedule.path === 'flow') return null
  if (schedule.stretchedFrom) return float32Note(schedule.stretchedFrom, { ...config, rescale_betas_zero_snr: false })
  const { float32 } = readersOf(Array.from(readScheduler(JSON.stringify(config), 'the config').schedule.betas))
  const wrong = schedule.logSnr.filter(
    (wanted, t) => !(Math.abs(Math.log(float32[t] / (1 - float32[t])) - wanted) <= 0.05),
  )
  if (wrong.length === 0) return null
  return `${wrong.length} of ${schedule.timesteps} training levels are beyond float32: diffusers reads them otherwise`
}

function parametersOf({ family, parameters }: FamilySchedule): Record<string, number> {
  return Object.fromEntries(NOISE_FAMILIES[family].parameters.map(({ name }, i) => [name, parameters[i]]))
}

/** Reads a training schedule, as diffusers does; as the family it was written from where its betas still say the same. */
export function readTrainingScheduler(text: string, name: string): ForeignScheduler {
  const scheduler = readScheduler(text, name)
  if (scheduler.schedule.path === 'flow') return withOwnClip(scheduler, text, name)
  if (!text.includes('"_family"')) return scheduler
  const { _family: family, _parameters: parameters } = jsonOf(text, name) as Record<string, unknown>
  if (typeof family !== 'string' || typeof parameters !== 'object' || parameters === null) return scheduler
  const rule = Object.hasOwn(NOISE_FAMILIES, family) ? NOISE_FAMILIES[family as NoiseFamilyName] : undefined
  if (!rule) throw inputError('scheduler.invalid', `${name}: _family must be a noise schedule family, got ${family}`)
  const values = rule.parameters.map(({ name: key }) => Number((parameters as Record<string, unknown>)[key]))
  const exact = familySchedule(family as NoiseFamilyName, values, scheduler.schedule.timesteps)
  const { stretchedFrom } = scheduler.schedule
  const { alphaBar } = stretchedFrom ?? scheduler.schedule
  const same = exact.alphaBar.every((value, t) => Math.abs(value - alphaBar[t]) <= ALPHA_BAR_TOLERANCE)
  return same ? { ...scheduler, schedule: stretchedFrom ? withZeroTerminalSnr(exact, 0) : exact } : scheduler
}

/** beta_schedule and its ends where a formula that DDIMScheduler has gives these levels; null otherwise. */
function ownBetas({ timesteps, betas, logSnr }: NoiseSchedule) {
  // What the float64 arithmetic of betas has lost.
  const round = (value: number) => Number(value.toPrecision(12))
  const [first, last] = [betas[0], betas[timesteps - 1]]
  const candidates = [
    { beta_schedule: 'squaredcos_cap_v2', beta_start: 1e-4, beta_end: 0.02 },
    ...['linear', 'scaled_linear'].map((beta_schedule) => ({
      beta_schedule,
      beta_start: round(first),
      beta_end: round(last),
    })),
  ].map((candidate) => ({ ...candidate, trained_betas: null }))
  return (
    candidates.find((candidate) => {
      if (!(candidate.beta_start >= 0 && candidate.beta_end < 1)) return false
      const { schedule } = readScheduler(
        JSON.stringify({ num_train_timesteps: timesteps, ...candidate }),
        'a candidate',
      )
      return schedule.logSnr.every((value, t) => Math.abs(value - logSnr[t]) <= 1e-9 * (1 + Math.abs(value)))
    }) ?? null
  )
}

/** Betas that are float32 numbers already (read from `trained_betas`) stay as they are. */
function float32Betas({ betas }: NoiseSchedule) {
  const rounded = Array.from(betas, Math.fround)
  const are = rounded.every((beta, t) => Math.abs(beta - betas[t]) <= 1e-14 * Math.max(beta, 1e-3))
  return are ? { trained_betas: rounded } : null
}
