/**
 * Schedules for `bilevel_scheduler.py` (`assets/python/`), a scheduler of diffusers that comes with this project: everything that a schedule may
 * hold, for any pipeline. Every field of its config is written.
 */
import type { Prediction } from '../denoiser.ts'
import { samplerNamed } from '../samplers/samplers.ts'
import type { ExportOptions, SchedulerConfig } from './exportedScheduler.ts'
import { PREDICTION_TYPES } from './exportedScheduler.ts'
import { isFlow } from './exportFlow.ts'

/** A schedule for `BilevelScheduler`. */
export interface ExportedOwnClass {
  readonly config: SchedulerConfig
}

/** Name of the class, and of the file that holds it. */
export const OWN_CLASS = { name: 'BilevelScheduler', module: 'bilevel_scheduler' } as const

/** The config; null where the sampler's steps are none of the class's (Heun's). */
export function exportOwnClass({ schedule, settings, prediction }: ExportOptions): ExportedOwnClass | null {
  const { levels, times, timesteps, solver } = schedule
  const flow = isFlow(schedule)
  const told = { settings, prediction, ...(solver && { solver }) }
  const fields = samplerNamed(settings.sampler).toDiffusers.ownClass(told, levels)
  if (!fields) return null
  const { clippedNoise, tau, weight, scale, clipBounds, output, history, noise } = fields
  return {
    config: {
      _class_name: OWN_CLASS.name,
      num_train_timesteps: flow ? timesteps - 1 : timesteps,
      levels: levels.map(({ logSnr }) => logSnr),
      times: [...times],
      process: flow ? 'flow' : 'variance_preserving',
      prediction_type: predictionType(prediction, flow),
      clip: settings.clip && [...settings.clip],
      clip_bounds: clipBounds ?? null,
      clipped_noise: clippedNoise,
      tau: tau ?? null,
      weight: weight ?? null,
      scale: scale ?? null,
      output: output ?? null,
      history: history ?? null,
      noise: noise ?? null,
    },
  }
}

/** A flow's velocity, eps - x0, has a name of its own. */
const predictionType = (prediction: Prediction, flow: boolean): string =>
  flow && prediction === 'velocity' ? 'flow_prediction' : PREDICTION_TYPES[prediction]
