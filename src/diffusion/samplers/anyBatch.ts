/** A network compiled for a fixed batch, called with any number of images: cut, the last chunk padded with zeros. */
import { inputError, sizeOf, tensor } from '../../base/index.ts'
import type { Denoiser, DenoiserGradient, ImageData, Images } from '../denoiser.ts'

/** Wraps image data, float32 or float64, as a batch of images. */
export function imagesOf(data: ImageData, count: number, imageShape: readonly number[]): Images {
  const shape = [count, ...imageShape]
  return data instanceof Float32Array ? tensor('float32', shape, data) : tensor('float64', shape, data)
}

interface Chunk {
  readonly begin: number
  readonly count: number
}

function chunksOf(total: number, batch: number): Chunk[] {
  return Array.from({ length: Math.ceil(total / batch) }, (_, i) => {
    const begin = i * batch
    return { begin, count: Math.min(batch, total - begin) }
  })
}

function padded(data: ImageData, { begin, count }: Chunk, batch: number, size: number): ImageData {
  const piece = data.subarray(begin * size, (begin + count) * size)
  if (count === batch) return piece
  const whole = data instanceof Float32Array ? new Float32Array(batch * size) : new Float64Array(batch * size)
  whole.set(piece)
  return whole
}

function paddedClasses(
  condition: Int32Array | undefined,
  { begin, count }: Chunk,
  batch: number,
): Int32Array | undefined {
  if (!condition) return undefined
  const whole = new Int32Array(batch)
  whole.set(condition.subarray(begin, begin + count))
  return whole
}

/**
 * The same denoiser for any number of images: `batch` undefined. Padding adds nothing to any derivative.
 * @throws `sampler.condition` if there is not one class per image
 */
export function anyBatch(denoiser: Denoiser): Denoiser {
  const { batch, imageShape, prediction, times, dtype = 'float32', differentiable } = denoiser
  if (batch === undefined) return denoiser
  const size = sizeOf(imageShape)
  return {
    prediction,
    times,
    imageShape,
    dtype,
    differentiable,
    async predict(x, time, condition) {
      const total = x.shape[0]
      checkCondition(condition, total)
      const out = new (x.data instanceof Float32Array ? Float32Array : Float64Array)(x.data.length)
      for (const chunk of chunksOf(total, batch)) {
        const piece = imagesOf(padded(x.data, chunk, batch, size), batch, imageShape)
        const { data } = await denoiser.predict(piece, time, paddedClasses(condition, chunk, batch))
        out.set(data.subarray(0, chunk.count * size), chunk.begin * size)
      }
      return imagesOf(out, total, imageShape)
    },
    async vjp(x, time, condition, cotangent, options): Promise<DenoiserGradient> {
      const total = x.shape[0]
      checkCondition(condition, total)
      const dx = new (x.data instanceof Float32Array ? Float32Array : Float64Array)(x.data.length)
      let dtime: number | null = null
      let dweights: ImageData | undefined
      for (const chunk of chunksOf(total, batch)) {
        const [here, g] = [x, cotangent].map(({ data }) =>
          imagesOf(padded(data, chunk, batch, size), batch, imageShape),
        )
        const part = await denoiser.vjp(here, time, paddedClasses(condition, chunk, batch), g, options)
        dx.set(part.dx.data.subarray(0, chunk.count * size), chunk.begin * size)
        if (part.dtime !== null) dtime = (dtime ?? 0) + part.dtime
        dweights = sum(dweights, part.dweights)
      }
      return { dx: imagesOf(dx, total, imageShape), dtime, ...(dweights && { dweights }) }
    },
  }
}

/** total + part, in place where there is a total already. */
export function sum(total: ImageData | undefined, part: ImageData | undefined): ImageData | undefined {
  if (!part) return total
  if (!total) return part.slice()
  for (let i = 0; i < total.length; i++) total[i] += part[i]
  return total
}

function checkCondition(condition: Int32Array | undefined, images: number): void {
  if (condition && condition.length !== images) {
    throw inputError('sampler.condition', `a condition needs one class per image (${images}), got ${condition.length}`)
  }
}
