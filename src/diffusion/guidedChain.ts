/**
 * One chunk of guided paths: the base chain's loop with a shift per step, and A and B per path.
 *
 * The shift follows g = grad_x r(x0Hat(x)): the reward's gradient at x0Hat, pulled back through clipping (nothing passes a
 * clipped element) and through the network.
 */
import { failure, inputError, sizeOf, throwIfInterrupted } from '../base/index.ts'
import type { Denoiser, ImageData, Images } from './denoiser.ts'
import type { Guidance, RewardGradient } from './guided.ts'
import type { GuidedStep } from './guidedStep.ts'
import { anyBatch, imagesOf } from './samplers/anyBatch.ts'
import type { DenoisingRule } from './samplers/denoised.ts'
import { denoised, denoisedVjp, like } from './samplers/denoised.ts'
import { stepNoise } from './samplers/sample.ts'
import type { SamplerSettings, SamplingSchedule } from './samplingSchedule.ts'

/** One chunk: what `generateGuided` takes, with start noise for some of its items. */
export interface GuidedChunk {
  readonly denoiser: Denoiser
  readonly schedule: SamplingSchedule
  readonly settings: SamplerSettings
  readonly steps: readonly GuidedStep[]
  readonly guidance: Guidance
  readonly start: Images
  readonly seed: number
  readonly firstItem: number
  readonly condition: Int32Array | undefined
  readonly signal: AbortSignal | undefined
  /** Called after each network call with the network evaluations it took. */
  onEvaluations(more: number): void
}

/** State of all images before a step, and the network there. */
interface State {
  readonly x: ImageData
  readonly prediction: ImageData
  readonly x0Hat: ImageData
  readonly rule: DenoisingRule
}

/** Runs the chunk. Returns the images' data and each path's A and B. */
export async function guidedChain(chunk: GuidedChunk): Promise<{ data: ImageData; a: Float64Array; b: Float64Array }> {
  const { denoiser, schedule, settings, steps, guidance, start, seed, firstItem, condition, signal } = chunk
  const { prediction: kind, imageShape } = denoiser
  const { clip, clippedNoise } = settings
  const { scale } = guidance
  const count = start.shape[0]
  const size = sizeOf(imageShape)
  const call = anyBatch(denoiser)
  const [a, b] = [new Float64Array(count), new Float64Array(count)]
  const z = like(start.data)
  let x: ImageData = start.data
  for (const [i, { image, noise, sigma, coefficient, guided }] of steps.entries()) {
    throwIfInterrupted(signal)
    const prediction = (await call.predict(imagesOf(x, count, imageShape), schedule.times[i], condition)).data
    chunk.onEvaluations(count)
    const rule = { prediction: kind, level: schedule.levels[i], clip, clippedNoise }
    const { x0Hat, epsHat } = denoised(rule, x, prediction)
    const g = guided ? await gradientAt(chunk, i, { x, prediction, x0Hat, rule }) : null
    if (sigma > 0) stepNoise(z, { count, seed, firstItem, step: i })
    const next = like(x)
    for (let j = 0; j < next.length; j++) {
      next[j] = image * x0Hat[j] + noise * epsHat[j] + (sigma > 0 ? sigma * z[j] : 0)
    }
    if (g) {
      // x' - mu = scale d + sigma z
      for (let n = 0, j = 0; n < count; n++) {
        let square = 0
        let along = 0
        for (const end = j + size; j < end; j++) {
          const d = coefficient * g[j]
          square += d * d
          along += d * z[j]
          if (scale > 0) next[j] = image * x0Hat[j] + noise * epsHat[j] + sigma * z[j] + scale * d
        }
        a[n] += (scale * square) / (sigma * sigma) + along / sigma
        b[n] += square / (sigma * sigma)
      }
    }
    x = next
  }
  return { data: x, a, b }
}

/** grad_x r(x0Hat(x)) of every image at step i. */
async function gradientAt(chunk: GuidedChunk, i: number, { x, prediction, x0Hat, rule }: State): Promise<ImageData> {
  const { denoiser, schedule, guidance, condition, signal } = chunk
  const { imageShape } = denoiser
  const count = x0Hat.length / sizeOf(imageShape)
  const images = imagesOf(x0Hat, count, imageShape)
  const came = await guidance.reward(images)
  checkReward(came, images, `step ${i + 1} of ${schedule.times.length}`, chunk.firstItem)
  const dX0Hat = came.gradient.data
  if (guidance.through === 'reward') return pastNetwork(rule, x0Hat, dX0Hat)
  const { dx, dp } = denoisedVjp(rule, x, prediction, dX0Hat, null)
  throwIfInterrupted(signal)
  const [state, cotangent] = [x, dp].map((data) => imagesOf(data, count, imageShape))
  const back = (await anyBatch(denoiser).vjp(state, schedule.times[i], condition, cotangent)).dx.data
  chunk.onEvaluations(2 * count)
  for (let j = 0; j < dx.length; j++) dx[j] += back[j]
  return dx
}

/** The gradient with epsHat held constant: 1/signal per element that is not clipped. */
function pastNetwork({ level, clip }: DenoisingRule, x0Hat: ImageData, dX0Hat: ImageData): ImageData {
  const [low, high] = clip ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const g = like(x0Hat)
  for (let j = 0; j < g.length; j++) g[j] = x0Hat[j] > low && x0Hat[j] < high ? dX0Hat[j] / level.signal : 0
  return g
}

/**
 * A reward's values and gradient fit the images and are finite.
 * @throws `guidance.reward` naming image and step; `guidance.network` if the images themselves are not finite
 */
function checkReward({ values, gradient }: RewardGradient, images: Images, step: string, firstItem: number): void {
  const count = images.shape[0]
  if (values.length !== count) {
    throw inputError(
      'guidance.reward',
      `a reward gives one value per image: ${count} at ${step}, got ${values.length}; sum over each image, not over the batch`,
    )
  }
  if (gradient.data.length !== images.data.length) {
    const came = `[${gradient.shape.join(', ')}] at ${step}`
    throw inputError(
      'guidance.reward',
      `a reward's gradient has the shape of the images, [${images.shape.join(', ')}], got ${came}`,
    )
  }
  const size = images.data.length / count
  for (let n = 0; n < count; n++) {
    let sum = values[n]
    for (let j = n * size; j < (n + 1) * size; j++) sum += gradient.data[j]
    if (!Number.isFinite(sum)) throw notFinite(images, n, values[n], `image ${firstItem + n} at ${step}`)
  }
}

/** Which of network and reward went wrong at image n. */
function notFinite({ data, shape }: Images, n: number, value: number, where: string): Error {
  const size = data.length / shape[0]
  if (!data.subarray(n * size, (n + 1) * size).every(Number.isFinite)) {
    return failure('guidance.network', `the network's x0Hat must be finite, got NaN in ${where}; guide less strongly`)
  }
  const what = Number.isFinite(value) ? 'a gradient that is not' : `the value ${value}`
  return inputError('guidance.reward', `a reward's value and gradient must be finite, got ${what} for ${where}`)
}
