/** Settings of turning one form of a schedule into another. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import { SAMPLER_NAMES } from '../../diffusion/index.ts'
import type { SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import { defaultsOf, setting } from '../../tuners/index.ts'

export const TARGETS = ['sigmas', 'times', 'levels', 'diffusers', 'comfyui'] as const
export type TargetName = (typeof TARGETS)[number]

/** What a scheduler's file leaves open. */
export const stepsShape = {
  steps: setting(z.int().min(1).max(MOST.timesteps).nullable(), {
    group: 'Steps',
    description:
      "sampling steps; none: those of the file, of a scheduler 50. A list or learned schedule of another number is put to it, evenly between its steps' log sigmas",
    default: null,
  }),
  tokens: setting(z.int().min(1).nullable(), {
    group: 'Steps',
    description:
      'patches of 2 x 2 of an image (of its latents: 4096 at 1024 pixels), by which flows with use_dynamic_shifting shift their sigmas',
    default: null,
  }),
}

export const convertSchema = z.strictObject({
  to: setting(z.enum(TARGETS), {
    group: 'Converting',
    description:
      'sigmas: a JSON list for k-diffusion; comfyui: one line for its nodes; times: a JSON list for timesteps=; levels: our sampling_schedule.json; diffusers: a scheduler_config.json',
    default: 'sigmas',
  }),
  scheduler: setting(z.string().min(1).nullable(), {
    group: 'Converting',
    description:
      'training schedule that a list is for, a scheduler_config.json: sigmas are told the times at which it has them, times have its levels; none: what the list alone says',
    default: null,
  }),
  sampler: setting(z.enum(SAMPLER_NAMES).nullable(), {
    group: 'Converting',
    description: "sampler that levels and diffusers name; none: the file's own, of a list ddim",
    default: null,
  }),
  prediction: setting(z.enum(['noise', 'sample', 'velocity']).nullable(), {
    group: 'Converting',
    description:
      'what the network predicts, for diffusers; none: what a scheduler file says, else noise, of a flow velocity',
    default: null,
  }),
  ...stepsShape,
})
export type ConvertConfig = z.output<typeof convertSchema>

/** @throws `config.unknownKey`, `config.invalid` */
export const resolveConvertConfig = (layers: readonly SettingsLayer[]): ConvertConfig =>
  resolveSettings(convertSchema, [{ source: 'the defaults', values: defaultsOf(convertSchema.shape) }, ...layers])
