/** diffusers' own scheduler classes of DDIM and DDPM, each of which stands for the other at some settings, and fields that others share. */
import { inputError } from '../../base/index.ts'
import type { DiffusersForms } from './sampler.ts'
import type { StepSettings } from './stepSettings.ts'

/** Of classes that keep x as it is, call the network once a step and take a generator. */
export const PLAIN_CALLS: Pick<DiffusersForms, 'scaled' | 'takesGenerator' | 'calls'> = {
  scaled: false,
  takesGenerator: true,
  calls: (times) => times,
}

export function ddimFields({ clip, clippedNoise, eta }: Pick<StepSettings, 'clip' | 'clippedNoise' | 'eta'>) {
  if (eta !== 0) {
    throw inputError('export.eta', `a DDIMScheduler config holds no eta, it is an argument of its step; got eta ${eta}`)
  }
  if (clip && clippedNoise !== 'keep') {
    const fix = 'recompute is an argument of its step, use_clipped_model_output'
    throw inputError('export.clippedNoise', `diffusers' pipelines keep DDIM's predicted noise after clipping; ${fix}`)
  }
  return {
    _class_name: 'DDIMScheduler',
    ...clipFields(clip),
    set_alpha_to_one: true,
  }
}

/** @param noisyEnd whether the last timestep is above 0, where the real class adds noise if its variance is not 0 */
export function ddpmFields({ clip, clippedNoise, variance, noisyLastStep }: StepSettings, noisyEnd: boolean) {
  if (clip && clippedNoise !== 'recompute') {
    const fix = 'learn with clippedNoise recompute'
    throw inputError('export.clippedNoise', `DDPMScheduler recomputes the noise after clipping, got keep; ${fix}`)
  }
  if (variance === 'large' && noisyLastStep !== noisyEnd) {
    const rule = noisyEnd
      ? 'DDPMScheduler with variance large has noise in a last step above time 0'
      : 'DDPMScheduler has no noise in a last step at time 0'
    throw inputError('export.lastStep', `${rule}, got noisyLastStep ${noisyLastStep}`)
  }
  return {
    _class_name: 'DDPMScheduler',
    ...clipFields(clip),
    variance_type: variance === 'large' ? 'fixed_large' : 'fixed_small',
  }
}

/** Whether clipping acts and the noise stays as it was predicted, which DDIM's class can and DDPM's cannot. */
export const keepsNoise = ({ clip, clippedNoise }: Pick<StepSettings, 'clip' | 'clippedNoise'>): boolean =>
  clip !== null && clippedNoise === 'keep'

/** DDIM's class in a loop, which passes it eta and what becomes of the noise. */
export function ddimLoop(settings: Pick<StepSettings, 'clip' | 'clippedNoise'>, eta: number) {
  const { clip } = settings
  return {
    fields: ddimFields({ clip, clippedNoise: 'keep', eta: 0 }),
    stepArguments: {
      ...(eta > 0 && { eta }),
      ...(clip !== null && !keepsNoise(settings) && { use_clipped_model_output: true }),
    },
    aboveZero: null,
  }
}

/** Clipping of a class that could threshold too. @throws `export.clip` */
function clipFields(clip: StepSettings['clip']) {
  return { ...clipRange(clip), thresholding: false, dynamic_thresholding_ratio: 0.995, sample_max_value: 1 }
}

/** @throws `export.clip` */
export function clipRange(clip: StepSettings['clip']) {
  if (clip && clip[0] !== -clip[1]) {
    throw inputError('export.clip', `diffusers clips x0Hat to a range [-r, r], got [${clip}]`)
  }
  return { clip_sample: clip !== null, clip_sample_range: clip ? clip[1] : 1 }
}
