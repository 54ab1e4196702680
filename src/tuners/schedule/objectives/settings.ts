/** Which objective a schedule is learned by, and what it needs beside the images: settings, each declared once. */
import { z } from 'zod'
import { MOST } from '../../../base/index.ts'
import type { SamplerName, SamplerSettings, StepListName } from '../../../diffusion/index.ts'
import { SAMPLER_NAMES, SAMPLERS, STEP_LIST_NAMES, samplerNamed, samplerSettings } from '../../../diffusion/index.ts'
import { refused, setting } from '../../declared.ts'
import { OBJECTIVE_NAMES, TEACHER_SPACES } from './names.ts'

const OBJECTIVE = 'What is learned'

export const objectiveShape = {
  objective: setting(z.enum(OBJECTIVE_NAMES), {
    group: OBJECTIVE,
    description:
      "what the schedule is learned by: fid, the distance of the images to tuning images; teacher, that to the model's own images of many steps from the same noise, without any data; reward, the mean of a reward, which is maximised",
    default: 'fid',
  }),
  teacherSampler: setting(z.enum(SAMPLER_NAMES), {
    group: OBJECTIVE,
    description: 'objective teacher, and the guard of reward: the many-step sampler; one that adds no noise',
    default: 'dpm-solver++',
  }),
  teacherSteps: setting(z.int().min(1).max(MOST.timesteps), {
    group: OBJECTIVE,
    description: "the teacher's steps",
    default: 40,
  }),
  teacherList: setting(z.enum(STEP_LIST_NAMES), {
    group: OBJECTIVE,
    description: "the teacher's step list",
    default: 'karras',
  }),
  teacherSpace: setting(z.enum(TEACHER_SPACES), {
    group: OBJECTIVE,
    description: "what images are compared with the teacher's in: pixels, or features of the feature network",
    default: 'pixels',
  }),
  /** LD3's soft objective (Tong et al., ICLR 2025): min over x' with |x' - x| <= radius sqrt(d) of the distance from x' to the teacher's image from x. */
  teacherSoft: setting(z.number().positive().nullable(), {
    group: OBJECTIVE,
    description:
      "how far the start noise may move to come nearer to the teacher's image, root mean square over pixels (LD3's soft objective); none: not at all",
    default: null,
  }),
}

/** The settings of the teacher. */
export interface TeacherSettings {
  readonly teacherSampler: SamplerName
  readonly teacherSteps: number
  readonly teacherList: StepListName
  readonly clip: SamplerSettings['clip']
}

/** How the teacher samples: clipped as everything is, the noise of a clipped image as is usual for its sampler, on a flow that of the clipped image. */
export const teacherSamplerSettings = (
  { teacherSampler: sampler, clip }: Pick<TeacherSettings, 'teacherSampler' | 'clip'>,
  path?: 'flow' | undefined,
) => samplerSettings({ sampler, clip, ...(path === 'flow' && { clippedNoise: 'recompute' }) })

type Checked = TeacherSettings & {
  readonly [name in keyof typeof objectiveShape]: unknown
} & {
  readonly learn: string
  readonly samplingSteps: number
  readonly timesteps: number
  readonly through: number | 'all'
}

/** @throws `learn.settings` on a teacher that is none, or that cannot be learned from this way */
export function checkObjective(settings: Checked): void {
  const { objective, learn, teacherSampler, teacherSteps, samplingSteps, timesteps, teacherSoft, through } = settings
  const refuse = (name: string, rule: string, came: unknown) => {
    throw refused('learn.settings', name, rule, came)
  }
  if (objective === 'fid') return
  if (samplerNamed(teacherSampler).noisy(teacherSamplerSettings(settings))) {
    const quiet = SAMPLERS.map(({ name }) => name).filter(
      (name) => !samplerNamed(name).noisy(samplerSettings({ sampler: name })),
    )
    refuse(
      'teacherSampler',
      `one that adds no noise (${quiet.join(', ')}): from the same start noise a stochastic teacher makes another image each time`,
      teacherSampler,
    )
  }
  if (teacherSteps > timesteps) refuse('teacherSteps', `at most the ${timesteps} timesteps`, teacherSteps)
  if (objective !== 'teacher') return
  if (learn !== 'sampling') {
    refuse(
      'objective',
      `fid or reward where the network is trained while tuning (learn ${learn}): its own images are no fixed teacher`,
      objective,
    )
  }
  if (teacherSteps <= samplingSteps) {
    refuse('teacherSteps', `more than the ${samplingSteps} steps that are learned`, teacherSteps)
  }
  if (teacherSoft !== null && through !== 'all') {
    refuse(
      'through',
      'all where the start noise may move (teacherSoft): its derivative goes through every step',
      through,
    )
  }
}
