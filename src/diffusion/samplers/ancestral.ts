/**
 * The loop of samplers whose step is x' = image x0Hat + noise epsHat + sigma z, and its derivative: DDIM and DDPM (which differ in the
 * scalars), guided paths (which add a shift) and particles (which go on from chosen ones) are all drawn by it.
 */
import type { ImageData } from '../denoiser.ts'
import type { Level } from '../schedules/level.ts'
import type { Chain, ReverseChain } from './chain.ts'
import { dot, ruleAt } from './chain.ts'
import type { Denoised, DenoisingRule } from './denoised.ts'
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
/** A last step that returns x0Hat. */
export const LAST_STEP: StepScalars = { image: { value: 1, here: 0, next: 0 }, noise: ZERO, sigma: ZERO }

/** All that the loop takes of a chain. */
export type AncestralChain = Pick<Chain, 'prediction' | 'schedule' | 'settings' | 'start' | 'predict' | 'noise'>

/** A state before a step, and the network there. */
export interface Here {
  readonly x: ImageData
  readonly prediction: ImageData
  readonly clean: Denoised
  readonly rule: DenoisingRule
}

/** What a step does otherwise than the base chain's. */
export interface Turn {
  /** In the place of x0Hat and epsHat. */
  readonly clean?: Denoised
  /** Added to the step's mean. */
  readonly shift?: Shift
}

/** A shift scale d of a step's mean, d = coefficient g, with the A and B of each path (`guided.ts`), to be added to. */
export interface Shift {
  readonly g: ImageData
  readonly coefficient: number
  readonly scale: number
  readonly a: Float64Array
  readonly b: Float64Array
}

/**
 * The chain with a step's scalars given by `rule`. Returns the images.
 * @param turn what step i does otherwise, asked once the network has been
 */
export async function ancestral(
  chain: AncestralChain,
  rule: StepRule,
  turn?: (i: number, here: Here) => Promise<Turn>,
): Promise<ImageData> {
  const { levels } = chain.schedule
  let x = chain.start
  for (let i = 0; i < levels.length; i++) {
    const scalars = rule(levels[i], levels[i + 1])
    const prediction = await chain.predict(i, x)
    const at = ruleAt(chain, i)
    const clean = denoised(at, x, prediction)
    const turned = await turn?.(i, { x, prediction, clean, rule: at })
    const z = scalars.sigma.value > 0 ? chain.noise(i) : null
    x = advance(scalars, turned?.clean ?? clean, z, turned?.shift)
  }
  return x
}

/** x' = mu + scale d + sigma z, of the element type of x0Hat, in float64 up to there. A step is shifted only where it has noise. */
function advance(scalars: StepScalars, { x0Hat, epsHat }: Denoised, z: ImageData | null, shift?: Shift): ImageData {
  const [image, noise, sigma] = [scalars.image.value, scalars.noise.value, scalars.sigma.value]
  const next = like(x0Hat)
  if (!shift || !z) {
    for (let j = 0; j < next.length; j++) {
      next[j] = image * x0Hat[j] + noise * epsHat[j] + (z ? sigma * z[j] : 0)
    }
    return next
  }
  const { g, coefficient, scale, a, b } = shift
  const size = next.length / a.length
  for (let n = 0, j = 0; n < a.length; n++) {
    let square = 0
    let along = 0
    for (const end = j + size; j < end; j++) {
      const d = coefficient * g[j]
      square += d * d
      along += d * z[j]
      next[j] = image * x0Hat[j] + noise * epsHat[j] + sigma * z[j] + scale * d
    }
    // x' - mu = scale d + sigma z
    a[n] += (scale * square) / (sigma * sigma) + along / sigma
    b[n] += square / (sigma * sigma)
  }
  return next
}

/** The same loop backwards: cotangent of the images to cotangent of the state before the first step with gradient. */
export async function ancestralVjp(chain: ReverseChain, rule: StepRule, dImages: ImageData): Promise<ImageData> {
  const { levels } = chain.schedule
  let g = dImages
  for (let i = levels.length - 1; i >= chain.first; i--) {
    const { image, noise, sigma } = rule(levels[i], levels[i + 1])
    const [evaluation] = chain.step(i)
    const { x, prediction } = evaluation
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
    const throughNetwork = await chain.vjp(evaluation, dp)
    for (let j = 0; j < dx.length; j++) dx[j] += throughNetwork[j]
    g = dx
  }
  return g
}
