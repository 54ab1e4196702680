/**
 * DDPM's ancestral sampler (Ho, Jain, Abbeel 2020, arXiv 2006.11239) over a list of levels. The mean is DDIM's at eta 1;
 * the variance is `small`, the posterior's (then the whole step is DDIM's at eta 1), or `large`, 1 - v/w = noise_v^2 (1 - e^-h).
 * The last step is noised only with `noisyLastStep`, and only where its variance is not 0: `large`.
 */
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr } from '../schedules/level.ts'
import type { SamplerSettings } from '../schedules/samplingSchedule.ts'
import type { StepRule, StepScalar } from './ddim.ts'
import { ddimScalars, freshShare, LAST_STEP } from './ddim.ts'

/** DDPM's scalars. */
export function ddpmScalars({
  variance,
  noisyLastStep,
}: Pick<SamplerSettings, 'variance' | 'noisyLastStep'>): StepRule {
  const small = ddimScalars(1)
  if (variance === 'small') return small
  return (here, next) => {
    if (next) return { ...small(here, next), sigma: largeSigma(here, next) }
    if (!noisyLastStep) return LAST_STEP
    return { ...LAST_STEP, sigma: { value: here.noise, here: dNoiseDLogSnr(here), next: 0 } }
  }
}

function largeSigma(here: Level, next: Level): StepScalar {
  const { value, slope } = freshShare(here, next)
  return {
    value: here.noise * value,
    here: dNoiseDLogSnr(here) * value - here.noise * slope,
    next: here.noise * slope,
  }
}
