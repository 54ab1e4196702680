/** What objectives cost, in network evaluations (`../cost.ts` says how they are counted). */
import type { UpperCost } from '../../../bilevel/index.ts'
import type { SamplerSettings } from '../../../diffusion/index.ts'
import { networkEvaluations } from '../../../diffusion/index.ts'
import { evaluationsEach } from '../../classGuidance.ts'
import type { LearnSettings } from '../settings/index.ts'

/**
 * One value of an objective of images and one gradient, with the last steps differentiated.
 * @param samples images, times the network evaluations that a prediction takes
 */
export function objectiveCost(
  samples: number,
  sampler: Pick<SamplerSettings, 'sampler'>,
  steps: number,
  through: number | 'all',
): UpperCost {
  const forward = samples * networkEvaluations(sampler, steps)
  const carried = samples * networkEvaluations(sampler, through === 'all' ? steps : Math.min(through, steps))
  return { value: forward, gradient: forward + 2 * carried, weightsGradient: forward + 3 * carried }
}

/** Projected gradient steps in which the start noise of a soft objective finds its place. */
export const SOFT_STEPS = 3

/** The same with a teacher, and with start noise that moves first. */
export function taughtCost(
  plain: UpperCost,
  { perKey, soft }: { readonly perKey: number; readonly soft: boolean },
): UpperCost {
  const moving = soft ? SOFT_STEPS * plain.gradient + plain.value : 0
  return {
    value: plain.value + moving,
    gradient: plain.gradient + moving,
    weightsGradient: plain.weightsGradient + moving,
    perKey,
  }
}

/** The teacher's images for so many starts. */
export const teachingCost = (
  settings: Pick<LearnSettings, 'teacherSampler' | 'teacherSteps' | 'guidanceScale' | 'free'>,
  samples: number,
): number => {
  const { teacherSampler: sampler, teacherSteps } = settings
  return samples * evaluationsEach(settings) * networkEvaluations({ sampler }, teacherSteps)
}

/** The upper objective that the settings choose. */
export function upperCost(settings: LearnSettings): UpperCost {
  const { objective, tuningSamples: samples, samplingSteps: steps, through, teacherSoft } = settings
  const plain = objectiveCost(samples * evaluationsEach(settings), settings, steps, through)
  if (objective !== 'teacher') return plain
  return taughtCost(plain, { perKey: teachingCost(settings, samples), soft: teacherSoft !== null })
}
