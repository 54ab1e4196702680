/** The fields of diffusers' `scheduler_config.json`. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import type { Respacing } from './classSigmas.ts'
import type { SchedulerClass } from './schedulerClasses.ts'

/** A number as Python writes it; NaN arrives as a word. */
const pythonNumber = z.union([
  z.number(),
  z.literal(Number.POSITIVE_INFINITY),
  z.literal(Number.NEGATIVE_INFINITY),
  z.literal('NaN'),
])

/** Fields read, each as written; absent ones take their class's defaults. Others may be there. */
export const configSchema = z.looseObject({
  _class_name: z.string().optional(),
  num_train_timesteps: z.int().min(1).max(MOST.timesteps).default(1000),
  beta_start: z.number().optional(),
  beta_end: z.number().optional(),
  beta_schedule: z.string().default('linear'),
  trained_betas: z.array(z.number()).min(1).optional(),
  prediction_type: z.string().optional(),
  predict_epsilon: z.boolean().optional(),
  clip_sample: z.boolean().optional(),
  clip_sample_range: z.number().positive().default(1),
  thresholding: z.boolean().default(false),
  sample_max_value: z.number().default(1),
  dynamic_thresholding_ratio: pythonNumber.default(0.995),
  timestep_spacing: z.enum(['trailing', 'linspace', 'leading']).optional(),
  steps_offset: z.int().min(0).default(0),
  set_alpha_to_one: z.boolean().optional(),
  rescale_betas_zero_snr: z.boolean().default(false),
  variance_type: z.string().optional(),
  algorithm_type: z.string().default('dpmsolver++'),
  solver_order: z.int().min(1).default(2),
  solver_type: z.string().default('midpoint'),
  lower_order_final: z.boolean().default(true),
  euler_at_final: z.boolean().default(false),
  predict_x0: z.boolean().default(true),
  disable_corrector: z.array(z.int()).default([]),
  final_sigmas_type: z.string().default('zero'),
  interpolation_type: z.string().default('linear'),
  lambda_min_clipped: z.union([z.number(), z.literal(Number.NEGATIVE_INFINITY)]).default(Number.NEGATIVE_INFINITY),
  use_karras_sigmas: z.boolean().default(false),
  use_exponential_sigmas: z.boolean().default(false),
  use_beta_sigmas: z.boolean().default(false),
  use_lu_lambdas: z.boolean().default(false),
  // What makes a flow or another family of noise of a class with betas.
  use_flow_sigmas: z.boolean().default(false),
  flow_shift: z.number().positive().default(1),
  shift_terminal: z.number().optional(),
  sigma_min: pythonNumber.optional(),
  sigma_max: pythonNumber.optional(),
  use_dynamic_shifting: z.boolean().default(false),
  timestep_type: z.string().default('discrete'),
  snr_shift_scale: z.number().default(1),
})

/** A config's fields as they were read. */
export type SchedulerConfigFields = z.output<typeof configSchema>

/** A config and the class it is read as. */
export interface ClassedConfig {
  readonly name: string
  readonly rule: SchedulerClass
  readonly config: SchedulerConfigFields
}

/** How its sigmas are spread anew, where it has such a field; null: they are not. */
export function respacingOf({ rule, config }: Pick<ClassedConfig, 'rule' | 'config'>): Respacing | null {
  const spacings = [
    ['use_karras_sigmas', 'karras'],
    ['use_lu_lambdas', 'lu'],
    ['use_exponential_sigmas', 'exponential'],
    ['use_beta_sigmas', 'beta'],
  ] as const
  return spacings.find(([field]) => rule.fields.includes(field) && config[field])?.[1] ?? null
}
