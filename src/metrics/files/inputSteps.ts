/**
 * What is done to images on their way into somebody's network, a step each, beside the transpose by which a cotangent of what the network is given comes
 * back to the images.
 */
import type { Resampling, Shape, Tensor } from '../../base/index.ts'
import { sizeOf, tensor } from '../../base/index.ts'
import { toRange } from '../featureNetwork.ts'
import { resampled } from '../resample.ts'
import type { MeanStd } from './meanStd.ts'

type Images = Tensor<'float32'>

/** Images after a step, and the way back. */
export interface Stepped {
  readonly images: Images
  /** Cotangent of the images before it, of that of `images`. */
  pullBack(cotangent: Images): Images
}

/** Images [n, ...] to images of the same n; image i depends on image i alone. */
export type InputStep = (images: Images) => Stepped

/** Steps one after the other. */
export const inSteps =
  (steps: readonly InputStep[]): InputStep =>
  (images) => {
    const taken: Stepped[] = []
    for (const step of steps) taken.push(step(taken.at(-1)?.images ?? images))
    return {
      images: taken.at(-1)?.images ?? images,
      pullBack: (cotangent) => taken.reduceRight((back, step) => step.pullBack(back), cotangent),
    }
  }

/** To [n, c, height, width] by interpolation; what is cut as it overshoots has no derivative. */
export const resizing =
  (sides: Shape, kernel: Resampling): InputStep =>
  (images) =>
    resampled(images, sides, kernel)

/** Of images with one channel: it is given in each of so many. */
export const inEachChannel =
  (channels: number): InputStep =>
  ({ shape: [n, , height, width], data }) => {
    const size = height * width
    const out = new Float32Array(n * channels * size)
    for (let i = 0; i < n * channels; i++) {
      const image = Math.floor(i / channels)
      out.set(data.subarray(image * size, (image + 1) * size), i * size)
    }
    return {
      images: tensor('float32', [n, channels, height, width], out),
      pullBack(cotangent) {
        const sums = new Float32Array(n * size)
        cotangent.data.forEach((value, i) => {
          sums[Math.floor(i / (channels * size)) * size + (i % size)] += value
        })
        return tensor('float32', [n, 1, height, width], sums)
      },
    }
  }

/** Pixels in [-1, 1] in another range. */
export const inRange =
  (range: readonly [number, number]): InputStep =>
  (images) => ({
    images: toRange(images, range),
    pullBack: (cotangent) => mapped(cotangent, (value) => (value * (range[1] - range[0])) / 2),
  })

/** Less the mean, over the deviation, of each channel, or of all alike. */
export const normalised =
  ({ mean, std }: MeanStd): InputStep =>
  ({ shape, data }) => {
    const size = sizeOf(shape.slice(2))
    const channel = (i: number) => (Math.floor(i / size) % shape[1]) % mean.length
    return {
      images: tensor(
        'float32',
        shape,
        data.map((value, i) => (value - mean[channel(i)]) / std[channel(i)]),
      ),
      pullBack: (cotangent) => mapped(cotangent, (value, i) => value / std[channel(i)]),
    }
  }

/** [n, c, h, w] as [n, h, w, c]. */
export const channelsLast: InputStep = ({ shape: [n, c, height, width], data }) => {
  const size = height * width
  const out = new Float32Array(data.length)
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < c; k++) {
      for (let p = 0; p < size; p++) out[(i * size + p) * c + k] = data[(i * c + k) * size + p]
    }
  }
  return {
    images: tensor('float32', [n, height, width, c], out),
    pullBack({ data: last }) {
      const back = new Float32Array(last.length)
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < c; k++) {
          for (let p = 0; p < size; p++) back[(i * c + k) * size + p] = last[(i * size + p) * c + k]
        }
      }
      return tensor('float32', [n, c, height, width], back)
    },
  }
}

const mapped = ({ shape, data }: Images, f: (value: number, i: number) => number): Images =>
  tensor('float32', shape, data.map(f))
