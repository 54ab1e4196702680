/** One chunk of guided paths: the base chain's loop with a shift per guided step, and A and B per path. */
import { throwIfInterrupted } from '../../base/index.ts'
import type { ImageData, Images, Pullback } from '../denoiser.ts'
import type { AncestralChain } from '../samplers/ancestral.ts'
import { ancestral } from '../samplers/ancestral.ts'
import { anyBatch, imagesOf } from '../samplers/anyBatch.ts'
import { like } from '../samplers/denoised.ts'
import { afterSteps, requireFiniteImages } from '../samplers/finite.ts'
import { stepNoise } from '../samplers/sample.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import type { Guided } from './guidanceDirection.ts'
import { guidanceDirection } from './guidanceDirection.ts'
import type { GuidedStep } from './guidedStep.ts'
import { noisyStep } from './guidedStep.ts'

/** One chunk: what `generateGuided` takes, with start noise for some of its items. */
export interface GuidedChunk extends Guided {
  readonly settings: SamplerSettings
  readonly steps: readonly GuidedStep[]
  readonly start: Images
  readonly seed: number
}

/** Runs the chunk. Returns the images' data and each path's A and B. */
export async function guidedChain(chunk: GuidedChunk): Promise<{ data: ImageData; a: Float64Array; b: Float64Array }> {
  const { denoiser, schedule, settings, steps, guidance, start, seed, firstItem, condition, signal } = chunk
  const { imageShape } = denoiser
  const count = start.shape[0]
  const call = anyBatch(denoiser)
  const [a, b] = [new Float64Array(count), new Float64Array(count)]
  const z = like(start.data)
  let pullback: Pullback | undefined
  const chain: AncestralChain = {
    prediction: denoiser.prediction,
    schedule,
    settings,
    start: start.data,
    async predict(i, x) {
      throwIfInterrupted(signal)
      const here = [imagesOf(x, count, imageShape), schedule.times[i], condition] as const
      const pulledBack = steps[i].guided && (guidance.through ?? 'network') === 'network'
      pullback = pulledBack ? await call.pullback?.(...here) : undefined
      const { data } = pullback?.prediction ?? (await call.predict(...here))
      chunk.onEvaluations(count * (denoiser.evaluationsEach ?? 1))
      return data
    },
    noise: (i) => stepNoise(z, { count, seed, firstItem, step: i }),
  }
  const { rule } = noisyStep('guidance', settings)
  const x = await ancestral(chain, rule, async (i, { clean: { x0Hat }, ...here }) => {
    const { guided, coefficient } = steps[i]
    if (!guided) return {}
    const g = await guidanceDirection(chunk, i, { ...here, x0Hat, pullback }).finally(() => pullback?.release())
    return { shift: { g, coefficient, scale: guidance.scale, a, b } }
  })
  requireFiniteImages(x, count, firstItem, afterSteps(schedule, steps.length))
  return { data: x, a, b }
}
