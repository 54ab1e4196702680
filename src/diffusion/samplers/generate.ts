/**
 * Images for items first..first + count - 1 of a seed, chunk by chunk. An image depends on (seed, item) alone, not on how
 * many are drawn with it: its start noise and its steps' noise are streams of its own.
 */
import { inputError, requireRoom, sizeOf } from '../../base/index.ts'
import type { Denoiser, ImageData, Images } from '../denoiser.ts'
import { imagesOf } from './anyBatch.ts'
import { sample, startNoise } from './sample.ts'
import type { Sampling } from './settings.ts'
import { evaluationsBy } from './settings.ts'

/** Images per chunk where the network takes any number. */
export const DEFAULT_CHUNK = 256

export interface GenerateOptions extends Sampling {
  readonly denoiser: Denoiser
  readonly count: number
  readonly seed: number
  /** Default 0. */
  readonly firstItem?: number
  /** A class per image, `count` of them. */
  readonly condition?: Int32Array
  readonly signal?: AbortSignal
  /** Called after each network call with network evaluations done and to do. */
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * Generates `count` images, [count, ...imageShape], and says what they cost.
 * @throws `sampler.count`, `sampler.condition`, and what `sample` throws
 */
export async function generate(options: GenerateOptions): Promise<{ images: Images; evaluations: number }> {
  const { denoiser, schedule, settings, own, count, seed, firstItem = 0, condition, signal, onProgress } = options
  checkRequest(options)
  const { imageShape, dtype = 'float32' } = denoiser
  const size = sizeOf(imageShape)
  const chunk = denoiser.batch ?? DEFAULT_CHUNK
  const bytesPerValue = dtype === 'float32' ? 4 : 8
  for (const [items, what] of [
    [count, `${count} images`],
    [chunk, `the ${chunk} images of a chunk`],
  ] as const) {
    requireRoom({ code: 'sampler.count', what: `${what} of [${imageShape}]`, values: items * size, bytesPerValue })
  }
  const data: ImageData = dtype === 'float32' ? new Float32Array(count * size) : new Float64Array(count * size)
  const total = count * evaluationsBy(denoiser, options)
  let evaluations = 0
  for (let begin = 0; begin < count; begin += chunk) {
    const some = Math.min(chunk, count - begin)
    const item = firstItem + begin
    const start = startNoise({ imageShape, count: some, seed, firstItem: item, dtype })
    const before = evaluations
    const part = await sample({
      denoiser,
      schedule,
      settings,
      ...(own && { own }),
      start,
      seed,
      firstItem: item,
      ...(condition && { condition: condition.subarray(begin, begin + some) }),
      ...(signal && { signal }),
      onProgress: (done) => onProgress?.(before + done, total),
    })
    data.set(part.images.data, begin * size)
    evaluations += part.evaluations
  }
  return { images: imagesOf(data, count, imageShape), evaluations }
}

/** @throws `sampler.count`, `sampler.condition` */
export function checkRequest({ count, condition }: Pick<GenerateOptions, 'count' | 'condition'>): void {
  if (!Number.isInteger(count) || count < 1) {
    throw inputError('sampler.count', `the number of images must be an integer of at least 1, got ${count}`)
  }
  if (condition && condition.length !== count) {
    throw inputError('sampler.condition', `a condition needs one class per image (${count}), got ${condition.length}`)
  }
}
