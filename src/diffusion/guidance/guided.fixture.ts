/** A nonlinear network of four pixels and a nonlinear reward with their derivatives, on the host in float64. */
import type { Denoiser, Images, Prediction } from '../denoiser.ts'
import { continuousCosine } from '../denoisers/gaussian.ts'
import { imagesOf } from '../samplers/anyBatch.ts'
import { levelOfLogSnr } from '../schedules/level.ts'
import type { GuidingReward } from './guidance.ts'

const PIXELS = 4
export const PIXEL_SHAPE = [1, 2, 2]

const weight = (i: number, j: number) => 0.6 * Math.cos(3 * i + 5 * j + 1)
const logSnrAt = continuousCosine(1000)

/**
 * x0 estimated as s x_i + n tanh(sum_j W_ij x_j + t/1500 - .4 + class/5)/2 at the told time's level (signal s, noise n) of
 * the cosine schedule, in the form of a prediction: no Gaussian's network, its Jacobian not symmetric.
 */
export function nonlinearDenoiser(prediction: Prediction = 'noise', batch?: number): Denoiser {
  const at = (time: number) => {
    const { signal: s, noise: n } = levelOfLogSnr(logSnrAt(time).value)
    // prediction = inX x + inClean x0
    const forms = { noise: [1 / n, -s / n], sample: [0, 1], velocity: [s / n, -s * (s / n) - n] }
    const [inX, inClean] = forms[prediction]
    return { s, n, inX, inClean }
  }
  const squashed = (x: ArrayLike<number>, begin: number, i: number, time: number, label: number) => {
    let sum = time / 1500 - 0.4 + label / 5
    for (let j = 0; j < PIXELS; j++) sum += weight(i, j) * x[begin + j]
    return Math.tanh(sum)
  }
  const shared = { prediction, times: 'real', imageShape: PIXEL_SHAPE, dtype: 'float64', differentiable: true } as const
  return {
    ...shared,
    ...(batch !== undefined && { batch }),
    async predict({ data, shape }, time, condition) {
      const { s, n, inX, inClean } = at(time)
      const out = new Float64Array(data.length)
      for (let j = 0; j < out.length; j++) {
        const image = Math.floor(j / PIXELS)
        const bend = squashed(data, image * PIXELS, j % PIXELS, time, condition ? condition[image] : 0)
        out[j] = inX * data[j] + inClean * (s * data[j] + (n * bend) / 2)
      }
      return imagesOf(out, shape[0], PIXEL_SHAPE)
    },
    async vjp({ data, shape }, time, condition, cotangent) {
      const { s, n, inX, inClean } = at(time)
      const dx = new Float64Array(data.length)
      for (let j = 0; j < dx.length; j++) {
        const image = Math.floor(j / PIXELS)
        const bend = squashed(data, image * PIXELS, j % PIXELS, time, condition ? condition[image] : 0)
        const slope = (inClean * n * (1 - bend * bend) * cotangent.data[j]) / 2
        dx[j] += (inX + inClean * s) * cotangent.data[j]
        for (let k = 0; k < PIXELS; k++) dx[image * PIXELS + k] += slope * weight(j % PIXELS, k)
      }
      return { dx: imagesOf(dx, shape[0], PIXEL_SHAPE), dtime: null }
    },
  }
}

/** r = sin(2 u_0) + u_1 u_2 - u_3^2/2 of one image. */
export const nonlinearValue = (u: ArrayLike<number>, at = 0) =>
  Math.sin(2 * u[at]) + u[at + 1] * u[at + 2] - u[at + 3] ** 2 / 2

/** One value per image of `nonlinearValue`. */
export const nonlinearValues = ({ data, shape }: Images) =>
  Float64Array.from({ length: shape[0] }, (_, n) => nonlinearValue(data, n * PIXELS))

export const nonlinearReward: GuidingReward = async (images) => {
  const { data, shape } = images
  const gradient = new Float64Array(data.length)
  for (let at = 0; at < data.length; at += PIXELS) {
    gradient.set([2 * Math.cos(2 * data[at]), data[at + 2], data[at + 1], -data[at + 3]], at)
  }
  return { values: nonlinearValues(images), gradient: imagesOf(gradient, shape[0], PIXEL_SHAPE) }
}

/** Mean of values, weighted by exp(logWeights) where given (self-normalised), and its standard error. */
export function meanOf(values: ArrayLike<number>, logWeights?: ArrayLike<number>) {
  const n = values.length
  let top = Number.NEGATIVE_INFINITY
  for (let i = 0; i < n; i++) top = Math.max(top, logWeights ? logWeights[i] : 0)
  const w = Float64Array.from({ length: n }, (_, i) => Math.exp((logWeights ? logWeights[i] : 0) - top))
  const total = w.reduce((sum, v) => sum + v, 0)
  const mean = w.reduce((sum, v, i) => sum + v * values[i], 0) / total
  const variance = w.reduce((sum, v, i) => sum + (v * (values[i] - mean)) ** 2, 0) / total ** 2
  return { mean, standardError: Math.sqrt(variance) }
}
