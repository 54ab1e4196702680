/**
 * Heun's method on the probability-flow ODE (Karras et al. 2022, arXiv 2206.00364, algorithm 1 without churn) and its derivative. In
 * xBar = x/signal and sigma = noise/signal the ODE is dxBar/dsigma = d = epsHat', and from a level v to the next, w,
 *
 *     xBarE = xBar + (sigma_w - sigma_v) d        d at v
 *     xBar' = xBar + (sigma_w - sigma_v) (d + d')/2        d' at w, of xBarE
 *
 * which for x, with nothing that cancels at large sigma, is
 *
 *     xE = signal_w x0Hat + noise_w d,   x' = xE + k (d' - d),   k = signal_w (sigma_w - sigma_v)/2
 *
 * On a flow the ODE is dx/dnoise = d = epsHat' - x0Hat, the velocity: x' = xE + k (d' - d) with k = (noise_w - noise_v)/2, and the first sigma may be
 * infinite (as FlowMatchHeunDiscreteScheduler, Lipman et al. 2023, arXiv 2210.02747). The last step, to sigma 0, returns x0Hat: 2 N - 1 evaluations of the network in N steps.
 */
import { inputError } from '../../base/index.ts'
import type { ImageData } from '../denoiser.ts'
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr, dSignalDLogSnr } from '../schedules/level.ts'
import type { Chain, ReverseChain } from './chain.ts'
import { dot, ruleAt } from './chain.ts'
import type { Denoised, DenoisingRule } from './denoised.ts'
import { denoised, denoisedVjp, like } from './denoised.ts'
import { clipRange } from './diffusersFields.ts'
import type { Sampler, SchedulerFields, ToldSampler } from './sampler.ts'

export const heun: Sampler<'heun'> = {
  name: 'heun',
  // The defaults of a run are part of what its numbers mean: those of every preset there is would be others.
  candidate: false,
  flowCandidate: true,
  usualClippedNoise: 'recompute',
  takes: [],
  evaluations: (steps) => Math.max(0, 2 * steps - 1),
  ancestral: null,
  noisy: () => false,
  run: solve,
  pullBack: solveVjp,
  words: () => 'heun, second order, two evaluations a step but the last',
  toDiffusers: {
    ownTimesOnly: null,
    scaled: true,
    takesGenerator: false,
    // After the first, each level is seen twice: at the end of one step and at the beginning of the next.
    calls: ([first, ...rest]) => [first, ...rest.flatMap((time) => [time, time])],
    plain: classFields,
    inLoop: (told) => ({ fields: classFields(told), stepArguments: {}, aboveZero: null }),
    // Two evaluations a step.
    ownClass: () => null,
  },
}

/** d of the ODE: epsHat', on a flow the velocity. */
function slopeOf({ level }: DenoisingRule, { x0Hat, epsHat }: Denoised): ImageData {
  return level.path === 'flow' ? epsHat.map((eps, j) => eps - x0Hat[j]) : epsHat
}

/** k and its derivatives in the log-SNR here and at the next level; sigma = e^(-logSnr/2). */
function correction(here: Level, next: Level) {
  if (here.path === 'flow') {
    return { value: (next.noise - here.noise) / 2, here: -dNoiseDLogSnr(here) / 2, next: dNoiseDLogSnr(next) / 2 }
  }
  const [from, to] = [here, next].map(({ logSnr }) => Math.exp(-logSnr / 2))
  return {
    value: (next.signal * (to - from)) / 2,
    here: (next.signal * from) / 4,
    next: (dSignalDLogSnr(next) * (to - from)) / 2 - (next.signal * to) / 4,
  }
}

/** The method. Returns the images. */
async function solve(chain: Chain): Promise<ImageData> {
  const { levels } = chain.schedule
  let x = chain.start
  for (let i = 0; i < levels.length; i++) {
    const prediction = await chain.predict(i, x)
    const rule = ruleAt(chain, i)
    const clean = denoised(rule, x, prediction)
    const { x0Hat, epsHat } = clean
    if (i === levels.length - 1) return x0Hat
    const next = levels[i + 1]
    const k = correction(levels[i], next).value
    const xE = like(x)
    for (let j = 0; j < xE.length; j++) xE[j] = next.signal * x0Hat[j] + next.noise * epsHat[j]
    const ruleE = ruleAt(chain, i + 1)
    const d = slopeOf(rule, clean)
    const dE = slopeOf(ruleE, denoised(ruleE, xE, await chain.predict(i, xE, i + 1)))
    const corrected = like(x)
    for (let j = 0; j < corrected.length; j++) corrected[j] = xE[j] + k * (dE[j] - d[j])
    x = corrected
  }
  return x
}

/** The method backwards, through both evaluations of a step. */
async function solveVjp(chain: ReverseChain, dImages: ImageData): Promise<ImageData> {
  const { levels } = chain.schedule
  let g = dImages
  for (let i = levels.length - 1; i >= chain.first; i--) {
    const [predictor, corrector] = chain.step(i)
    const { x, prediction } = predictor
    const rule = ruleAt(chain, i)
    let dX0Hat = g
    let dEps: ImageData | null = null
    if (corrector) {
      const next = levels[i + 1]
      const k = correction(levels[i], next)
      const clean = denoised(rule, x, prediction)
      const { x0Hat, epsHat } = clean
      const ruleE = ruleAt(chain, i + 1)
      const dE = slopeOf(ruleE, denoised(ruleE, corrector.x, corrector.prediction))
      const inK = dot(g, dE) - dot(g, slopeOf(rule, clean))
      const toDE = g.map((v) => k.value * v)
      // On a flow d holds -x0Hat too.
      const inClean = rule.level.path === 'flow' ? -k.value : 0
      const toClean = g.map((v) => inClean * v)
      const back = denoisedVjp(ruleE, corrector.x, corrector.prediction, toClean, toDE)
      const throughNetwork = await chain.vjp(corrector, back.dp)
      const gE = g.map((v, j) => v + back.dx[j] + throughNetwork[j])
      dX0Hat = gE.map((v, j) => next.signal * v - toClean[j])
      dEps = gE.map((v, j) => next.noise * v - k.value * g[j])
      chain.dLogSnr[i] += inK * k.here
      chain.dLogSnr[i + 1] += back.dLogSnr + inK * k.next
      chain.dLogSnr[i + 1] += dot(gE, x0Hat) * dSignalDLogSnr(next) + dot(gE, epsHat) * dNoiseDLogSnr(next)
    }
    const { dx, dp, dLogSnr } = denoisedVjp(rule, x, prediction, dX0Hat, dEps)
    chain.dLogSnr[i] += dLogSnr
    const throughNetwork = await chain.vjp(predictor, dp)
    for (let j = 0; j < dx.length; j++) dx[j] += throughNetwork[j]
    g = dx
  }
  return g
}

/** HeunDiscreteScheduler's own fields. @throws `export.clippedNoise`, `export.clip`, `export.prediction` */
function classFields({ settings: { clip, clippedNoise }, prediction }: ToldSampler): SchedulerFields {
  if (clip && clippedNoise !== 'recompute') {
    const fix = 'learn with clippedNoise recompute'
    throw inputError(
      'export.clippedNoise',
      `HeunDiscreteScheduler recomputes the noise after clipping, got keep; ${fix}`,
    )
  }
  if (prediction === 'sample') {
    const rule = 'HeunDiscreteScheduler takes a network that predicts noise or velocity'
    throw inputError('export.prediction', `${rule}, got one that predicts the sample`)
  }
  return {
    _class_name: 'HeunDiscreteScheduler',
    ...clipRange(clip),
    use_karras_sigmas: false,
    use_exponential_sigmas: false,
    use_beta_sigmas: false,
  }
}
