/**
 * What a sampler's loop runs on: the network at a step's told time, fresh noise, and a tape of the states the derivative
 * needs. The loops themselves (`ddim.ts`, `dpmSolver.ts`) are float64 arithmetic in plain view.
 */
import type { ImageData, Prediction } from '../denoiser.ts'
import type { SamplerSettings, SamplingSchedule } from '../schedules/samplingSchedule.ts'
import type { DenoisingRule } from './denoised.ts'

/** State before a step and the network's prediction there. */
export interface TapeStep {
  readonly x: ImageData
  readonly prediction: ImageData
}

/** A sampler forwards. */
export interface Chain {
  readonly prediction: Prediction
  readonly schedule: SamplingSchedule
  readonly settings: SamplerSettings
  readonly start: ImageData
  /** The network's prediction at x, told the time of step i (0 = noisiest). */
  predict(i: number, x: ImageData): Promise<ImageData>
  /** Standard normal numbers of step i, one stream per image. */
  noise(i: number): ImageData
  /** Keeps what the derivative of step i needs. `before`: x0Hat of step i - 1, for multistep methods. */
  record(i: number, step: TapeStep, before: ImageData | null): void
}

/** A sampler backwards, from its last step to step `first`. */
export interface ReverseChain {
  readonly prediction: Prediction
  readonly schedule: SamplingSchedule
  readonly settings: SamplerSettings
  /** First step that carries gradient; the state before it is a constant. */
  readonly first: number
  /** x0Hat of step `first` - 1, a constant, for multistep methods. */
  readonly before: ImageData | null
  step(i: number): TapeStep
  noise(i: number): ImageData
  /** Pulls a cotangent of the prediction of step i back to x; cotangents of time and weights are gathered on the side. */
  vjp(i: number, x: ImageData, cotangent: ImageData): Promise<ImageData>
  /** Cotangents of log(signal^2/noise^2) per step, added to in place. */
  readonly dLogSnr: Float64Array
}

/** The denoising rule of step i. */
export function ruleAt(chain: Chain | ReverseChain, i: number): DenoisingRule {
  const { clip, clippedNoise } = chain.settings
  return { prediction: chain.prediction, level: chain.schedule.levels[i], clip, clippedNoise }
}

/** Sum of products, in float64. */
export function dot(a: ImageData, b: ImageData): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
