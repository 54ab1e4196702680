/**
 * Reward guidance of a pretrained model's sampler, with what it takes to reweight its paths to any other scale.
 *
 * One step of the base chain is N(mu, sigma^2); the guided one, at scale s = 1/lambda, N(mu + s d, sigma^2) (`guidedStep.ts`).
 * Over the guided steps each path adds up
 *
 *     A = sum <d, x' - mu>/sigma^2,   B = sum |d|^2/sigma^2,   q_s/p (path) = exp(s A - s^2 B/2)
 *
 * so that expectations at another scale s', the derivative in s, Cov(r, A - s B), and the path KL(q_s || p) = s^2 E[B]/2
 * come from the paths at hand, without a further network evaluation.
 */
import { inputError, sizeOf } from '../../base/index.ts'
import type { ImageData, Images } from '../denoiser.ts'
import { imagesOf } from '../samplers/anyBatch.ts'
import type { GenerateOptions } from '../samplers/generate.ts'
import { checkRequest, DEFAULT_CHUNK } from '../samplers/generate.ts'
import { checkTimes, startNoise } from '../samplers/sample.ts'
import { evaluationsOf } from '../samplers/settings.ts'
import type { Guidance } from './guidance.ts'
import { checkThrough } from './guidance.ts'
import { guidedChain } from './guidedChain.ts'
import { guidedSteps } from './guidedStep.ts'

/** Guided images and the two statistics of each path. */
export interface GuidedPaths {
  /** [n, ...imageShape] */
  readonly images: Images
  /** [n], A = sum <d, x' - mu>/sigma^2 over the guided steps. */
  readonly a: Float64Array
  /** [n], B = sum |d|^2/sigma^2 over the guided steps. */
  readonly b: Float64Array
  /** Network evaluations: a prediction 1, its derivative 2 (a recomputed forward pass and the derivative), per image and step. */
  readonly evaluations: number
  /** Steps that were guided, of all sampling steps. */
  readonly guidedSteps: number
}

/**
 * Generates guided images, chunk by chunk, from the random streams of `generate`: an image depends on (seed, item) alone, and
 * at scale 0 it is that of `generate`, byte for byte. DDPM, or DDIM with eta > 0, over any sampling schedule, a flow's too.
 * @throws `guidance.sampler`, `guidance.steps`, `guidance.minimumAlphaBar`, `guidance.scale`,
 * `guidance.derivative`; `guidance.reward` for a reward of the wrong shape or not finite; `guidance.network` where the network
 * itself is not finite; `sampler.count`, `sampler.condition`, `times.integerOnly`; `interrupted`
 */
export async function generateGuided(options: GenerateOptions & { readonly guidance: Guidance }): Promise<GuidedPaths> {
  const { denoiser, schedule, settings, count, seed, firstItem = 0, condition, guidance, signal, onProgress } = options
  checkRequest(options)
  checkGuidance(options)
  checkTimes(denoiser, schedule)
  const steps = guidedSteps(schedule, settings, guidance.minimumAlphaBar)
  const guided = steps.filter((step) => step.guided).length
  const { imageShape, dtype = 'float32' } = denoiser
  const size = sizeOf(imageShape)
  const data: ImageData = dtype === 'float32' ? new Float32Array(count * size) : new Float64Array(count * size)
  const [a, b] = [new Float64Array(count), new Float64Array(count)]
  const { evaluationsEach = 1 } = denoiser
  const derivatives = guidance.through && guidance.through !== 'network' ? 0 : 2 * guided
  const total = count * evaluationsEach * (evaluationsOf({ schedule, settings }) + derivatives)
  const chunk = denoiser.batch ?? DEFAULT_CHUNK
  let evaluations = 0
  for (let begin = 0; begin < count; begin += chunk) {
    const some = Math.min(chunk, count - begin)
    const item = firstItem + begin
    const part = await guidedChain({
      denoiser,
      schedule,
      settings,
      steps,
      guidance,
      start: startNoise({ imageShape, count: some, seed, firstItem: item, dtype }),
      seed,
      firstItem: item,
      condition: condition?.subarray(begin, begin + some),
      signal,
      onEvaluations(more) {
        evaluations += more
        onProgress?.(evaluations, total)
      },
    })
    data.set(part.data, begin * size)
    a.set(part.a, begin)
    b.set(part.b, begin)
  }
  return { images: imagesOf(data, count, imageShape), a, b, evaluations, guidedSteps: guided }
}

function checkGuidance({ denoiser, guidance }: Pick<GenerateOptions, 'denoiser'> & { guidance: Guidance }): void {
  const { scale, through = 'network' } = guidance
  if (!(scale >= 0 && scale < Number.POSITIVE_INFINITY)) {
    throw inputError(
      'guidance.scale',
      `the guidance scale 1/lambda must be a finite number of at least 0, got ${scale}`,
    )
  }
  checkThrough(through, denoiser)
  if (through === 'network' && !denoiser.differentiable) {
    throw inputError(
      'guidance.derivative',
      'guidance needs the derivative of the network, which this one has not; use sequential Monte Carlo (target tilt), or through: reward (of latents decoder) as a weighted proposal',
    )
  }
}
