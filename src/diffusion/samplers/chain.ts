/**
 * What a sampler's loop runs on: the network at a step's told time, fresh noise, and a tape of what the network saw, for the
 * derivative. The loops themselves (`ancestral.ts`, `dpmSolver.ts`) are float64 arithmetic in plain view.
 */
import type { ImageData, Prediction } from '../denoiser.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import type { SolverCotangent } from '../schedules/solverNumbers.ts'
import type { DenoisingRule } from './denoised.ts'
import type { StepSettings } from './stepSettings.ts'

/** One evaluation of the network: the state it saw and what it predicted there. */
export interface Evaluation {
  /** The step it was made in, 0 = noisiest. */
  readonly step: number
  /** The step whose time the network was told, and at whose level x is. */
  readonly at: number
  readonly x: ImageData
  readonly prediction: ImageData
  /** Derivative of the prediction in the guidance scale, where the schedule has one. */
  readonly direction?: ImageData
}

/** A sampler forwards. */
export interface Chain {
  readonly prediction: Prediction
  readonly schedule: SamplingSchedule
  readonly settings: StepSettings
  readonly start: ImageData
  /** The network's prediction at x in step i (0 = noisiest), told the time of step `at`, by default its own. Kept for the derivative. */
  predict(i: number, x: ImageData, at?: number): Promise<ImageData>
  /** Standard normal numbers of step i, one stream per image. */
  noise(i: number): ImageData
  /**
   * Says what step i takes from the steps before it, for multistep methods: x0Hat there, by step, and where the method corrects a state after the
   * network has seen it, what step i - 1 started from.
   */
  remember(i: number, before: ReadonlyMap<number, ImageData>, corrected?: ImageData): void
}

/** A sampler backwards, from its last step to step `first`. */
export interface ReverseChain {
  readonly prediction: Prediction
  readonly schedule: SamplingSchedule
  readonly settings: StepSettings
  /** First step that carries gradient; the state before it is a constant. */
  readonly first: number
  /** x0Hat of steps before `first`, by step: constants, for multistep methods. */
  readonly before: ReadonlyMap<number, ImageData>
  /** The corrected state that step `first` - 1 started from, a constant, for methods that correct. */
  readonly corrected?: ImageData
  /** The network's evaluations in step i, in their order. */
  step(i: number): readonly Evaluation[]
  noise(i: number): ImageData
  /** Pulls a cotangent of an evaluation's prediction back to its x; cotangents of time and weights are gathered on the side. */
  vjp(evaluation: Evaluation, cotangent: ImageData): Promise<ImageData>
  /** Cotangents of log(signal^2/noise^2) per step, added to in place. */
  readonly dLogSnr: Float64Array
  /** Cotangents of the schedule's numbers for the exponential step, added to in place. */
  readonly dSolver: SolverCotangent
}

/** The denoising rule at the level of step i. */
export function ruleAt(chain: Pick<Chain, 'prediction' | 'schedule' | 'settings'>, i: number): DenoisingRule {
  const { clip, clippedNoise } = chain.settings
  return { prediction: chain.prediction, level: chain.schedule.levels[i], clip, clippedNoise }
}

/** Sum of products, in float64. */
export function dot(a: ImageData, b: ImageData): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
