/**
 * Denoisers with a closed form, in float64 on the host, for problems with known answers.
 *
 * Data N(mean, std^2): with D = signal^2 std^2 + noise^2, E[eps | x] = noise (x - signal mean)/D and E[x0 | x] =
 * (signal std^2 x + noise^2 mean)/D. Every prediction is linear in x, and its derivative in the told time goes through the
 * log-SNR of that time. On a flow velocity is E[eps - x0 | x], and the time is T sigma, in which everything is smooth up to both ends.
 */
import type { Shape } from '../../base/index.ts'
import { inputError, sizeOf } from '../../base/index.ts'
import type { Denoiser, DenoiserGradient, ImageData, Images, Prediction } from '../denoiser.ts'
import { imagesOf } from '../samplers/anyBatch.ts'
import { dot } from '../samplers/chain.ts'
import { like } from '../samplers/denoised.ts'
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr, dSignalDLogSnr, flowLevelOf, levelOfLogSnr, logSnrOfLogAlphaBar } from '../schedules/level.ts'

/** log-SNR that a told time stands for, and its derivative in the time (0 for integer times). */
export type LogSnrOfTime = (time: number) => { readonly value: number; readonly slope: number }

/**
 * The cosine schedule at real times: alphaBar(c) = cos((c/T + epsilon)/(1 + epsilon) pi/2)^2 / cos(epsilon/(1 + epsilon) pi/2)^2,
 * c in (0, T).
 */
export function continuousCosine(timesteps: number, epsilon = 0.008): LogSnrOfTime {
  const angle = (time: number) => ((time / timesteps + epsilon) / (1 + epsilon)) * (Math.PI / 2)
  return (time) => {
    const logAlphaBar = 2 * Math.log(Math.cos(angle(time)) / Math.cos(angle(0)))
    const dLogAlphaBar = (-Math.tan(angle(time)) * Math.PI) / (1 + epsilon) / timesteps
    return { value: logSnrOfLogAlphaBar(logAlphaBar), slope: dLogAlphaBar / -Math.expm1(logAlphaBar) }
  }
}

/** The exact network of independent N(mean, std^2) elements. Takes float64 or float32 images, as `dtype` says (default float64). */
export function gaussianDenoiser(options: {
  readonly mean: number
  readonly std: number
  readonly logSnrAt: LogSnrOfTime
  readonly imageShape?: Shape
  readonly prediction?: Prediction
  readonly times?: 'integer' | 'real'
  readonly dtype?: 'float32' | 'float64'
  readonly batch?: number
}): Denoiser {
  const {
    mean,
    std,
    logSnrAt,
    imageShape = [1, 1, 1],
    prediction = 'noise',
    times = 'real',
    dtype = 'float64',
  } = options
  const { batch } = options
  const placeAt = (time: number): Place => {
    const { value, slope } = logSnrAt(time)
    const level = levelOfLogSnr(value)
    return { level, dSignal: dSignalDLogSnr(level), dNoise: dNoiseDLogSnr(level), slope }
  }
  return linearNetwork({ mean, std, placeAt, imageShape, prediction, times, dtype, batch })
}

/**
 * The exact network of independent N(mean, std^2) elements on a flow, told T sigma in [0, T]: E[eps - x0 | x] (`velocity`, default), or E[eps | x],
 * E[x0 | x].
 */
export function gaussianFlow(options: {
  readonly mean: number
  readonly std: number
  /** T. */
  readonly timesteps: number
  readonly imageShape?: Shape
  readonly prediction?: Prediction
  readonly times?: 'integer' | 'real'
}): Denoiser {
  const { mean, std, timesteps, imageShape = [1, 1, 1], prediction = 'velocity', times = 'real' } = options
  const placeAt = (time: number): Place => ({
    level: flowLevelOf(time / timesteps),
    dSignal: -1,
    dNoise: 1,
    slope: 1 / timesteps,
  })
  return linearNetwork({ mean, std, placeAt, imageShape, prediction, times, dtype: 'float64', batch: undefined })
}

/** A level, its derivative in a coordinate, and that of the coordinate in the told time. */
interface Place {
  readonly level: Level
  readonly dSignal: number
  readonly dNoise: number
  readonly slope: number
}

function linearNetwork(of: {
  readonly mean: number
  readonly std: number
  readonly placeAt: (time: number) => Place
  readonly imageShape: Shape
  readonly prediction: Prediction
  readonly times: 'integer' | 'real'
  readonly dtype: 'float32' | 'float64'
  readonly batch: number | undefined
}): Denoiser {
  const { mean, std, placeAt, imageShape, prediction, times, dtype, batch } = of
  return {
    prediction,
    times,
    imageShape,
    dtype,
    ...(batch !== undefined && { batch }),
    differentiable: true,
    async predict(x, time) {
      checkBatch(x, batch)
      const { gain, offset } = linearForm(prediction, mean, std, placeAt(time))
      return mapImages(x, imageShape, (v) => gain * v + offset)
    },
    async vjp(x, time, _condition, cotangent): Promise<DenoiserGradient> {
      checkBatch(x, batch)
      const place = placeAt(time)
      const { gain, dGain, dOffset } = linearForm(prediction, mean, std, place)
      const dtime = place.slope * (dGain * dot(cotangent.data, x.data) + dOffset * total(cotangent.data))
      return { dx: mapImages(cotangent, imageShape, (g) => gain * g), dtime: times === 'real' ? dtime : null }
    },
  }
}

/** The noise predictor epsHat = w_t x with one free weight per time, integer times: the network of the tied gold problem. */
export function linearDenoiser(options: {
  readonly weights: ArrayLike<number>
  readonly imageShape?: Shape
}): Denoiser {
  const { weights, imageShape = [1, 1, 1] } = options
  return {
    prediction: 'noise',
    times: 'integer',
    imageShape,
    dtype: 'float64',
    differentiable: true,
    predict: async (x, time) => mapImages(x, imageShape, (v) => weights[time] * v),
    async vjp(x, time, _condition, cotangent, request) {
      const dx = mapImages(cotangent, imageShape, (g) => weights[time] * g)
      if (!request?.weights) return { dx, dtime: null }
      const dweights = new Float64Array(weights.length)
      dweights[time] = dot(cotangent.data, x.data)
      return { dx, dtime: null, dweights }
    },
  }
}

/** Prediction = gain x + offset, and its derivative in the place's coordinate. */
function linearForm(prediction: Prediction, mean: number, std: number, { level, dSignal: ds, dNoise: dn }: Place) {
  const { signal: s, noise: n } = level
  const D = s * s * std * std + n * n
  const dD = 2 * s * ds * std * std + 2 * n * dn
  const over = (top: number, dTop: number) => [top / D, (dTop - (top * dD) / D) / D]
  const straight = [
    over(n - s * std * std, dn - ds * std * std),
    over(-n * (s + n) * mean, -(dn * s + n * ds + 2 * n * dn) * mean),
  ]
  const turning = [over(s * n * (1 - std * std), (ds * n + s * dn) * (1 - std * std)), over(-n * mean, -dn * mean)]
  const forms = {
    noise: [over(n, dn), over(-s * n * mean, -(ds * n + s * dn) * mean)],
    sample: [over(s * std * std, ds * std * std), over(n * n * mean, 2 * n * dn * mean)],
    velocity: level.path === 'flow' ? straight : turning,
  }
  const [[gain, dGain], [offset, dOffset]] = forms[prediction]
  return { gain, dGain, offset, dOffset }
}

function total(x: ImageData): number {
  let sum = 0
  for (const value of x) sum += value
  return sum
}

function mapImages(x: Images, imageShape: Shape, f: (v: number) => number): Images {
  const out = like(x.data)
  for (let i = 0; i < out.length; i++) out[i] = f(x.data[i])
  return imagesOf(out, out.length / sizeOf(imageShape), imageShape)
}

function checkBatch(x: Images, batch: number | undefined): void {
  if (batch === undefined || x.shape[0] === batch) return
  throw inputError('denoiser.batch', `this network takes batches of ${batch}, got ${x.shape[0]}`)
}
