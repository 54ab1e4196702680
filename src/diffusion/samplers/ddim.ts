/**
 * DDIM (Song, Meng, Ermon 2021, arXiv 2010.02502). With v, w the alphaBar here and at the next level,
 *
 *     x' = sqrt(w) x0Hat + sqrt(1 - w - sigma^2) epsHat' + sigma z,   sigma = eta sqrt((1-w)/(1-v)) sqrt(1 - v/w)
 *
 * and the last step returns x0Hat. Written in log-SNR, with h = logSnr_w - logSnr_v > 0: sigma = eta noise_w sqrt(1 - e^-h)
 * and sqrt(1 - w - sigma^2) = noise_w sqrt(1 - eta^2 + eta^2 e^-h), which is (1-w) sqrt(v/(w(1-v))) at eta 1 and has no
 * singular place. DDPM (`ddpm.ts`) is the same loop with other scalars.
 */
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr, dSignalDLogSnr } from '../schedules/level.ts'
import type { StepRule } from './ancestral.ts'
import { ancestral, ancestralVjp, LAST_STEP } from './ancestral.ts'
import { ddimFields, ddimLoop, ddpmFields, keepsNoise, PLAIN_CALLS } from './diffusersFields.ts'
import type { Sampler } from './sampler.ts'
import type { StepSettings } from './stepSettings.ts'

export const ddim: Sampler<'ddim'> = {
  name: 'ddim',
  candidate: true,
  usualClippedNoise: 'keep',
  takes: ['eta'],
  evaluations: (steps) => steps,
  ancestral: ({ eta }) => ({ rule: ddimScalars(eta), meanEta: eta }),
  noisy: ({ eta }) => eta > 0,
  run: (chain) => ancestral(chain, ddimScalars(chain.settings.eta)),
  pullBack: (chain, dImages) => ancestralVjp(chain, ddimScalars(chain.settings.eta), dImages),
  words: ({ eta }, number = String) => `ddim, eta ${number(eta)}`,
  toDiffusers: {
    ...PLAIN_CALLS,
    ownTimesOnly: 'DDIMScheduler',
    plain: ({ settings }) => ddimFields(settings),
    inLoop({ settings }) {
      // At eta 1 it is DDPM with the posterior's variance, whose class recomputes the noise; DDIM's may keep it.
      if (settings.eta !== 1 || keepsNoise(settings)) return ddimLoop(settings, settings.eta)
      return { fields: ddpmFields({ ...settings, variance: 'small' }, false), stepArguments: {}, aboveZero: null }
    },
    ownClass: ({ settings }, levels) => ancestralFields(settings, settings.eta, levels),
  },
}

/**
 * DDIM(eta) as steps of the exponential rule, of weight 0 and tau^2 = -log(1 - eta^2 (1 - e^-h))/h, h the difference in log-SNR. Of the noise that
 * is kept, x there is signal x0Hat + noise epsHat.
 */
export function ancestralFields({ clip, clippedNoise }: StepSettings, eta: number, levels: readonly Level[]) {
  const between = levels.slice(1)
  const tau = between.map((next, i) => tauOfEta(eta, next.logSnr - levels[i].logSnr))
  return {
    clippedNoise: clip === null ? ('recompute' as const) : clippedNoise,
    weight: between.map(() => 0),
    ...(eta > 0 && { tau }),
  }
}

// At eta 1 exactly: far apart, 1 - e^-h is 1 in float64.
const tauOfEta = (eta: number, h: number): number =>
  eta === 1 ? 1 : Math.sqrt(-Math.log1p(eta * eta * Math.expm1(-h)) / h)

/** sqrt(1 - e^-h) and its derivative in h, for h = logSnr_w - logSnr_v. */
export function freshShare(here: Level, next: Level): { value: number; slope: number } {
  const h = next.logSnr - here.logSnr
  const value = Math.sqrt(-Math.expm1(-h))
  return { value, slope: Math.exp(-h) / (2 * value) }
}

/** DDIM's scalars at a given eta. */
export function ddimScalars(eta: number): StepRule {
  return (here, next) => {
    if (!next) return LAST_STEP
    const shrink = eta * eta * Math.exp(here.logSnr - next.logSnr)
    const root = Math.sqrt(1 - eta * eta + shrink)
    const dRoot = shrink / (2 * root)
    const fresh = freshShare(here, next)
    const dNoise = dNoiseDLogSnr(next)
    return {
      image: { value: next.signal, here: 0, next: dSignalDLogSnr(next) },
      noise: { value: next.noise * root, here: next.noise * dRoot, next: dNoise * root - next.noise * dRoot },
      sigma: {
        value: eta * next.noise * fresh.value,
        here: -eta * next.noise * fresh.slope,
        next: eta * (dNoise * fresh.value + next.noise * fresh.slope),
      },
    }
  }
}
