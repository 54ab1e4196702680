/**
 * A network of any convention as a denoiser of the samplers here. With clean pixels y = a x0 + b in the network's range (x0 in [-1, 1]), its level
 * (s, n) at time t and the level (S, N) of the samplers there, N/S = n/(a s):
 *
 *     network's x  X = g (x'/k + b s),  k = N/n,   g = 1 (denoised: 1/s, edm: c_in/s)            x' = S x0 + N eps
 *     its output P: noise, sample as they are (x0 = (P - b)/a); velocity, flow and edm give eps and y as sums of X and P, and so
 *     S eps - N (y - b)/a, the velocity of the samplers
 *
 * All of it is linear in x' and P, without a pole at any level. Where the level is asked for it is that of the told time, as in EDM's preconditioning: with
 * told times that are not tied to levels the network is the same function of x' and time, as any network is. A flow in [-1, 1] stays on its path.
 */
import { inputError } from '../../base/index.ts'
import type { Denoiser, ImageData, Images, Prediction } from '../denoiser.ts'
import { imagesOf } from '../samplers/anyBatch.ts'
import { like } from '../samplers/denoised.ts'
import { levelOfLogSnr } from '../schedules/level.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { ConventionPrediction, DenoiserConvention, PixelRange } from './convention.ts'
import { slopeAt } from './slope.ts'
import { isWhole, toldAt } from './toldTime.ts'

const isFlow = (prediction: ConventionPrediction): boolean => prediction === 'flow' || prediction === 'flow-to-data'

/** a, b of y = a x0 + b. */
const pixelMap = ([low, high]: PixelRange) => ({ a: (high - low) / 2, b: (high + low) / 2 })

const isOwnRange = ({ pixels: [low, high] }: Pick<DenoiserConvention, 'pixels'>): boolean => low === -1 && high === 1

/** Whether samplers here take such a network as it is. */
export const isOwn = (convention: DenoiserConvention): boolean =>
  isOwnRange(convention) &&
  convention.time === 'index' &&
  convention.timeScale === 1 &&
  ['noise', 'sample', 'velocity', 'flow'].includes(convention.prediction)

/** What the samplers take its prediction for. */
export function predictionFor({ prediction }: Pick<DenoiserConvention, 'prediction'>): Prediction {
  if (prediction === 'noise') return 'noise'
  return prediction === 'sample' || prediction === 'denoised' ? 'sample' : 'velocity'
}

/**
 * The levels of the samplers for a network's own: the very same for pixels in [-1, 1], else variance preserving ones whose log-SNRs are 2 log a higher.
 * @param trained the network's own; of a flow exactly where it predicts one
 */
export function scheduleFor(convention: DenoiserConvention, trained: NoiseSchedule): NoiseSchedule {
  if (isOwnRange(convention)) return trained
  const shift = 2 * Math.log(pixelMap(convention.pixels).a)
  const logSnr = trained.logSnr.map((value) => value + shift)
  const alphaBar = logSnr.map((value) => 1 / (1 + Math.exp(-value)))
  return {
    timesteps: trained.timesteps,
    betas: alphaBar.map((value, t) => (t === 0 ? 1 - value : 1 - value / alphaBar[t - 1])),
    alphaBar,
    logSnr,
    level: (t) => levelOfLogSnr(trained.level(t).logSnr + shift),
  }
}

/** Network's x from the samplers', and their prediction from the network's x and output: X = inX x' + inOne, p' = outX X + outP P + outOne. */
export interface ConventionScalars {
  readonly inX: number
  readonly inOne: number
  readonly outX: number
  readonly outP: number
  readonly outOne: number
}

/** The scalars at a time. */
export function scalarsAt(convention: DenoiserConvention, trained: NoiseSchedule, t: number): ConventionScalars {
  const { prediction, pixels, sigmaData: d } = convention
  const { a, b } = pixelMap(pixels)
  const { signal: s, noise: n } = trained.level(t)
  const { signal: S, noise: N } = scheduleFor(convention, trained).level(t)
  const cIn = s / Math.sqrt(n * n + d * d * s * s)
  const g = prediction === 'denoised' ? 1 / s : prediction === 'edm' ? cIn / s : 1
  const into = { inX: (g * n) / N, inOne: g * b * s }
  if (prediction === 'noise') return { ...into, outX: 0, outP: 1, outOne: 0 }
  if (prediction === 'sample' || prediction === 'denoised') return { ...into, outX: 0, outP: 1 / a, outOne: -b / a }
  const sign = prediction === 'flow-to-data' ? -1 : 1
  if (isFlow(prediction) && isOwnRange(convention)) return { ...into, outX: 0, outP: sign, outOne: 0 }
  // eps = eps[0] X + eps[1] P, y = y[0] X + y[1] P
  const sigma = n / s
  const { eps, y } = isFlow(prediction)
    ? { eps: [1, sign * s], y: [1, -sign * n] }
    : prediction === 'edm'
      ? { eps: [sigma * cIn, -d * cIn], y: [d * d * cIn, sigma * d * cIn] }
      : { eps: [n, s], y: [s, -n] }
  return {
    ...into,
    outX: S * eps[0] - (N / a) * y[0],
    outP: S * eps[1] - (N / a) * y[1],
    outOne: (N / a) * b,
  }
}

/** A network that is told any number. */
export type ToldNetwork = Omit<Denoiser, 'prediction' | 'pullback'>

/**
 * A denoiser as a network that is told any number.
 * @param predict what is told a number; default its own `predict`, which then takes any
 * @param vjp its derivative, `dtime` being that in what it is told; default its own
 */
export function toldNetwork(
  denoiser: Denoiser,
  predict: Denoiser['predict'] = (...asked) => denoiser.predict(...asked),
  vjp: Denoiser['vjp'] = (...asked) => denoiser.vjp(...asked),
): ToldNetwork {
  const {
    times,
    imageShape,
    dtype,
    batch,
    batchStep,
    differentiable,
    timeDerivative,
    conditional,
    classes,
    nullClass,
    decoder,
  } = denoiser
  return {
    times,
    imageShape,
    differentiable,
    ...(timeDerivative !== undefined && { timeDerivative }),
    ...(dtype && { dtype }),
    ...(batch !== undefined && { batch }),
    ...(batchStep !== undefined && { batchStep }),
    ...(conditional !== undefined && { conditional }),
    ...(classes !== undefined && { classes }),
    ...(nullClass !== undefined && { nullClass }),
    ...(decoder && { decoder }),
    predict,
    vjp,
  }
}

/**
 * @param network its `predict` and `vjp` take what it is told for the time
 * @param trained the levels it was trained on
 * @throws `model.time` where it takes whole numbers and the convention tells others
 */
export function conventionDenoiser(
  network: ToldNetwork,
  convention: DenoiserConvention,
  trained: NoiseSchedule,
): Denoiser {
  requireTold(network, convention)
  const scalars = remembered((t) => scalarsAt(convention, trained, t))
  const told = (t: number) => toldAt(convention, trained, checked(t, network, trained))
  return {
    ...network,
    prediction: predictionFor(convention),
    async predict(x, time, condition) {
      const at = scalars(time)
      const own = mapped(x, (value) => at.inX * value + at.inOne)
      const output = await network.predict(own, told(time), condition)
      return outputOf(own, output, at)
    },
    async vjp(x, time, condition, cotangent, options) {
      const at = scalars(time)
      const own = mapped(x, (value) => at.inX * value + at.inOne)
      const back = mapped(cotangent, (value) => at.outP * value)
      const gradient = await network.vjp(own, told(time), condition, back, options)
      const { dx, dtime, dweights } = gradient
      const direct = at.inX * at.outX
      const data = dx.data.map((value, i) => at.inX * value + direct * cotangent.data[i])
      const [count, ...image] = x.shape
      const last = trained.timesteps - 1
      const slopes = () => slopesOf((t) => scalarsAt(convention, trained, t), time, last)
      const output = async () => gradient.prediction ?? network.predict(own, told(time), condition)
      return {
        dx: imagesOf(data, count, image),
        dtime:
          dtime === null
            ? null
            : dtime * slopeAt((t) => toldAt(convention, trained, t), time, last) +
              (await alongScalars({ x, own, cotangent, dx, output }, at, slopes())),
        ...(dweights && { dweights }),
      }
    },
  }
}

/** Derivatives of the scalars in the time. */
function slopesOf(scalars: (t: number) => ConventionScalars, time: number, last: number): ConventionScalars {
  const slope = (name: keyof ConventionScalars) => slopeAt((t) => scalars(t)[name], time, last)
  return { inX: slope('inX'), inOne: slope('inOne'), outX: slope('outX'), outP: slope('outP'), outOne: slope('outOne') }
}

/** What a derivative in the time through the scalars is made of. */
interface AlongScalars {
  readonly x: Images
  readonly own: Images
  readonly cotangent: Images
  /** Cotangent of the network's x. */
  readonly dx: Images
  output(): Promise<Images>
}

/** g (outX' X + outX X' + outP' P + outOne') + dX X', summed, with X' = inX' x' + inOne' and ' the derivative in the time. */
async function alongScalars(
  { x, own, cotangent: g, dx, output }: AlongScalars,
  at: ConventionScalars,
  slope: ConventionScalars,
): Promise<number> {
  if (Object.values(slope).every((value) => value === 0)) return 0
  const predicted = slope.outP === 0 ? null : (await output()).data
  let total = 0
  for (let i = 0; i < g.data.length; i++) {
    const dX = slope.inX * x.data[i] + slope.inOne
    const ofOutput = predicted === null ? 0 : slope.outP * predicted[i]
    total += g.data[i] * (slope.outX * own.data[i] + at.outX * dX + ofOutput + slope.outOne) + dx.data[i] * dX
  }
  return total
}

/** p' of X and P. */
function outputOf(own: Images, output: Images, { outX, outP, outOne }: ConventionScalars): Images {
  const result = like(output.data)
  for (let i = 0; i < result.length; i++) result[i] = outX * own.data[i] + outP * output.data[i] + outOne
  const [count, ...image] = output.shape
  return imagesOf(result, count, image)
}

/** @throws `schedule.time`, `times.integerOnly` */
function checked(t: number, { times }: ToldNetwork, { timesteps }: NoiseSchedule): number {
  if (!(t >= 0 && t <= timesteps - 1)) {
    throw inputError('schedule.time', `a time of the model's schedule must lie in [0, ${timesteps - 1}], got ${t}`)
  }
  if (times === 'integer' && !Number.isInteger(t)) {
    throw inputError('times.integerOnly', `the model takes integer times, got ${t}`)
  }
  return t
}

/** @throws `model.time` */
function requireTold({ times }: ToldNetwork, { time, timeScale }: DenoiserConvention): void {
  if (times === 'real' || (isWhole(time) && Number.isInteger(timeScale))) return
  const came = timeScale === 1 ? `time ${time}` : `time ${time} times ${timeScale}`
  throw inputError(
    'model.time',
    `the model takes whole numbers for times, which are index, from-one or reversed, got ${came}; take one of those`,
  )
}

function mapped({ data, shape: [count, ...image] }: Images, f: (value: number) => number): Images {
  const result: ImageData = like(data)
  for (let i = 0; i < result.length; i++) result[i] = f(data[i])
  return imagesOf(result, count, image)
}

/** Values at times, each made once. */
function remembered<T>(make: (t: number) => T): (t: number) => T {
  const made = new Map<number, T>()
  return (t) => {
    const value = made.get(t) ?? make(t)
    made.set(t, value)
    return value
  }
}
