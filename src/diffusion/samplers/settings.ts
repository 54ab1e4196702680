/** Everything beside the schedule that decides what a sampler does, and which settings go with which sampler. */
import { inputError } from '../../base/index.ts'
import type { Denoiser } from '../denoiser.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import type { ClassPlan } from './classPlan.ts'
import { classEvaluations } from './classPlan.ts'
import type { OwnSetting } from './sampler.ts'
import type { SamplerName } from './samplers.ts'
import { DEFAULT_SAMPLER, SAMPLERS, samplerNamed } from './samplers.ts'
import type { StepSettings } from './stepSettings.ts'

/** Recorded with every result. */
export interface SamplerSettings extends StepSettings {
  readonly sampler: SamplerName
}

/** A way of sampling: the levels and told times, and the sampler that goes through them. */
export interface Sampling {
  readonly schedule: SamplingSchedule
  readonly settings: SamplerSettings
  /** The steps of a scheduler file's own class, at these levels and times, in the place of the sampler's; they have no derivative. */
  readonly own?: ClassPlan
}

/** What a sampler does with the noise of a clipped image where nobody says: as the scheduler of that name does in diffusers. */
export const usualClippedNoise = (sampler: SamplerName): SamplerSettings['clippedNoise'] =>
  samplerNamed(sampler).usualClippedNoise

/** Network evaluations of one image in so many steps, or in the last so many steps of more. */
export const networkEvaluations = ({ sampler }: Pick<SamplerSettings, 'sampler'>, steps: number): number =>
  samplerNamed(sampler).evaluations(steps)

/** Network evaluations of one image. */
export const evaluationsOf = ({ schedule, settings, own }: Sampling): number =>
  own ? classEvaluations(own) : networkEvaluations(settings, schedule.levels.length)

/** Network evaluations of one image by a network that a prediction may take more than once. */
export const evaluationsBy = ({ evaluationsEach = 1 }: Pick<Denoiser, 'evaluationsEach'>, sampling: Sampling): number =>
  evaluationsEach * evaluationsOf(sampling)

/** The most steps that take no more than so many network evaluations; at least 1. */
export function stepsWithin({ sampler }: Pick<SamplerSettings, 'sampler'>, evaluations: number): number {
  const entry = samplerNamed(sampler)
  let steps = 1
  while (steps < evaluations && entry.evaluations(steps + 1) <= evaluations) steps++
  return steps
}

const DEFAULT_SETTINGS: Omit<SamplerSettings, 'clippedNoise'> = {
  sampler: DEFAULT_SAMPLER,
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
  const entry = samplerNamed(sampler)
  const { takes, usualClippedNoise: clippedNoise } = entry
  const settings = { ...DEFAULT_SETTINGS, clippedNoise, ...options }
  const { clip, eta, noisyLastStep } = settings
  if (!(eta >= 0 && eta <= 1)) throw inputError('sampler.eta', `eta must lie in [0, 1], got ${eta}`)
  if (eta > 0 && !takes.includes('eta')) {
    const came = `eta ${eta} with ${sampler}`
    throw inputError('sampler.eta', `eta belongs to ${ownersOf('eta')}, got ${came}; leave it out`)
  }
  if (clip && !(clip[0] < clip[1])) {
    throw inputError('sampler.clip', `clip is a range [low, high] with low < high, or null; got [${clip}]`)
  }
  if (noisyLastStep && !takes.includes('noisyLastStep')) {
    const rule = `only ${ownersOf('noisyLastStep')} with variance large has noise at its last step`
    throw inputError('sampler.noisyLastStep', `${rule}, got ${sampler} with variance ${settings.variance}`)
  }
  entry.check?.(settings)
  return settings
}

/** The samplers that have a setting, in words. */
export const ownersOf = (setting: OwnSetting): string =>
  SAMPLERS.flatMap(({ name, takes }) => (takes.includes(setting) ? [name] : [])).join(' or ')
