/** What follows from the settings of a schedule learning job. */
import type {
  FamilySchedule,
  NoiseSchedule,
  SamplerName,
  SamplerSettings,
  StepListName,
} from '../../../diffusion/index.ts'
import {
  flowSchedule,
  learnedFamily,
  needsSolver,
  noiseSchedule,
  samplerSettings,
  usualClippedNoise,
} from '../../../diffusion/index.ts'
import type { LearnSettings } from './shape.ts'

/**
 * Defaults that follow from other settings: the noise of a clipped image is what the sampler makes of it, DDPM's and a flow's that of the clipped image; a schedule learned for both levels is of one
 * family, and without z, with which it got worse in three of five seeds (docs/results/schedule-digits16); a training schedule of its
 * own is learned through z alone.
 */
export function followingSettings({
  learn,
  trainingFamily,
  sampler,
  free = null,
  prediction = null,
}: Pick<LearnSettings, 'learn' | 'trainingFamily' | 'sampler'> &
  Partial<Pick<LearnSettings, 'free' | 'prediction'>>): Partial<LearnSettings> {
  return {
    clippedNoise: prediction === 'flow' ? 'recompute' : usualClippedNoise(sampler),
    ...(learn === 'tied' && { samplingFamily: trainingFamily }),
    ...(free && { samplingFamily: 'free' as const }),
    ...(learn === 'both' && { z: true }),
  }
}

/** The sampler of what is free, where nobody says another; null: any. */
export const samplerFor = (free: readonly string[] | null): SamplerName | null =>
  needsSolver(free ?? []) ? 'exponential' : null

/** The parameters that are given, by name. */
export function givenParameters({ training }: Pick<LearnSettings, 'training'>): Readonly<Record<string, number>> {
  const given = Object.entries(training).filter((entry): entry is [string, number] => entry[1] !== null)
  return Object.fromEntries(given)
}

/**
 * The training schedule before anything is learned.
 * @throws `schedule.family`; `schedule.box` on a parameter outside the family's box or that the family lacks
 */
export function startingSchedule({
  trainingFamily: family,
  timesteps,
  training,
}: Pick<LearnSettings, 'trainingFamily' | 'timesteps' | 'training'>): FamilySchedule {
  return noiseSchedule({ family, timesteps, ...givenParameters({ training }) })
}

/** The schedule that a model trained here is trained with before anything is learned: `startingSchedule`, or a flow's. @throws as that */
export const trainingStart = (settings: LearnSettings): NoiseSchedule =>
  settings.prediction === 'flow' ? flowSchedule(settings.timesteps) : startingSchedule(settings)

/** Whether where tuning starts is a choice: of the families that may start anywhere, where nobody made it. */
export const choosesStart = ({ learn, samplingFamily, start }: LearnSettings): boolean =>
  learn === 'sampling' && start === 'auto' && learnedFamily(samplingFamily).startsAnywhere

/** The step list that the sampling schedule starts from where nothing else is chosen. */
export const startingList = ({ start }: Pick<LearnSettings, 'start'>): StepListName =>
  start === 'auto' || start === 'given' ? 'trailing' : start

/** Every number of steps that a schedule is learned for, the first one first. */
export const stepNumbers = ({ samplingSteps, moreSteps }: Pick<LearnSettings, 'samplingSteps' | 'moreSteps'>) => [
  samplingSteps,
  ...moreSteps,
]

/** The settings for one number of steps. */
export const settingsAt = (settings: LearnSettings, steps: number): LearnSettings => ({
  ...settings,
  samplingSteps: steps,
  moreSteps: [],
  // The model's own, whatever the number of steps: measured once.
  ceilingSteps: steps === settings.samplingSteps ? settings.ceilingSteps : null,
})

/** Settings of the sampler that is learned for. */
export function learnedSampler({ sampler, clip, clippedNoise, eta }: LearnSettings): SamplerSettings {
  return samplerSettings({ sampler, clip, clippedNoise, eta })
}
