/**
 * A mixture of normals with independent elements, its exact denoiser as plain functions with both derivatives: nonlinear, its Jacobian full. The told
 * time is one of the cosine schedule at real times.
 */
import type { PlainImages } from '../../base/index.ts'
import { levelOfLogSnr } from '../schedules/level.ts'
import type { FunctionDenoiserOptions } from './functionDenoiser.ts'
import { continuousCosine } from './gaussian.ts'

export interface Component {
  readonly weight: number
  readonly mean: readonly number[]
  readonly sd: number
}

export const POINTS: readonly Component[] = [
  { weight: 0.3, mean: [-2.5, 1], sd: 0.6 },
  { weight: 0.5, mean: [1.2, 2], sd: 1.1 },
  { weight: 0.2, mean: [0.5, -3], sd: 0.4 },
]

/** T of the told times. */
export const TIMESTEPS = 1000
const cosine = continuousCosine(TIMESTEPS)
/** Below half a step as at half of it: at time 0 itself there is no noise, and no derivative in the time. */
const logSnrAt = (time: number) => (time < 0.5 ? { ...cosine(0.5), slope: 0 } : cosine(time))

/**
 * eps, x0 or velocity of the mixture, by component where classes are told (label: component; one past the last: all). With p_k the components' shares at x, noisy variance
 * V_k = s^2 sd_k^2 + n^2 and score g_k = (s m_k - x)/V_k: score S = sum p_k g_k, eps = -n S, x0 = (x + n^2 S)/s.
 */
export function mixtureOptions(
  components: readonly Component[],
  prediction: 'noise' | 'sample' | 'velocity' = 'noise',
): FunctionDenoiserOptions & Required<Pick<FunctionDenoiserOptions, 'vjp' | 'timeVjp'>> {
  const size = components[0].mean.length
  /** Prediction of one image, its derivative along a cotangent c, and d <c, prediction> / dt. */
  const at = (x: Float64Array, time: number, c: Float64Array, label: number | undefined) => {
    const { value: logSnr, slope } = logSnrAt(time)
    const whole = (l: number) => predicted(x, levelOfLogSnr(l), components, label, prediction)
    const { out, jacobian } = whole(logSnr)
    const dx = x.map((_, j) => c.reduce((sum, g, i) => sum + g * jacobian[i][j], 0))
    // Richardson: exact to rounding, and no second derivation of the same formula.
    const slopeOf = (h: number) => {
      const [a, b] = [whole(logSnr - h).out, whole(logSnr + h).out]
      return c.reduce((sum, g, i) => sum + (g * (b[i] - a[i])) / (2 * h), 0)
    }
    return { out, dx, dtime: (slope * (4 * slopeOf(1e-3) - slopeOf(2e-3))) / 3 }
  }
  const each = ({ data, shape: [count] }: PlainImages, time: number, c: Float64Array, classes?: Int32Array) =>
    Array.from({ length: count }, (_, n) => {
      const [x, g] = [data, c].map((all) => all.slice(n * size, (n + 1) * size))
      return at(x, time, g, classes?.[n])
    })
  return {
    name: 'mixture',
    imageShape: [1, 1, size],
    prediction,
    predict: (images, time, classes) =>
      each(images, time, new Float64Array(images.data.length), classes).flatMap(({ out }) => [...out]),
    vjp: (images, time, cotangent, classes) => each(images, time, cotangent, classes).flatMap(({ dx }) => [...dx]),
    timeVjp: (images, time, cotangent, classes) =>
      each(images, time, cotangent, classes).reduce((sum, { dtime }) => sum + dtime, 0),
  }
}

/** Prediction and Jacobian [out][in] of one image at a level. */
function predicted(
  x: Float64Array,
  { signal: s, noise: n }: { readonly signal: number; readonly noise: number },
  components: readonly Component[],
  label: number | undefined,
  prediction: 'noise' | 'sample' | 'velocity',
) {
  const ofClass = label === undefined || label >= components.length ? components : [components[label]]
  const parts = ofClass.map(({ weight, mean, sd }) => {
    const variance = (s * sd) ** 2 + n ** 2
    const score = x.map((v, i) => (s * mean[i] - v) / variance)
    const log =
      Math.log(weight) - (x.length * Math.log(variance)) / 2 - (variance * score.reduce((a, g) => a + g * g, 0)) / 2
    return { variance, score, log }
  })
  const top = Math.max(...parts.map(({ log }) => log))
  const total = parts.reduce((sum, { log }) => sum + Math.exp(log - top), 0)
  const mean = (f: (part: (typeof parts)[number]) => number) =>
    parts.reduce((sum, part) => sum + (Math.exp(part.log - top) / total) * f(part), 0)
  const score = x.map((_, i) => mean((part) => part.score[i]))
  const hessian = (i: number, j: number) =>
    mean((part) => part.score[i] * part.score[j] - (i === j ? 1 / part.variance : 0)) - score[i] * score[j]
  // prediction = inX x + inScore S; velocity: s eps - n x0
  const [inX, inScore] = { noise: [0, -n], sample: [1 / s, n ** 2 / s], velocity: [-n / s, -s * n - n ** 3 / s] }[
    prediction
  ]
  return {
    out: x.map((v, i) => inX * v + inScore * score[i]),
    jacobian: Array.from(x, (_, i) => Array.from(x, (__, j) => (i === j ? inX : 0) + inScore * hessian(i, j))),
  }
}
