/**
 * DDPM's ancestral sampler (Ho, Jain, Abbeel 2020, arXiv 2006.11239) over a list of levels. The mean is DDIM's at eta 1;
 * the variance is `small`, the posterior's (then the whole step is DDIM's at eta 1), or `large`, 1 - v/w = noise_v^2 (1 - e^-h).
 * The last step is noised only with `noisyLastStep`, and only where its variance is not 0: `large`.
 */
import { inputError } from '../../base/index.ts'
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr } from '../schedules/level.ts'
import type { StepRule, StepScalar } from './ancestral.ts'
import { ancestral, ancestralVjp, LAST_STEP } from './ancestral.ts'
import { ancestralFields, ddimScalars, freshShare } from './ddim.ts'
import { ddimLoop, ddpmFields, keepsNoise, PLAIN_CALLS } from './diffusersFields.ts'
import type { Sampler } from './sampler.ts'
import type { StepSettings } from './stepSettings.ts'

export const ddpm: Sampler<'ddpm'> = {
  name: 'ddpm',
  candidate: true,
  // DDPM's posterior mean is written in x0Hat and x: the noise is that of the clipped x0Hat.
  usualClippedNoise: 'recompute',
  takes: ['variance', 'noisyLastStep'],
  check({ variance, noisyLastStep }) {
    if (!noisyLastStep || variance === 'large') return
    const rule = 'only ddpm with variance large has noise at its last step'
    throw inputError('sampler.noisyLastStep', `${rule}, got ddpm with variance ${variance}`)
  },
  evaluations: (steps) => steps,
  ancestral: (settings) => ({ rule: ddpmScalars(settings), meanEta: 1 }),
  noisy: () => true,
  run: (chain) => ancestral(chain, ddpmScalars(chain.settings)),
  pullBack: (chain, dImages) => ancestralVjp(chain, ddpmScalars(chain.settings), dImages),
  words: ({ variance }) => `ddpm, variance ${variance}`,
  toDiffusers: {
    ...PLAIN_CALLS,
    ownTimesOnly: null,
    plain: ({ settings }, aboveZero) => ddpmFields(settings, aboveZero),
    inLoop({ settings }) {
      const { variance, noisyLastStep } = settings
      // With the posterior's variance it is DDIM at eta 1, whose class may keep the noise.
      if (variance === 'small' && keepsNoise(settings)) return ddimLoop(settings, 1)
      const aboveZero = variance === 'large' ? noisyLastStep : null
      return { fields: ddpmFields(settings, noisyLastStep), stepArguments: {}, aboveZero }
    },
    ownClass({ settings }, levels) {
      const rule = ddpmScalars(settings)
      return {
        ...ancestralFields(settings, 1, levels),
        ...(settings.variance === 'large' && {
          noise: levels.map((here, i) => rule(here, levels[i + 1]).sigma.value),
        }),
      }
    },
  },
}

/** DDPM's scalars. */
export function ddpmScalars({ variance, noisyLastStep }: Pick<StepSettings, 'variance' | 'noisyLastStep'>): StepRule {
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
