/** What an exported scheduler is: its config, and what a caller must pass beside it. */
import type { Prediction } from '../denoiser.ts'
import type { Sampling } from '../samplers/settings.ts'

/** A scheduler config as diffusers reads it: every field written. */
export type SchedulerConfig = Readonly<Record<string, unknown>>

/** A schedule on all T times, for a plain pipeline: the network is told the scheduler's own timesteps. */
export interface ExportedScheduler {
  readonly config: SchedulerConfig
  /** Told times that must be passed as `timesteps=`; null: `num_inference_steps` suffices. */
  readonly timesteps: readonly number[] | null
  /** Levels that must be passed as `sigmas=` beside the times: a flow's; null: the config holds them. */
  readonly sigmas: readonly number[] | null
  /** Whether the class keeps x/signal in the place of x, as a pipeline that calls `scale_model_input` expects. */
  readonly scaled: boolean
  /** Whether `DDPMPipeline` runs it: it takes x as it is, and passes a generator. */
  readonly pixelPipeline: boolean
}

export interface ExportOptions extends Sampling {
  readonly prediction: Prediction
}

export const PREDICTION_TYPES: Readonly<Record<Prediction, string>> = {
  noise: 'epsilon',
  sample: 'sample',
  velocity: 'v_prediction',
}
