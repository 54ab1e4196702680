/**
 * What a pretrained denoiser takes and gives, in words: what it predicts, in which range its clean pixels lie, what it is told for a time. Samplers here
 * know one convention: pixels in [-1, 1], x = signal x0 + noise eps (of variance one, or on a flow's straight path), times 0 to T - 1; `conventionDenoiser.ts`
 * turns every other one into it.
 */
import type { Prediction } from '../denoiser.ts'

/**
 * What the network gives, and at what x, in pixels of its own range; sigma = noise/signal:
 * - `noise`: eps at x = signal x0 + noise eps, signal² + noise² = 1 (Ho et al. 2020, arXiv 2006.11239)
 * - `sample`: x0 there
 * - `velocity`: signal eps - noise x0 there (Salimans, Ho 2022, arXiv 2202.00512)
 * - `flow`: eps - x0 at x = (1 - t) x0 + t eps (Lipman et al. 2023, arXiv 2210.02747)
 * - `flow-to-data`: x0 - eps there: the same for flows whose time runs from noise to images
 * - `edm`: (D - c_skip (x0 + sigma eps)) / c_out at x = c_in (x0 + sigma eps), the network inside EDM's denoiser D (Karras et al. 2022, arXiv 2206.00364,
 *   table 1: c_in = 1/sqrt(sigma² + d²), c_skip = d² c_in², c_out = sigma d c_in, d = `sigmaData`)
 * - `denoised`: x0 at x = x0 + sigma eps, as EDM's denoiser D itself gives it
 */
export const CONVENTION_PREDICTIONS = [
  'noise',
  'sample',
  'velocity',
  'flow',
  'flow-to-data',
  'edm',
  'denoised',
] as const
export type ConventionPrediction = (typeof CONVENTION_PREDICTIONS)[number]

/** Other words for them, as files and people have them. */
export const PREDICTION_WORDS: Readonly<Record<string, ConventionPrediction>> = {
  ...(Object.fromEntries(CONVENTION_PREDICTIONS.map((name) => [name, name])) as Record<string, ConventionPrediction>),
  epsilon: 'noise',
  eps: 'noise',
  x0: 'sample',
  v: 'velocity',
  v_prediction: 'velocity',
  flow_prediction: 'flow',
}

/**
 * What the network is told at time t of T (of a flow: sigma = t/T, whole times 0 to T):
 * - `index`: t
 * - `from-one`: t + 1
 * - `fraction`: t/T (a flow: sigma)
 * - `reversed`: T - 1 - t (a flow: T - t)
 * - `reversed-fraction`: 1 - t/T
 * - `log-snr`: log(signal²/noise²)
 * - `log-sigma`: log(sigma)/4, sigma = noise/signal (EDM's c_noise)
 * - `sigma`: sigma itself (on a flow noise/signal too, not t)
 */
export const TOLD_TIMES = [
  'index',
  'from-one',
  'fraction',
  'reversed',
  'reversed-fraction',
  'log-snr',
  'log-sigma',
  'sigma',
] as const
export type ToldTimeKind = (typeof TOLD_TIMES)[number]

/** What is told is the level itself: the network has no times of its own. */
export const TOLD_LEVELS: readonly ToldTimeKind[] = ['log-snr', 'log-sigma', 'sigma']

/** [low, high] of clean pixels. */
export type PixelRange = readonly [number, number]

/** The ranges that are tried where none is stated. */
export const PIXEL_RANGES: readonly PixelRange[] = [
  [-1, 1],
  [0, 1],
  [0, 255],
]

/** A denoiser's convention, nothing left open. */
export interface DenoiserConvention {
  readonly prediction: ConventionPrediction
  readonly pixels: PixelRange
  readonly time: ToldTimeKind
  /** What is told is this times what `time` says. Default 1. */
  readonly timeScale: number
  /** d of `edm`: the deviation of the data that its c_skip, c_in and c_out are made of. Default .5. */
  readonly sigmaData: number
}

/** What is stated of it; what is absent is measured, or as it is by default. */
export type StatedConvention = Partial<DenoiserConvention>

export const DEFAULT_SIGMA_DATA = 0.5

/** The convention that samplers know, for what the network predicts. */
export const ownConvention = (prediction: Prediction, path: 'flow' | undefined): DenoiserConvention => ({
  prediction: path === 'flow' && prediction === 'velocity' ? 'flow' : prediction,
  pixels: [-1, 1],
  time: 'index',
  timeScale: 1,
  sigmaData: DEFAULT_SIGMA_DATA,
})

/** What time goes with a prediction where none is stated. */
export const usualTime = (prediction: ConventionPrediction): ToldTimeKind =>
  prediction === 'edm'
    ? 'log-sigma'
    : prediction === 'denoised'
      ? 'sigma'
      : prediction === 'flow-to-data'
        ? 'reversed-fraction'
        : 'index'

/** What is stated, the rest as it usually is. */
export function completed(stated: StatedConvention, prediction: ConventionPrediction = 'noise'): DenoiserConvention {
  const predicts = stated.prediction ?? prediction
  return {
    prediction: predicts,
    pixels: stated.pixels ?? [-1, 1],
    time: stated.time ?? usualTime(predicts),
    timeScale: stated.timeScale ?? 1,
    sigmaData: stated.sigmaData ?? DEFAULT_SIGMA_DATA,
  }
}

/** "noise, pixels [-1, 1], time index" */
export function conventionWords({ prediction, pixels, time, timeScale }: DenoiserConvention): string {
  const scale = timeScale === 1 ? '' : ` times ${timeScale}`
  return `prediction ${prediction}, pixels [${pixels.join(', ')}], time ${time}${scale}`
}
