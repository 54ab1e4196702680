/**
 * The direction of guidance, g = grad_x r(x0Hat(x)): the reward's gradient at x0Hat, pulled back through clipping (nothing
 * passes a clipped element) and through the network; and what is wrong with a reward that gives none.
 */
import { failure, inputError, sizeOf, throwIfInterrupted } from '../../base/index.ts'
import type { Denoiser, ImageData, Images, Pullback } from '../denoiser.ts'
import { anyBatch, imagesOf } from '../samplers/anyBatch.ts'
import type { DenoisingRule } from '../samplers/denoised.ts'
import { denoisedVjp, like } from '../samplers/denoised.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import type { Guidance, RewardGradient } from './guidance.ts'

/** What is the same at every step of guided images. */
export interface Guided {
  readonly denoiser: Denoiser
  readonly schedule: SamplingSchedule
  readonly guidance: Guidance
  readonly firstItem: number
  readonly condition: Int32Array | undefined
  readonly signal: AbortSignal | undefined
  /** Called after each network call with the network evaluations it took. */
  onEvaluations(more: number): void
}

/** State of all images before a step, and the network there. */
export interface GuidedState {
  readonly x: ImageData
  readonly prediction: ImageData
  readonly x0Hat: ImageData
  readonly rule: DenoisingRule
  /** Of the prediction, where its activations were kept. */
  readonly pullback: Pullback | undefined
}

/**
 * grad_x r(x0Hat(x)) of every image at step i, of x's shape.
 * @throws `guidance.reward`, `guidance.network` naming image and step
 */
export async function guidanceDirection(of: Guided, i: number, state: GuidedState): Promise<ImageData> {
  const { denoiser, schedule, guidance, condition, signal } = of
  const { x, prediction, x0Hat, rule } = state
  const { imageShape } = denoiser
  const count = x0Hat.length / sizeOf(imageShape)
  const images = imagesOf(x0Hat, count, imageShape)
  const came = await guidance.reward(images, condition)
  checkReward(came, images, `step ${i + 1} of ${schedule.times.length}`, of)
  const dX0Hat = came.gradient.data
  if (guidance.through && guidance.through !== 'network') return pastNetwork(rule, x0Hat, dX0Hat)
  const { dx, dp } = denoisedVjp(rule, x, prediction, dX0Hat, null)
  throwIfInterrupted(signal)
  const [here, cotangent] = [x, dp].map((data) => imagesOf(data, count, imageShape))
  const { pullback } = state
  const { dx: back } = await (pullback
    ? pullback.vjp(cotangent)
    : anyBatch(denoiser).vjp(here, schedule.times[i], condition, cotangent))
  // What is charged does not depend on what could be kept: a forward pass that runs again is counted always.
  of.onEvaluations(2 * count * (denoiser.evaluationsEach ?? 1))
  for (let j = 0; j < dx.length; j++) dx[j] += back.data[j]
  return dx
}

/**
 * The gradient with dx0Hat/dx = signal/(signal^2 + noise^2) per element that is not clipped (signal where that sum is 1): what it is for data of
 * variance 1 per element.
 */
function pastNetwork({ level, clip }: DenoisingRule, x0Hat: ImageData, dX0Hat: ImageData): ImageData {
  const [low, high] = clip ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const { signal, noise, path } = level
  const slope = path === 'flow' ? signal / (signal * signal + noise * noise) : signal
  const g = like(x0Hat)
  for (let j = 0; j < g.length; j++) g[j] = x0Hat[j] > low && x0Hat[j] < high ? slope * dX0Hat[j] : 0
  return g
}

/**
 * A reward's values and gradient fit the images and are finite.
 * @throws `guidance.reward` naming image and step; `guidance.network` if the images themselves are not finite
 */
function checkReward(
  { values, gradient }: RewardGradient,
  images: Images,
  step: string,
  { firstItem, guidance: { unrated } }: Pick<Guided, 'firstItem' | 'guidance'>,
): void {
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
    let sum = unrated === 'drop' && Number.isNaN(values[n]) ? 0 : values[n]
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
