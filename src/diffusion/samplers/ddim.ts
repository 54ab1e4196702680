/**
 * DDIM (Song, Meng, Ermon 2021, arXiv 2010.02502) and its derivative. With v, w the alphaBar here and at the next level,
 *
 *     x' = sqrt(w) x0Hat + sqrt(1 - w - sigma^2) epsHat' + sigma z,   sigma = eta sqrt((1-w)/(1-v)) sqrt(1 - v/w)
 *
 * and the last step returns x0Hat. Written in log-SNR, with h = logSnr_w - logSnr_v > 0: sigma = eta noise_w sqrt(1 - e^-h)
 * and sqrt(1 - w - sigma^2) = noise_w sqrt(1 - eta^2 + eta^2 e^-h), which is (1-w) sqrt(v/(w(1-v))) at eta 1 and has no
 * singular place. DDPM (`ddpm.ts`) is the same loop with other scalars.
 */
import type { ImageData } from '../denoiser.ts'
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr, dSignalDLogSnr } from '../schedules/level.ts'
import type { Chain, ReverseChain } from './chain.ts'
import { dot, ruleAt } from './chain.ts'
import { denoised, denoisedVjp, like } from './denoised.ts'

/** A scalar and its derivatives in the log-SNR here and at the next level. */
export interface StepScalar {
  readonly value: number
  readonly here: number
  readonly next: number
}

/** x' = image x0Hat + noise epsHat' + sigma z. */
export interface StepScalars {
  readonly image: StepScalar
  readonly noise: StepScalar
  readonly sigma: StepScalar
}

/** Scalars of the step from `here` to `next`; `next` undefined: the last step. */
export type StepRule = (here: Level, next: Level | undefined) => StepScalars

const ZERO: StepScalar = { value: 0, here: 0, next: 0 }
export const LAST_STEP: StepScalars = { image: { value: 1, here: 0, next: 0 }, noise: ZERO, sigma: ZERO }

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

/** The chain with a step's scalars given by `rule`. Returns the images. */
export async function ancestral(chain: Chain, rule: StepRule): Promise<ImageData> {
  const { levels } = chain.schedule
  let x = chain.start
  for (let i = 0; i < levels.length; i++) {
    const { image, noise, sigma } = rule(levels[i], levels[i + 1])
    const prediction = await chain.predict(i, x)
    const { x0Hat, epsHat } = denoised(ruleAt(chain, i), x, prediction)
    chain.record(i, { x, prediction }, null)
    const z = sigma.value > 0 ? chain.noise(i) : null
    const next = like(x)
    for (let j = 0; j < next.length; j++) {
      next[j] = image.value * x0Hat[j] + noise.value * epsHat[j] + (z ? sigma.value * z[j] : 0)
    }
    x = next
  }
  return x
}

/** The same loop backwards: cotangent of the images to cotangent of the state before the first step with gradient. */
export async function ancestralVjp(chain: ReverseChain, rule: StepRule, dImages: ImageData): Promise<ImageData> {
  const { levels } = chain.schedule
  let g = dImages
  for (let i = levels.length - 1; i >= chain.first; i--) {
    const { image, noise, sigma } = rule(levels[i], levels[i + 1])
    const { x, prediction } = chain.step(i)
    const { x0Hat, epsHat } = denoised(ruleAt(chain, i), x, prediction)
    const inImage = dot(g, x0Hat)
    const inNoise = dot(g, epsHat)
    const inSigma = sigma.value > 0 ? dot(g, chain.noise(i)) : 0
    const dX0Hat = g.map((v) => image.value * v)
    const dEpsHat = noise.value === 0 ? null : g.map((v) => noise.value * v)
    const { dx, dp, dLogSnr } = denoisedVjp(ruleAt(chain, i), x, prediction, dX0Hat, dEpsHat)
    chain.dLogSnr[i] += dLogSnr + inImage * image.here + inNoise * noise.here + inSigma * sigma.here
    if (i + 1 < levels.length)
      chain.dLogSnr[i + 1] += inImage * image.next + inNoise * noise.next + inSigma * sigma.next
    const throughNetwork = await chain.vjp(i, x, dp)
    for (let j = 0; j < dx.length; j++) dx[j] += throughNetwork[j]
    g = dx
  }
  return g
}
