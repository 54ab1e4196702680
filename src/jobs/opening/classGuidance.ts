/** A model's denoiser as it is sampled from: guided towards its classes where the settings say so. */
import { inputError } from '../../base/index.ts'
import type { SamplingSchedule } from '../../diffusion/index.ts'
import { classifierFree } from '../../diffusion/index.ts'
import { guides } from '../../tuners/index.ts'
import type { DenoiserOptions, OpenedDenoiser, OpenedModel } from './openedModel.ts'
import type { SamplingConfig } from './settings.ts'

export type GuidedOptions = DenoiserOptions & Pick<SamplingConfig, 'guidanceScale' | 'class'>

/** A schedule as far as it guides by itself. */
type Scheduled = { readonly schedule: Pick<SamplingSchedule, 'solver'> }

/**
 * The scale that the sampling is at; null: none. A schedule with scales of its own, learned ones, takes the place of what the settings say.
 */
export function scaleOf({ guidanceScale }: Pick<SamplingConfig, 'guidanceScale'>, choice?: Scheduled): number | null {
  const [first] = choice?.schedule.solver?.guidance ?? []
  return first ?? (guides({ guidanceScale }) ? guidanceScale : null)
}

/**
 * @param choice what it is sampled by, where that may guide by itself
 * @throws `sample.guidanceScale` where the model has no classes, no null class is known, or no class is asked for
 */
export async function openGuidedDenoiser(
  opened: Pick<OpenedModel, 'openDenoiser' | 'conditional' | 'nullClass' | 'trainable'>,
  options: GuidedOptions,
  choice?: Scheduled,
): Promise<OpenedDenoiser> {
  const scale = scaleOf(options, choice)
  requireClasses(opened, { ...options, guidanceScale: scale })
  if (scale === null) return opened.openDenoiser(options)
  const { denoiser, close } = await opened.openDenoiser(options)
  const { nullClass } = opened
  return { denoiser: classifierFree(denoiser, { scale, ...(nullClass !== undefined && { nullClass }) }), close }
}

/** @throws `sample.guidanceScale` */
export function requireClasses(
  { conditional, nullClass, trainable }: Pick<OpenedModel, 'conditional' | 'nullClass' | 'trainable'>,
  { guidanceScale, class: wanted }: Pick<SamplingConfig, 'guidanceScale' | 'class'>,
): void {
  if (guidanceScale === null) return
  const refuse = (rule: string) => {
    throw inputError('sample.guidanceScale', `guidanceScale ${guidanceScale} ${rule}`)
  }
  if (!conditional) refuse('is guidance towards a class, but this model knows no classes; leave it out')
  if (nullClass === undefined) {
    const fix = trainable ? 'leave it out' : 'say which class stands for none (--null-class N)'
    refuse(`needs a class that stands for none, but of this model none is known; ${fix}`)
  }
  if (wanted === 'unconditional') {
    refuse(
      'needs a class to guide towards, got class unconditional; give one, or none for the classes in turn (--class none)',
    )
  }
}
