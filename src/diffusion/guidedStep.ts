/**
 * The scalars of a guided step. From v = alphaBar here to w at the next level, with g = grad_x r(x0Hat(x)),
 *
 *     x' = image x0Hat + noise epsHat + scale d + sigma z,   d = coefficient g
 *     coefficient = sqrt(w) (1-v)/sqrt(v) - sqrt(1 - w - sigmaSmall^2) sqrt(1-v)
 *
 * which is the sampler's own mean with epsHat - sqrt(1-v) scale g in the place of epsHat (noise guidance: Dhariwal, Nichol
 * 2021, arXiv 2105.05233, section 4.2, through the mean of any eta). With h = logSnr_w - logSnr_v and the mean's eta the
 * coefficient is (1-v) sqrt(w/v) (1 - q), log q = -h/2 + log(1 - eta^2 (1 - e^-h))/2: nothing cancels and nothing is
 * singular. At eta 1 it is (1-v)(1 - e^-h) sqrt(w/v), at the last step, where w = 1 and q = 0, (1-v)/sqrt(v).
 */
import { inputError } from '../base/index.ts'
import type { Level } from './level.ts'
import { ruleOf } from './samplers/sample.ts'
import type { SamplerSettings, SamplingSchedule } from './samplingSchedule.ts'

/** Guided where alphaBar is above this: below it x0Hat is the network's error, magnified. */
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
 * @throws `guidance.sampler` where no step has noise, `guidance.path` for a flow's levels, `guidance.minimumAlphaBar`,
 * `guidance.steps` where no step would be guided
 */
export function guidedSteps(
  schedule: SamplingSchedule,
  settings: SamplerSettings,
  minimumAlphaBar: number = DEFAULT_MINIMUM_ALPHA_BAR,
): GuidedStep[] {
  checkNoisy('guidance', schedule, settings)
  if (!(minimumAlphaBar >= 0 && minimumAlphaBar < 1)) {
    throw inputError('guidance.minimumAlphaBar', `minimumAlphaBar must lie in [0, 1), got ${minimumAlphaBar}`)
  }
  const { levels } = schedule
  const rule = ruleOf(settings)
  const eta = settings.sampler === 'ddpm' ? 1 : settings.eta
  const steps = levels.map((here, i): GuidedStep => {
    const { image, noise, sigma } = rule(here, levels[i + 1])
    const guided = sigma.value > 0 && here.signal * here.signal > minimumAlphaBar
    const coefficient = guided ? guidanceCoefficient(here, levels[i + 1], eta) : 0
    return { image: image.value, noise: noise.value, sigma: sigma.value, coefficient, guided }
  })
  if (!steps.some(({ guided }) => guided)) {
    const rules = `steps with noise and alphaBar > ${minimumAlphaBar} are guided`
    const came = `none of the ${levels.length} is one`
    throw inputError('guidance.steps', `${rules}, and ${came}; take more steps or a smaller minimumAlphaBar`)
  }
  return steps
}

/** @throws `<what>.sampler`, `<what>.path` unless the chain is variance preserving and has noise */
export function checkNoisy(what: 'guidance' | 'smc', { levels }: SamplingSchedule, settings: SamplerSettings): void {
  const { sampler, eta } = settings
  if (sampler === 'dpm-solver++' || (sampler === 'ddim' && eta === 0)) {
    const came = sampler === 'ddim' ? 'ddim with eta 0' : sampler
    const rule = `${what === 'smc' ? 'sequential Monte Carlo' : 'a guided path'} needs noise at every step`
    throw inputError(`${what}.sampler`, `${rule}: take ddim with eta > 0, or ddpm; got ${came}`)
  }
  if (levels.some(({ path }) => path === 'flow')) {
    throw inputError(
      `${what}.path`,
      'the chain must be variance preserving (signal^2 + noise^2 = 1), got flow levels; take a schedule of alphaBar',
    )
  }
}
