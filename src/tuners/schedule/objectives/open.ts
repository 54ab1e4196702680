/** The objective of a job, opened at a denoiser: for tuning, for the search among defaults, for rows on noise that steered nothing. */
import { inputError, internalError } from '../../../base/index.ts'
import type { Denoiser, NoiseSchedule } from '../../../diffusion/index.ts'
import { samplingScheduleFrom } from '../../../diffusion/index.ts'
import type { FeatureNetwork, FrechetReference } from '../../../metrics/index.ts'
import type { Reward } from '../../../rewards/index.ts'
import type { LearnSettings } from '../settings/index.ts'
import { learnedSampler } from '../settings/index.ts'
import { FrechetObjective } from './fid.ts'
import type { Objective } from './objective.ts'
import { RewardObjective } from './reward.ts'
import { teacherSamplerSettings } from './settings.ts'
import type { Teacher } from './teacher.ts'
import { TeacherObjective } from './teacher.ts'

/** What objectives are made of; each needs a part of it. */
export interface ObjectiveParts {
  readonly settings: LearnSettings
  readonly schedule: NoiseSchedule
  readonly features: FeatureNetwork | null
  /** Moments of the tuning split in the features; null: no data. */
  readonly tuningReference: FrechetReference | null
  readonly reward: Reward | null
  readonly condition?: (item: number) => number
  readonly signal?: AbortSignal
}

/** The noise that an objective is asked on. */
export interface ObjectiveNoise {
  readonly samples: number
  readonly seed: number
  /** Values are only compared with each other, on the same noise: a Fréchet distance may be of fewer images than features have dimensions. */
  readonly ranking?: boolean
}

/** What the objective of some settings cannot do without, and whether its derivative can be had. */
export interface ObjectiveNeeds {
  readonly data: boolean
  readonly features: boolean
  readonly reward: boolean
}

export const objectiveNeeds = ({
  objective,
  teacherSpace,
}: Pick<LearnSettings, 'objective' | 'teacherSpace'>): ObjectiveNeeds => ({
  data: objective === 'fid',
  features: objective === 'fid' || (objective === 'teacher' && teacherSpace === 'features'),
  reward: objective === 'reward',
})

/** What of the parts of an objective has no derivative, in words; null: all have. */
export function withoutDerivative({
  settings,
  features,
  reward,
}: Pick<ObjectiveParts, 'settings' | 'features' | 'reward'>): string | null {
  const needs = objectiveNeeds(settings)
  const why = (reason: string | undefined) => (reason === undefined ? '' : ` (${reason})`)
  if (needs.features && features && !features.vjp)
    return `feature network ${features.name}${why(features.missingDerivative)}`
  if (needs.reward && reward && !reward.differentiable) return `reward ${reward.name}${why(reward.missingDerivative)}`
  return null
}

/** @throws `learn.objective` where the objective lacks what it needs */
export function checkObjectiveParts(
  { settings, features, reward }: Pick<ObjectiveParts, 'settings' | 'features' | 'reward'>,
  hasData: boolean,
): void {
  const needs = objectiveNeeds(settings)
  const { objective } = settings
  const lacks =
    needs.data && !hasData
      ? 'data, whose tuning split the images are compared with'
      : needs.features && !features
        ? 'a feature network'
        : needs.reward && !reward
          ? 'a reward'
          : null
  if (lacks) {
    const other =
      objective === 'reward'
        ? 'give one (--reward), or use objective fid or teacher'
        : 'give it, or use objective teacher in pixels, which needs none'
    throw inputError('learn.objective', `objective ${objective} needs ${lacks}, got none; ${other}`)
  }
  if (reward && !needs.reward) {
    throw inputError(
      'learn.objective',
      `reward ${reward.name} is for objective reward, got objective ${objective}; leave it out`,
    )
  }
}

/** @throws `steps.count` where the schedule has not so many steps on its list */
export function teacherOf(
  { settings, schedule }: Pick<ObjectiveParts, 'settings' | 'schedule'>,
  denoiser: Pick<Denoiser, 'times'>,
): Teacher {
  const { teacherList, teacherSteps } = settings
  return {
    schedule: samplingScheduleFrom(schedule, teacherList, teacherSteps, denoiser.times),
    settings: teacherSamplerSettings(settings, schedule.path),
  }
}

function samplingOf({ settings, condition, signal }: ObjectiveParts, denoiser: Denoiser, noise: ObjectiveNoise) {
  return {
    denoiser,
    settings: learnedSampler(settings),
    ...noise,
    through: settings.through,
    ...(condition && { condition }),
    ...(signal && { signal }),
  }
}

/** The objective of the settings, on some noise. */
export function openObjective(parts: ObjectiveParts, denoiser: Denoiser, noise: ObjectiveNoise): Objective {
  const { settings, features, tuningReference, reward } = parts
  const sampling = samplingOf(parts, denoiser, noise)
  switch (settings.objective) {
    case 'teacher': {
      const { teacherSoft } = settings
      return teacherObjective(parts, denoiser, noise, teacherSoft === null ? {} : { soft: teacherSoft })
    }
    case 'reward':
      if (!reward) throw internalError('objective reward was opened without a reward')
      return new RewardObjective({ ...sampling, reward })
    case 'fid':
      if (!features || !tuningReference) throw internalError('objective fid was opened without features')
      return new FrechetObjective({ ...sampling, features, reference: tuningReference })
  }
}

/**
 * What defaults are ranked by: as the rows are compared, by FID where there are data, also with a teacher. In pixels a teacher prefers what blurs:
 * its best default had a FID of 25.0 where the best by FID has 5.6 (docs/results/solver/teacher.md).
 */
export function rankingObjective(parts: ObjectiveParts, denoiser: Denoiser, noise: ObjectiveNoise): Objective {
  const { settings, tuningReference } = parts
  const byFid = settings.objective === 'teacher' && tuningReference !== null
  return openObjective(byFid ? { ...parts, settings: { ...settings, objective: 'fid' } } : parts, denoiser, noise)
}

/** Distance to the teacher of the settings, whatever the objective. */
export function teacherObjective(
  parts: ObjectiveParts,
  denoiser: Denoiser,
  noise: ObjectiveNoise,
  soft: { readonly soft?: number } = {},
): TeacherObjective {
  const { settings, features } = parts
  return new TeacherObjective({
    ...samplingOf(parts, denoiser, noise),
    teacher: teacherOf(parts, denoiser),
    ...(settings.teacherSpace === 'features' && features && { features }),
    ...soft,
  })
}
