/**
 * The scalars of a guided step. From v = alphaBar here to w at the next level, with g = grad_x r(x0Hat(x)),
 *
 *     x' = image x0Hat + noise epsHat + scale d + sigma z,   d = coefficient g
 *     coefficient = sqrt(w) (1-v)/sqrt(v) - sqrt(1 - w - sigmaSmall^2) sqrt(1-v)
 *
 * which is the sampler's own mean with epsHat - sqrt(1-v) scale g in the place of epsHat (noise guidance: Dhariwal, Nichol
 * 2021, arXiv 2105.05233, section 4.2, through the mean of any eta). It is written in signal and noise, so it holds on a flow too, where v and w are
 * alphaBar of the variance-preserving process of the same log-SNRs (x divided by sqrt(signal^2 + noise^2)). With h = logSnr_w - logSnr_v and the mean's eta the
 * coefficient is (1-v) sqrt(w/v) (1 - q), log q = -h/2 + log(1 - eta^2 (1 - e^-h))/2: nothing cancels and nothing is
 * singular. At eta 1 it is (1-v)(1 - e^-h) sqrt(w/v), at the last step, where w = 1 and q = 0, (1-v)/sqrt(v).
 */
import { inputError } from '../../base/index.ts'
import type { AncestralStep } from '../samplers/sampler.ts'
import { SAMPLERS, samplerNamed } from '../samplers/samplers.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import type { Level } from '../schedules/level.ts'
import { alphaBarOf } from '../schedules/level.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'

/**
 * Guided where alphaBar is above this: below it x0Hat is the network's error, magnified. A larger one makes paths easier to
 * reweight: with digits-16, DDIM eta 1, 25 trailing steps and the log-probability of "3" at scale 1, the step at alphaBar .0039
 * alone holds 135 of E[B] = 196; from .01 on E[B] is 62 and the reward the same (-.30(5), -.32(6)).
 */
export const DEFAULT_MINIMUM_ALPHA_BAR = 2e-3

/** x' = image x0Hat + noise epsHat + sigma z, plus scale coefficient g where `guided`. */
export interface GuidedStep {
  readonly image: number
  readonly noise: number
  readonly sigma: number
  /** d per unit of the gradient; 0 where the step is not guided. */
  readonly coefficient: number
  readonly guided: boolean
}

/** d per unit of grad_x r(x0Hat(x)). @param eta of the mean: DDIM's, 1 for DDPM; `next` undefined: the last step, w = 1 */
export function guidanceCoefficient(here: Level, next: Level | undefined, eta: number): number {
  const whole = here.noise * Math.exp(-here.logSnr / 2)
  if (!next) return whole
  const h = next.logSnr - here.logSnr
  const logQ = -h / 2 + Math.log1p(eta * eta * Math.expm1(-h)) / 2
  return whole * next.signal * -Math.expm1(logQ)
}

/**
 * The steps of a guided chain, noisiest first. Guided are those with noise and alphaBar > `minimumAlphaBar`.
 * @throws `guidance.sampler` where the sampler has no noise, `guidance.minimumAlphaBar`,
 * `guidance.steps` where no step would be guided
 */
export function guidedSteps(
  schedule: SamplingSchedule,
  settings: SamplerSettings,
  minimumAlphaBar: number = DEFAULT_MINIMUM_ALPHA_BAR,
): GuidedStep[] {
  const steps = chainSteps('guidance', schedule, settings, minimumAlphaBar)
  if (!steps.some(({ guided }) => guided)) {
    const rule = `steps with noise and alphaBar > ${minimumAlphaBar} are guided`
    const came = `none of the ${steps.length} is one`
    throw inputError('guidance.steps', `${rule}, and ${came}; take more steps or a smaller minimumAlphaBar`)
  }
  return steps
}

/** The steps of a chain with noise. @throws `<what>.sampler`, `<what>.minimumAlphaBar` */
export function chainSteps(
  what: 'guidance' | 'smc',
  schedule: SamplingSchedule,
  settings: SamplerSettings,
  minimumAlphaBar: number,
): GuidedStep[] {
  const { rule, meanEta } = noisyStep(what, settings)
  if (!(minimumAlphaBar >= 0 && minimumAlphaBar < 1)) {
    throw inputError(`${what}.minimumAlphaBar`, `minimumAlphaBar must lie in [0, 1), got ${minimumAlphaBar}`)
  }
  const { levels } = schedule
  return levels.map((here, i) => {
    const { image, noise, sigma } = rule(here, levels[i + 1])
    const guided = sigma.value > 0 && alphaBarOf(here) > minimumAlphaBar
    const coefficient = guided ? guidanceCoefficient(here, levels[i + 1], meanEta) : 0
    return { image: image.value, noise: noise.value, sigma: sigma.value, coefficient, guided }
  })
}

/** The step of a chain with noise. @throws `<what>.sampler` unless it has noise */
export function noisyStep(what: 'guidance' | 'smc', settings: SamplerSettings): AncestralStep {
  const { name, noisy, ancestral, takes } = samplerNamed(settings.sampler)
  if (!(ancestral && noisy(settings))) {
    const came = takes.includes('eta') ? `${name} with eta 0` : name
    const rule = `${what === 'smc' ? 'sequential Monte Carlo' : 'a guided path'} needs noise at every step`
    throw inputError(`${what}.sampler`, `${rule}: take ${noisySamplers()}; got ${came}`)
  }
  return ancestral(settings)
}

/** `ddim with eta > 0, or ddpm`. */
const noisySamplers = (): string =>
  SAMPLERS.filter(({ ancestral }) => ancestral)
    .map(({ name, takes }) => (takes.includes('eta') ? `${name} with eta > 0` : name))
    .join(', or ')
