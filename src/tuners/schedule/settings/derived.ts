/** What follows from the settings of a schedule learning job. */
import type {
  FamilySchedule,
  LossWeighting,
  NoiseSchedule,
  SamplerName,
  SamplerSettings,
  StepListName,
  TrainingSchedule,
} from '../../../diffusion/index.ts'
import {
  flowSchedule,
  learnedFamily,
  logSnrDensity,
  needsSolver,
  noiseSchedule,
  samplerSettings,
  usualClippedNoise,
  withZeroTerminalSnr,
} from '../../../diffusion/index.ts'
import type { LearnSettings } from './shape.ts'

/**
 * Defaults that follow from other settings: the noise of a clipped image is what the sampler makes of it, DDPM's and a flow's that of the clipped image; a schedule learned for both levels is of one
 * family, and without z, with which it got worse in three of five seeds (docs/results/schedule-digits16); a training schedule of its
 * own is learned through z where hypergradients are the penalty's.
 */
export function followingSettings({
  learn,
  trainingFamily,
  sampler,
  free = null,
  prediction = null,
  hypergradient,
}: Pick<LearnSettings, 'learn' | 'trainingFamily' | 'sampler' | 'hypergradient'> &
  Partial<Pick<LearnSettings, 'free' | 'prediction'>>): Partial<LearnSettings> {
  return {
    clippedNoise: prediction === 'flow' ? 'recompute' : usualClippedNoise(sampler),
    ...(learn === 'tied' && { samplingFamily: trainingFamily }),
    ...(free && { samplingFamily: 'free' as const }),
    ...(learn === 'both' && hypergradient === 'penalty' && { z: true }),
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

/**
 * The schedule that names the levels of a model trained here by times, before anything is learned: `startingSchedule`, stretched to zero terminal SNR
 * where it is asked for; or a flow's. @throws as `startingSchedule`
 */
export function trainingStart(settings: LearnSettings): NoiseSchedule {
  if (settings.prediction === 'flow') return flowSchedule(settings.timesteps)
  const schedule = startingSchedule(settings)
  return settings.zeroTerminalSnr ? withZeroTerminalSnr(schedule, 0) : schedule
}

/**
 * What a model is trained on: the times of the schedule that names its levels, or a density of log-SNR told in these.
 * @throws `schedule.density`
 */
export function trainedOn(
  { trainingDensity: name, densityMean: mean, densityWidth: width }: LearnSettings,
  code: NoiseSchedule,
): TrainingSchedule {
  if (name === 'times') return code
  return logSnrDensity({ name, code, ...(mean !== null && { mean }), ...(width !== null && { width }) })
}

/** What the losses of levels count. */
export const weightingOf = ({
  lossWeighting: name,
  snrGamma: gamma,
  importanceSampling: importance,
}: LearnSettings): LossWeighting => ({ name, importance, ...(gamma !== null && { gamma }) })

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
