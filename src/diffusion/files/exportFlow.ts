/**
 * Flows for diffusers: levels signal 1 - sigma, noise sigma, told T sigma or another time. `FlowMatchEulerDiscreteScheduler` takes both as lists,
 *
 *     scheduler.set_timesteps(sigmas=sigmas, timesteps=timesteps)
 *
 * with shift 1: it shifts a given list once more, by its own shift. Its step is Euler's on the velocity, which is DDIM of a flow.
 */
import { inputError } from '../../base/index.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import type { ExportedScheduler, ExportOptions } from './exportedScheduler.ts'

/** Whether a schedule's levels are a flow's: all of them are, or none. */
export const isFlow = ({ levels }: Pick<SamplingSchedule, 'levels'>): boolean => levels[0]?.path === 'flow'

export const flowRefusal = (rule: string) =>
  inputError('export.flow', `${rule}, and these are a flow's; take sigmas.json, or bilevel_scheduler.py`)

/**
 * Sigmas of a flow schedule as a scheduler with that shift must be given them, so that its own, shift s/(1 + (shift - 1) s), are the levels.
 * @param shift above 0, of the scheduler that takes the list (FlowMatchEuler's `shift`). Default 1
 * @throws `export.flow` on other levels or another shift
 */
export function flowMatchSigmas({ levels }: Pick<SamplingSchedule, 'levels'>, shift = 1): number[] {
  if (!isFlow({ levels })) {
    throw inputError(
      'export.flow',
      'FlowMatch sigmas are those of a flow (signal + noise = 1), got variance-preserving levels; take kDiffusionSigmas',
    )
  }
  if (!(shift > 0 && Number.isFinite(shift))) throw inputError('export.flow', `shift must be above 0, got ${shift}`)
  return levels.map(({ noise }) => noise / (shift - (shift - 1) * noise))
}

/** @throws `export.flow` */
export function exportFlow({ schedule, settings, prediction }: ExportOptions): ExportedScheduler {
  const { sampler, clip, eta } = settings
  const wrong =
    prediction !== 'velocity'
      ? `a network that predicts ${prediction}`
      : sampler !== 'ddim'
        ? `sampler ${sampler}`
        : clip !== null
          ? `clip [${clip}]`
          : eta > 0
            ? `eta ${eta}`
            : null
  if (wrong !== null) {
    const rule = "FlowMatchEulerDiscreteScheduler takes Euler's steps (ddim, eta 0) on a predicted velocity, unclipped"
    throw inputError('export.flow', `${rule}, got ${wrong}; bilevel_scheduler.py takes it`)
  }
  const config = {
    _class_name: 'FlowMatchEulerDiscreteScheduler',
    ...flowMatchFields(schedule.timesteps),
    // Not a field of diffusers: how many steps the levels were made for.
    _sampling_steps: schedule.levels.length,
  }
  return {
    config,
    timesteps: [...schedule.times],
    sigmas: flowMatchSigmas(schedule),
    scaled: false,
    pixelPipeline: true,
  }
}

/** Fields of FlowMatchEulerDiscreteScheduler that leave levels and times as they are given; `timesteps`: of ours, 0 to T. */
export const flowMatchFields = (timesteps: number) => ({
  // T: there are T + 1 whole times, 0 to T.
  num_train_timesteps: timesteps - 1,
  shift: 1,
  use_dynamic_shifting: false,
  base_shift: 0.5,
  max_shift: 1.15,
  base_image_seq_len: 256,
  max_image_seq_len: 4096,
  invert_sigmas: false,
  shift_terminal: null,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  time_shift_type: 'exponential',
  stochastic_sampling: false,
})
