/**
 * Sequential Monte Carlo from the tilt p0 e^{s r}/Z of what a stochastic sampler draws (Wu, Trippe, Naesseth, Blei, Cunningham
 * 2023, "Practical and asymptotically exact conditional sampling in diffusion models", arXiv 2306.17775, with the base
 * chain as proposal). No derivative is needed, of the reward or of the network.
 *
 * At each step a particle x has twist e^{s_k r(x0Hat(x))}, and its weight gains e^{s_{k-1} r(x0Hat(x')) - s_k r(x0Hat(x))}: the
 * product telescopes to e^{s r(x0)}, so the weights are right whatever the twists, which only decide whom resampling keeps. s_k is 0
 * where alphaBar <= `minimumAlphaBar`, s alphaBar_k^temper elsewhere: x0Hat is believed as far as it holds signal.
 * Measured (digits-16, DDIM eta 1, 25 steps, r = log-probability of "3", s = 1, 256 particles): tempered, 44 starts survive and ESS
 * is 241; at once, 3 starts. A guided proposal with the tempered scale kept 58, at 2.8 times the network evaluations: left out.
 */
import type { RandomStream } from '../../base/index.ts'
import {
  effectiveSampleSize,
  failure,
  inputError,
  logSumExp,
  randomStream,
  throwIfInterrupted,
  weightsOf,
} from '../../base/index.ts'
import type { ImageData, Images } from '../denoiser.ts'
import type { AncestralChain } from '../samplers/ancestral.ts'
import { ancestral } from '../samplers/ancestral.ts'
import { anyBatch, imagesOf } from '../samplers/anyBatch.ts'
import { like } from '../samplers/denoised.ts'
import { afterSteps, requireFiniteImages } from '../samplers/finite.ts'
import type { GenerateOptions } from '../samplers/generate.ts'
import { checkRequest } from '../samplers/generate.ts'
import { checkTimes, startNoise, stepNoise } from '../samplers/sample.ts'
import { evaluationsOf } from '../samplers/settings.ts'
import { alphaBarOf } from '../schedules/level.ts'
import type { GuidedStep } from './guidedStep.ts'
import { chainSteps, DEFAULT_MINIMUM_ALPHA_BAR, noisyStep } from './guidedStep.ts'
import { systematicAncestors } from './smcWeights.ts'

/** What decides a population of particles. `count` of them are one population: all compete. */
export interface ParticleOptions extends GenerateOptions {
  /** r at x0Hat or at the final images, [n, ...imageShape] in the network's range, and their classes: one finite value per image, or NaN, see `unrated`. */
  readonly reward: (x0Hat: Images, classes?: Int32Array) => Promise<Float64Array>
  /**
   * What an image is whose value is NaN. `stop`: an error, the default. `drop`: a final image has weight 0, so the tilt is that of the images with a value;
   * on the way there a particle is taken for the worst of its step, as its image may still come to have one.
   */
  readonly unrated?: 'stop' | 'drop'
  /** s = 1/lambda, at least 0. */
  readonly scale: number
  /** Resample where ESS/n is below this, in [0, 1]; 0: never. Default .5. */
  readonly resampleBelow?: number
  /** The twists' scale grows with the signal as s alphaBar_k^temper, temper >= 0: 0 is s at once, more is later. Default 1. */
  readonly temper?: number
  /** Twists are 1 where alphaBar is at most this, in [0, 1). Default 2e-3. */
  readonly minimumAlphaBar?: number
}

/** Images with weights: sum w_i f(image_i) estimates the mean of f under p0 e^{s r}/Z. */
export interface Particles {
  /** [n, ...imageShape] */
  readonly images: Images
  /** [n], log w_i with sum w_i = 1. */
  readonly logWeights: Float64Array
  /** log of an unbiased estimate of Z = E_p0 e^{s r}. */
  readonly logZ: number
  /** Of the weights, in [1, n]. Particles of one ancestor are not independent: a standard error sums over ancestors. */
  readonly effectiveSampleSize: number
  /** How often the population was resampled. */
  readonly resampled: number
  /** Network evaluations: 1 per particle and step. */
  readonly evaluations: number
  /** [n], which start each particle descends from (its class is that of `condition` there). */
  readonly ancestors: Int32Array
}

/** What a population has beside its images. */
interface Population {
  readonly condition: Int32Array | undefined
  readonly ancestors: Int32Array
  readonly logWeights: Float64Array
  /** s_k r(x0Hat): what each weight holds of the reward so far. */
  readonly twist: Float64Array
}

/**
 * Draws `count` weighted particles. Random streams are those of `generate`, place by place, so that scale 0 gives its images
 * with equal weights. Deterministic in the seed; a particle depends on the whole population.
 * @throws `smc.sampler` for a sampler without noise, `smc.scale`, `smc.resampleBelow`, `smc.temper`, `smc.minimumAlphaBar`;
 * `smc.reward` for a reward of the wrong length or not finite, `smc.network` for images that are not;
 * `sampler.count`, `sampler.condition`, `times.integerOnly`; `interrupted`
 */
export async function sequentialMonteCarlo(options: ParticleOptions): Promise<Particles> {
  const { denoiser, schedule, settings, count, seed, firstItem = 0, scale, resampleBelow = 0.5, onProgress } = options
  checkOptions(options)
  const { imageShape, dtype, prediction } = denoiser
  const steps = stepsOf(options)
  const { rule } = noisyStep('smc', settings)
  const call = anyBatch(denoiser)
  const start = startNoise({ imageShape, count, seed, firstItem, dtype: dtype ?? 'float32' }).data
  let particles = startOf(options)
  const z = like(start)
  const evaluations = count * evaluationsOf({ schedule, settings })
  let logZ = 0
  let resampled = 0
  let done = 0
  const chain: AncestralChain = {
    prediction,
    schedule,
    settings,
    start,
    async predict(i, x) {
      throwIfInterrupted(options.signal)
      const { data } = await call.predict(imagesOf(x, count, imageShape), schedule.times[i], particles.condition)
      done += count
      onProgress?.(done, evaluations)
      return data
    },
    noise: (i) => stepNoise(z, { count, seed, firstItem, step: i }),
  }
  const x = await ancestral(chain, rule, async (i, { clean }) => {
    const { sigma, twistScale } = steps[i]
    particles = await weighted(options, particles, clean.x0Hat, twistScale, i)
    if (!(sigma > 0 && effectiveSampleSize(weightsOf(particles.logWeights)) < resampleBelow * count)) return {}
    const random = randomStream({ seed, purpose: 'resample', step: i, item: firstItem })
    const chosen = systematicAncestors(particles.logWeights, random)
    logZ += logSumExp(particles.logWeights) - Math.log(count)
    resampled++
    particles = resampledTo(particles, chosen)
    return { clean: { x0Hat: pick(clean.x0Hat, chosen), epsHat: pick(clean.epsHat, chosen) } }
  })
  const { logWeights, ancestors } = await weighted(options, particles, x, scale, null)
  requireFiniteImages(x, count, firstItem, afterSteps(schedule, steps.length))
  const sum = logSumExp(logWeights)
  return {
    images: imagesOf(x, count, imageShape),
    logWeights: logWeights.map((value) => value - sum),
    logZ: logZ + sum - Math.log(count),
    effectiveSampleSize: effectiveSampleSize(weightsOf(logWeights)),
    resampled,
    evaluations,
    ancestors,
  }
}

/**
 * Images drawn from weighted particles, and the start that each descends from. A heavy particle, and a start, may come several times.
 * @param count at least 1
 */
export function imagesByWeight(
  { images: { data, shape }, logWeights, ancestors }: Pick<Particles, 'images' | 'logWeights' | 'ancestors'>,
  count: number,
  random: RandomStream,
): { readonly images: Images; readonly starts: Int32Array } {
  const chosen = systematicAncestors(logWeights, random, count)
  const size = data.length / logWeights.length
  const drawn = data instanceof Float64Array ? new Float64Array(count * size) : new Float32Array(count * size)
  for (const [place, n] of chosen.entries()) drawn.set(data.subarray(n * size, (n + 1) * size), place * size)
  return { images: imagesOf(drawn, count, shape.slice(1)), starts: chosen.map((n) => ancestors[n]) }
}

/** A step and the scale s_k of its twist. */
type TwistedStep = GuidedStep & { readonly twistScale: number }

function stepsOf({ schedule, settings, scale, temper = 1, minimumAlphaBar }: ParticleOptions): TwistedStep[] {
  const least = minimumAlphaBar ?? DEFAULT_MINIMUM_ALPHA_BAR
  return chainSteps('smc', schedule, settings, least).map((step, i) => {
    const alphaBar = alphaBarOf(schedule.levels[i])
    return { ...step, twistScale: alphaBar > least ? scale * alphaBar ** temper : 0 }
  })
}

function startOf({ count, condition }: ParticleOptions): Population {
  return {
    condition,
    ancestors: Int32Array.from({ length: count }, (_, n) => n),
    logWeights: new Float64Array(count),
    twist: new Float64Array(count),
  }
}

/**
 * The population with the twist at its images (x0Hat, in the end the images themselves) in the place of the last one.
 * @param step null: in the end
 */
async function weighted(
  { reward, count, denoiser, schedule, firstItem = 0, unrated }: ParticleOptions,
  particles: Population,
  images: ImageData,
  scale: number,
  step: number | null,
): Promise<Population> {
  const twist = new Float64Array(count)
  if (scale > 0) {
    const where = step === null ? 'the final images' : `step ${step + 1} of ${schedule.times.length}`
    const came = await reward(imagesOf(images, count, denoiser.imageShape), particles.condition)
    const mayLack = unrated === 'drop' && came.some(Number.isFinite)
    checkValues(
      mayLack ? came.map((value) => (Number.isNaN(value) ? 0 : value)) : came,
      images,
      count,
      firstItem,
      where,
    )
    const values = mayLack ? ratedInstead(came, step === null) : came
    for (let n = 0; n < count; n++) twist[n] = scale * values[n]
  }
  return { ...particles, twist, logWeights: particles.logWeights.map((w, n) => w + twist[n] - particles.twist[n]) }
}

/** Values with others in the place of NaN: of final images -Infinity, on the way there the least of the others. */
function ratedInstead(values: Float64Array, final: boolean): Float64Array {
  const instead = final
    ? Number.NEGATIVE_INFINITY
    : values.reduce((low, value) => (value < low ? value : low), Number.POSITIVE_INFINITY)
  return values.map((value) => (Number.isNaN(value) ? instead : value))
}

/** The chosen particles, equally weighted. */
function resampledTo({ condition, ancestors, logWeights, twist }: Population, chosen: Int32Array): Population {
  return {
    condition: condition && pick(condition, chosen),
    ancestors: pick(ancestors, chosen),
    logWeights: new Float64Array(logWeights.length),
    twist: pick(twist, chosen),
  }
}

/** Rows of `data`, one per particle. */
function pick<T extends ImageData | Int32Array>(data: T, chosen: Int32Array): T {
  const size = data.length / chosen.length
  const out = data.slice() as T
  for (const [place, n] of chosen.entries()) out.set(data.subarray(n * size, (n + 1) * size), place * size)
  return out
}

function checkOptions(options: ParticleOptions): void {
  const { denoiser, schedule, scale, resampleBelow = 0.5, temper = 1 } = options
  checkRequest(options)
  checkTimes(denoiser, schedule)
  if (!(scale >= 0 && scale < Number.POSITIVE_INFINITY)) {
    throw inputError('smc.scale', `the scale 1/lambda must be a finite number of at least 0, got ${scale}`)
  }
  if (!(resampleBelow >= 0 && resampleBelow <= 1)) {
    throw inputError('smc.resampleBelow', `resampleBelow is a share of the particles, in [0, 1], got ${resampleBelow}`)
  }
  if (!(temper >= 0 && temper < Number.POSITIVE_INFINITY)) {
    throw inputError('smc.temper', `temper is a power of alphaBar, a finite number of at least 0, got ${temper}`)
  }
}

/** @throws `smc.reward` naming particle and step; `smc.network` if the image itself is not finite */
function checkValues(values: Float64Array, images: ImageData, count: number, firstItem: number, where: string): void {
  if (values.length !== count) {
    const rule = `a reward gives one value per image: ${count} at ${where}`
    throw inputError('smc.reward', `${rule}, got ${values.length}; sum over each image, not over the batch`)
  }
  const n = values.findIndex((value) => !Number.isFinite(value))
  if (n === -1) return
  const size = images.length / count
  if (!images.subarray(n * size, (n + 1) * size).every(Number.isFinite)) {
    throw failure(
      'smc.network',
      `the network's images must be finite, got NaN in particle ${firstItem + n} at ${where}`,
    )
  }
  throw inputError('smc.reward', `a reward must be finite, got ${values[n]} for particle ${firstItem + n} at ${where}`)
}
