/**
 * One chunk of guided paths: the base chain's loop with a shift per step, and A and B per path.
 */
import { throwIfInterrupted } from '../../base/index.ts'
import type { ImageData, Images } from '../denoiser.ts'
import { anyBatch, imagesOf } from '../samplers/anyBatch.ts'
import { denoised, like } from '../samplers/denoised.ts'
import { afterSteps, requireFiniteImages } from '../samplers/finite.ts'
import { stepNoise } from '../samplers/sample.ts'
import type { SamplerSettings } from '../schedules/samplingSchedule.ts'
import type { Guided } from './guidedGradient.ts'
import { rewardGradientAt } from './guidedGradient.ts'
import type { GuidedStep } from './guidedStep.ts'
import { advance } from './guidedStep.ts'

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
  let x: ImageData = start.data
  for (const [i, step] of steps.entries()) {
    throwIfInterrupted(signal)
    const here = [imagesOf(x, count, imageShape), schedule.times[i], condition] as const
    const pulledBack = step.guided && guidance.through !== 'reward'
    const pullback = pulledBack ? await call.pullback?.(...here) : undefined
    const { data: prediction } = pullback?.prediction ?? (await call.predict(...here))
    chunk.onEvaluations(count)
    const rule = { ...settings, prediction: denoiser.prediction, level: schedule.levels[i] }
    const clean = denoised(rule, x, prediction)
    const state = { x, prediction, x0Hat: clean.x0Hat, rule, pullback }
    const g = step.guided ? await rewardGradientAt(chunk, i, state).finally(() => pullback?.release()) : null
    if (step.sigma > 0) stepNoise(z, { count, seed, firstItem, step: i })
    x = advance(step, clean, z, g && { g, scale: guidance.scale, a, b })
  }
  requireFiniteImages(x, count, firstItem, afterSteps(schedule, steps.length))
  return { data: x, a, b }
}
