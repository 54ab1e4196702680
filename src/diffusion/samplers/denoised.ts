/**
 * From the network's prediction p at x and a level (signal s, noise n) to the clean image and the noise that a step uses:
 *
 *     x0Raw = A x + B p,  epsRaw = C x + D p           linear, whatever is predicted
 *     x0Hat = clip(x0Raw)
 *     epsHat' = epsRaw (`keep`) or (x - s x0Hat)/n (`recompute`)
 *
 * and the derivative of both in x, p and the level's log-SNR. With a scale e the noise prediction is e epsRaw, and x0Raw = (x - n e epsRaw)/s;
 * where there is no signal to speak of (s/n below e^-20, as flows begin) a scale does nothing.
 */
import { inputError } from '../../base/index.ts'
import type { ImageData, Prediction } from '../denoiser.ts'
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr, dSignalDLogSnr, hasSignal } from '../schedules/level.ts'
import type { StepSettings } from './stepSettings.ts'

/** A scalar of a step and its derivative in the log-SNR of that step's level. */
interface AtLevel {
  readonly value: number
  readonly slope: number
}

interface PredictionScalars {
  readonly A: AtLevel
  readonly B: AtLevel
  readonly C: AtLevel
  readonly D: AtLevel
}

const constant = (value: number): AtLevel => ({ value, slope: 0 })
const negative = ({ value, slope }: AtLevel): AtLevel => ({ value: -value, slope: -slope })

/** 1/s and 1/n, and the ratios n/s = exp(-logSnr/2), s/n = exp(logSnr/2). */
function inverses(level: Level): {
  overSignal: AtLevel
  overNoise: AtLevel
  noiseRatio: AtLevel
  signalRatio: AtLevel
} {
  const { signal, noise, logSnr } = level
  const noiseRatio = Math.exp(-logSnr / 2)
  const signalRatio = Math.exp(logSnr / 2)
  return {
    overSignal: { value: 1 / signal, slope: -dSignalDLogSnr(level) / signal / signal },
    overNoise: { value: 1 / noise, slope: -dNoiseDLogSnr(level) / noise / noise },
    noiseRatio: { value: noiseRatio, slope: -noiseRatio / 2 },
    signalRatio: { value: signalRatio, slope: signalRatio / 2 },
  }
}

/** A, B, C, D of a prediction. Velocity: s eps - n x0 where s^2 + n^2 = 1, eps - x0 on a flow's straight path. */
function predictionScalars(prediction: Prediction, level: Level): PredictionScalars {
  const { overSignal, overNoise, noiseRatio, signalRatio } = inverses(level)
  if (prediction === 'noise') return { A: overSignal, B: negative(noiseRatio), C: constant(0), D: constant(1) }
  if (prediction === 'sample') return { A: constant(0), B: constant(1), C: overNoise, D: negative(signalRatio) }
  if (prediction !== 'velocity') {
    throw inputError('sampler.prediction', `a network predicts noise, sample or velocity, got ${prediction}`)
  }
  const signal = { value: level.signal, slope: dSignalDLogSnr(level) }
  const noise = { value: level.noise, slope: dNoiseDLogSnr(level) }
  if (level.path === 'flow') return { A: constant(1), B: negative(noise), C: constant(1), D: signal }
  return { A: signal, B: negative(noise), C: noise, D: signal }
}

/** What a step needs from the network. */
export interface Denoised {
  readonly x0Hat: ImageData
  readonly epsHat: ImageData
}

/** What decides x0Hat and epsHat' besides x and p. */
export interface DenoisingRule {
  readonly prediction: Prediction
  readonly level: Level
  readonly clip: StepSettings['clip']
  readonly clippedNoise: StepSettings['clippedNoise']
  /** What the noise prediction is multiplied by; default 1. */
  readonly scale?: number
}

/** What a rule comes to in the loop over the elements. */
function ruleScalars({ prediction, level, clip, clippedNoise, scale: asked }: DenoisingRule) {
  const scaling = hasSignal(level)
  const scale = scaling ? asked : undefined
  const { overNoise, noiseRatio, signalRatio } = inverses(level)
  const [low, high] = clip ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const own = predictionScalars(prediction, level)
  const scalars = scale === undefined ? own : scaled(own, noiseRatio, scale)
  return { ...scalars, own, scaling, noiseRatio, overNoise, signalRatio, low, high, keep: clippedNoise === 'keep' }
}

/** x0Raw at scale e is x0Raw at 1 and (1 - e) (n/s) epsRaw. */
function scaled({ A, B, C, D }: PredictionScalars, noiseRatio: AtLevel, e: number): PredictionScalars {
  const plus = (a: AtLevel, c: AtLevel): AtLevel => ({
    value: a.value + (1 - e) * noiseRatio.value * c.value,
    slope: a.slope + (1 - e) * (noiseRatio.slope * c.value + noiseRatio.value * c.slope),
  })
  const times = ({ value, slope }: AtLevel): AtLevel => ({ value: e * value, slope: e * slope })
  return { A: plus(A, C), B: plus(B, D), C: times(C), D: times(D) }
}

/** A zeroed array of the same kind and length. */
export function like(x: ImageData): ImageData {
  return x instanceof Float32Array ? new Float32Array(x.length) : new Float64Array(x.length)
}

/** x0Hat at x with prediction p, where nothing takes epsHat'. */
export function cleanOf(rule: DenoisingRule, x: ImageData, p: ImageData): ImageData {
  const { A, B, low, high } = ruleScalars(rule)
  const [ofX, ofP] = [A.value, B.value]
  const x0Hat = like(x)
  for (let i = 0; i < x.length; i++) {
    const raw = ofX * x[i] + ofP * p[i]
    x0Hat[i] = raw < low ? low : raw > high ? high : raw
  }
  return x0Hat
}

/** x0Hat and epsHat' at x with prediction p. */
export function denoised(rule: DenoisingRule, x: ImageData, p: ImageData): Denoised {
  const { A, B, C, D, overNoise, signalRatio, low, high, keep } = ruleScalars(rule)
  const x0Hat = like(x)
  const epsHat = like(x)
  for (let i = 0; i < x.length; i++) {
    const clean = Math.min(high, Math.max(low, A.value * x[i] + B.value * p[i]))
    x0Hat[i] = clean
    epsHat[i] = keep ? C.value * x[i] + D.value * p[i] : overNoise.value * x[i] - signalRatio.value * clean
  }
  return { x0Hat, epsHat }
}

/** Cotangents of x (its direct part), of the prediction and of the level's log-SNR. */
export interface DenoisedGradient {
  readonly dx: ImageData
  readonly dp: ImageData
  readonly dLogSnr: number
  /** In the scale of the noise prediction. */
  readonly dScale: number
  /** In r, where x0Hat is clipped to [-r, r]. */
  readonly dBound: number
}

/** Pulls cotangents of x0Hat and epsHat' (null: not used) back. Through a clipped element of x0Hat nothing passes but to the bound. */
export function denoisedVjp(
  rule: DenoisingRule,
  x: ImageData,
  p: ImageData,
  dX0Hat: ImageData,
  dEpsHat: ImageData | null,
): DenoisedGradient {
  if (!dEpsHat) return cleanVjp(rule, x, p, dX0Hat)
  const { A, B, C, D, own, scaling, noiseRatio, overNoise, signalRatio, low, high, keep } = ruleScalars(rule)
  const dx = like(x)
  const dp = like(x)
  let dLogSnr = 0
  let dScale = 0
  let dBound = 0
  for (let i = 0; i < x.length; i++) {
    const raw = A.value * x[i] + B.value * p[i]
    const dEps = dEpsHat[i]
    let dClean = dX0Hat[i]
    if (!keep) {
      // epsHat' = x/n - (s/n) x0Hat
      dClean -= signalRatio.value * dEps
      dx[i] += overNoise.value * dEps
      dLogSnr += dEps * (overNoise.slope * x[i] - signalRatio.slope * Math.min(high, Math.max(low, raw)))
    } else {
      // epsHat' = C x + D p
      dx[i] += C.value * dEps
      dp[i] += D.value * dEps
      dLogSnr += dEps * (C.slope * x[i] + D.slope * p[i])
      dScale += dEps * (own.C.value * x[i] + own.D.value * p[i])
    }
    if (raw > low && raw < high) {
      dx[i] += A.value * dClean
      dp[i] += B.value * dClean
      dLogSnr += dClean * (A.slope * x[i] + B.slope * p[i])
      dScale -= dClean * noiseRatio.value * (own.C.value * x[i] + own.D.value * p[i])
    } else dBound += raw >= high ? dClean : -dClean
  }
  return { dx, dp, dLogSnr, dScale: scaling ? dScale : 0, dBound }
}

/** The same of x0Hat alone: most samplers, at every step. */
function cleanVjp(rule: DenoisingRule, x: ImageData, p: ImageData, dX0Hat: ImageData): DenoisedGradient {
  const { A, B, own, scaling, noiseRatio, low, high } = ruleScalars(rule)
  const [ofX, ofP] = [A.value, B.value]
  const dx = like(x)
  const dp = like(x)
  // Sums <dClean, x> and <dClean, p> over what is not clipped: all derivatives in scalars are made of them.
  let [alongX, alongP, dBound] = [0, 0, 0]
  for (let i = 0; i < x.length; i++) {
    const raw = ofX * x[i] + ofP * p[i]
    const dClean = dX0Hat[i]
    if (raw > low && raw < high) {
      dx[i] = ofX * dClean
      dp[i] = ofP * dClean
      alongX += dClean * x[i]
      alongP += dClean * p[i]
    } else dBound += raw >= high ? dClean : -dClean
  }
  return {
    dx,
    dp,
    dLogSnr: A.slope * alongX + B.slope * alongP,
    dScale: scaling ? -noiseRatio.value * (own.C.value * alongX + own.D.value * alongP) : 0,
    dBound,
  }
}
