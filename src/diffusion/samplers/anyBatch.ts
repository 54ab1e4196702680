/** A network compiled for a fixed batch, called with any number of images: cut, the last chunk padded with zeros. */
import type { Shape } from '../../base/index.ts'
import { inputError, sizeOf, tensor } from '../../base/index.ts'
import type { Along, Denoiser, DenoiserGradient, ImageData, Images, Pullback } from '../denoiser.ts'

/** Wraps image data, float32 or float64, as a batch of images. */
export function imagesOf(data: ImageData, count: number, imageShape: Shape): Images {
  const shape = [count, ...imageShape]
  return data instanceof Float32Array ? tensor('float32', shape, data) : tensor('float64', shape, data)
}

interface Chunk {
  readonly begin: number
  readonly count: number
  /** What it is padded to. */
  readonly padded: number
}

function chunksOf(total: number, batch: number, step: number): Chunk[] {
  return Array.from({ length: Math.ceil(total / batch) }, (_, i) => {
    const begin = i * batch
    const count = Math.min(batch, total - begin)
    return { begin, count, padded: step * Math.ceil(count / step) }
  })
}

function paddedData(data: ImageData, { begin, count, padded }: Chunk, size: number): ImageData {
  const piece = data.subarray(begin * size, (begin + count) * size)
  if (count === padded) return piece
  const whole = data instanceof Float32Array ? new Float32Array(padded * size) : new Float64Array(padded * size)
  whole.set(piece)
  return whole
}

function paddedClasses(condition: Int32Array | undefined, { begin, count, padded }: Chunk): Int32Array | undefined {
  if (!condition) return undefined
  const whole = new Int32Array(padded)
  whole.set(condition.subarray(begin, begin + count))
  return whole
}

/**
 * The same denoiser for any number of images: `batch` undefined. Chunks are asked for at once, so that a denoiser on several lanes has
 * work for all. Padding adds nothing to any derivative.
 * @throws `sampler.condition` if there is not one class per image
 */
export function anyBatch(denoiser: Denoiser): Denoiser {
  const { batch, batchStep = batch, imageShape, prediction, times, dtype = 'float32', differentiable } = denoiser
  if (batch === undefined) return denoiser
  const cutFor = (x: Images, condition: Int32Array | undefined) =>
    cut(x.shape[0], { batch, step: batchStep ?? batch }, imageShape, condition)
  const { pullback } = denoiser
  return {
    prediction,
    times,
    imageShape,
    dtype,
    differentiable,
    async predict(x, time, condition) {
      const { each, joined } = cutFor(x, condition)
      return joined(await each(({ piece, classes }) => denoiser.predict(piece(x), time, classes)))
    },
    async vjp(x, time, condition, cotangent, options) {
      const { each, joined } = cutFor(x, condition)
      return gradientOf(
        await each(({ piece, classes }) => denoiser.vjp(piece(x), time, classes, piece(cotangent), options)),
        joined,
      )
    },
    ...(denoiser.predictAlong && {
      async predictAlong(x: Images, time: number, condition?: Int32Array): Promise<Along> {
        const { each, joined } = cutFor(x, condition)
        const parts = await each(({ piece, classes }) => denoiser.predictAlong!(piece(x), time, classes))
        return {
          prediction: joined(parts.map((part) => part.prediction)),
          direction: joined(parts.map((part) => part.direction)),
        }
      },
    }),
    ...(denoiser.atScale && { atScale: (scale: number) => anyBatch(denoiser.atScale!(scale)) }),
    ...(pullback && {
      async pullback(x: Images, time: number, condition?: Int32Array): Promise<Pullback> {
        const { each, joined } = cutFor(x, condition)
        const parts = await each(({ piece, classes }) => pullback.call(denoiser, piece(x), time, classes))
        return {
          prediction: joined(parts.map((part) => part.prediction)),
          ...(parts.every(({ direction }) => direction) && {
            direction: () => joined(parts.map((part) => part.direction!())),
          }),
          bytes: parts.reduce((bytes, part) => bytes + part.bytes, 0),
          vjp: async (cotangent) => gradientOf(await each(({ piece }, i) => parts[i].vjp(piece(cotangent))), joined),
          release: () => {
            for (const part of parts) part.release()
          },
        }
      },
    }),
  }
}

/** What one call of the network is given. */
interface Call {
  /** Its part of images, padded to what the network takes. */
  piece(images: Images): Images
  readonly classes: Int32Array | undefined
}

/** The calls that `total` images take. */
function cut(
  total: number,
  { batch, step }: { readonly batch: number; readonly step: number },
  imageShape: Shape,
  condition: Int32Array | undefined,
) {
  checkCondition(condition, total)
  const size = sizeOf(imageShape)
  const chunks = chunksOf(total, batch, step)
  const calls = chunks.map(
    (chunk): Call => ({
      piece: ({ data }) => imagesOf(paddedData(data, chunk, size), chunk.padded, imageShape),
      classes: paddedClasses(condition, chunk),
    }),
  )
  return {
    each: <T>(run: (call: Call, i: number) => Promise<T>): Promise<T[]> => Promise.all(calls.map(run)),
    /** Results put together again, without the padding. */
    joined(parts: readonly Images[]): Images {
      if (parts.length === 1 && chunks[0].padded === total) return parts[0]
      const whole =
        parts[0].data instanceof Float32Array ? new Float32Array(total * size) : new Float64Array(total * size)
      for (const [i, { begin, count }] of chunks.entries())
        whole.set(parts[i].data.subarray(0, count * size), begin * size)
      return imagesOf(whole, total, imageShape)
    },
  }
}

/** Derivatives of all images from those of the calls. */
function gradientOf(
  parts: readonly DenoiserGradient[],
  joined: (parts: readonly Images[]) => Images,
): DenoiserGradient {
  const dtime = parts.some((part) => part.dtime === null)
    ? null
    : parts.reduce((total, part) => total + (part.dtime ?? 0), 0)
  const dweights = parts.reduce<ImageData | undefined>((total, part) => sum(total, part.dweights), undefined)
  return { dx: joined(parts.map(({ dx }) => dx)), dtime, ...(dweights && { dweights }) }
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
