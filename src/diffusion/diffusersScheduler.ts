/**
 * Reads other people's schedules: diffusers' `scheduler_config.json` (DDIM, DDPM and DPM-Solver schedulers) and plain
 * {"betas": [...]}. Gives the noise schedule, what the network predicts, and the sampler that the config describes, as far as
 * the samplers here have it; what they do otherwise is said in `notes`.
 */
import { z } from 'zod'
import { inputError } from '../base/index.ts'
import type { Prediction } from './denoiser.ts'
import type { NoiseSchedule } from './noiseSchedule.ts'
import { noiseScheduleFromBetas } from './noiseSchedule.ts'
import type { SamplerSettings } from './samplingSchedule.ts'
import { samplerSettings } from './samplingSchedule.ts'
import type { Spacing, StepListName } from './stepList.ts'

/** A schedule made elsewhere. */
export interface ForeignScheduler {
  readonly schedule: NoiseSchedule
  readonly prediction: Prediction
  readonly settings: SamplerSettings
  readonly stepList: StepListName
  /** Fields that the samplers here treat otherwise, each a sentence. */
  readonly notes: readonly string[]
}

const PREDICTIONS = { epsilon: 'noise', sample: 'sample', v_prediction: 'velocity' } as const

/** Fields read, with diffusers' defaults where all three schedulers share them. Others may be there. */
const configSchema = z.looseObject({
  _class_name: z.string().default('DDIMScheduler'),
  num_train_timesteps: z.int().min(1).default(1000),
  beta_start: z.number().default(1e-4),
  beta_end: z.number().default(0.02),
  beta_schedule: z.string().default('linear'),
  trained_betas: z.array(z.number()).min(1).nullable().default(null),
  prediction_type: z.string().default('epsilon'),
  clip_sample: z.boolean().default(true),
  clip_sample_range: z.number().positive().default(1),
  thresholding: z.boolean().default(false),
  sample_max_value: z.number().default(1),
  timestep_spacing: z.enum(['trailing', 'linspace', 'leading']).optional(),
  steps_offset: z.int().default(0),
  set_alpha_to_one: z.boolean().default(true),
  rescale_betas_zero_snr: z.boolean().default(false),
  variance_type: z.string().nullable().default(null),
  algorithm_type: z.string().default('dpmsolver++'),
  solver_order: z.int().default(2),
  solver_type: z.string().default('midpoint'),
  final_sigmas_type: z.string().default('zero'),
  lambda_min_clipped: z.number().nullable().default(null),
  use_karras_sigmas: z.boolean().nullable().default(false),
})

type Config = z.output<typeof configSchema>

/**
 * Reads a scheduler from JSON text (Python's -Infinity allowed).
 * @param name where the text came from, for errors
 * @throws `scheduler.json`, `scheduler.invalid`, `scheduler.unsupported`, `schedule.betas`
 */
export function readScheduler(text: string, name: string): ForeignScheduler {
  const json = jsonOf(text, name)
  if (typeof json === 'object' && json !== null && 'betas' in json) return fromBetas(json, name)
  const known = ['_class_name', 'beta_schedule', 'trained_betas', 'num_train_timesteps']
  if (typeof json !== 'object' || json === null || !known.some((key) => key in json)) {
    const wanted = 'a diffusers scheduler_config.json or {"betas": [...]}'
    throw inputError('scheduler.invalid', `${name} must be ${wanted}; it has none of ${known.join(', ')}, betas`)
  }
  const config = parsed(configSchema, json, name)
  if (config.rescale_betas_zero_snr) {
    const why = 'its last level has no signal, which noise prediction cannot start from'
    throw inputError('scheduler.unsupported', `${name}: rescale_betas_zero_snr must be false: ${why}; set it to false`)
  }
  const prediction = PREDICTIONS[config.prediction_type as keyof typeof PREDICTIONS]
  if (!prediction) {
    const rule = `prediction_type must be one of ${Object.keys(PREDICTIONS).join(', ')}`
    throw inputError('scheduler.unsupported', `${name}: ${rule}, got ${config.prediction_type}`)
  }
  const schedule = noiseScheduleFromBetas(betasOf(config, name))
  return { schedule, prediction, ...samplerOf(config) }
}

function fromBetas(json: object, name: string): ForeignScheduler {
  const { betas } = parsed(z.looseObject({ betas: z.array(z.number()).min(1) }), json, name)
  const schedule = noiseScheduleFromBetas(betas)
  return { schedule, prediction: 'noise', settings: samplerSettings(), stepList: 'trailing', notes: [] }
}

/** diffusers' four beta schedules. */
function betasOf(config: Config, name: string): ArrayLike<number> {
  const { num_train_timesteps: T, beta_start, beta_end, beta_schedule, trained_betas } = config
  if (trained_betas) {
    if (trained_betas.length === T) return trained_betas
    throw inputError(
      'scheduler.invalid',
      `${name}: trained_betas must have num_train_timesteps = ${T} entries, got ${trained_betas.length}`,
    )
  }
  const evenly = (low: number, high: number) =>
    Float64Array.from({ length: T }, (_, t) => low + ((high - low) * t) / Math.max(1, T - 1))
  if (beta_schedule === 'linear') return evenly(beta_start, beta_end)
  if (beta_schedule === 'scaled_linear')
    return evenly(Math.sqrt(beta_start), Math.sqrt(beta_end)).map((root) => root * root)
  if (beta_schedule === 'squaredcos_cap_v2') {
    const alphaBar = (u: number) => Math.cos((((u + 0.008) / 1.008) * Math.PI) / 2) ** 2
    return evenly(0, T - 1).map((t) => Math.min(0.999, 1 - alphaBar((t + 1) / T) / alphaBar(t / T)))
  }
  if (beta_schedule === 'sigmoid')
    return evenly(-6, 6).map((x) => beta_start + (beta_end - beta_start) / (1 + Math.exp(-x)))
  const known = 'linear, scaled_linear, squaredcos_cap_v2, sigmoid, or trained_betas'
  throw inputError('scheduler.unsupported', `${name}: beta_schedule must be ${known}, got ${beta_schedule}`)
}

/** The sampler, step list and notes of a config. */
function samplerOf(config: Config): Pick<ForeignScheduler, 'settings' | 'stepList' | 'notes'> {
  const notes: string[] = []
  const say = (differs: boolean, note: string) => void (differs && notes.push(note))
  const solver = config._class_name.startsWith('DPMSolver')
  const ddpm = config._class_name === 'DDPMScheduler'
  say(!solver && !ddpm && config._class_name !== 'DDIMScheduler', `${config._class_name} is sampled with DDIM`)
  const plainThreshold = config.thresholding && config.sample_max_value === 1
  say(config.thresholding && !plainThreshold, 'dynamic thresholding is left out')
  say(config.steps_offset !== 0, `steps_offset ${config.steps_offset} is left out`)
  say(!solver && !ddpm && !config.set_alpha_to_one, 'set_alpha_to_one is taken as true: the last step returns x0Hat')
  if (solver) {
    say(config.algorithm_type !== 'dpmsolver++', `algorithm_type ${config.algorithm_type} is sampled as dpmsolver++`)
    say(config.solver_order !== 2 || config.solver_type !== 'midpoint', 'the solver is of order 2, midpoint')
    say(config.final_sigmas_type !== 'zero', `final_sigmas_type ${config.final_sigmas_type} is taken as zero`)
    say(config.use_karras_sigmas === true, 'use_karras_sigmas is left out: levels are those of the told times')
  }
  say(
    ddpm && !['fixed_small', 'fixed_large', null].includes(config.variance_type),
    `variance_type ${config.variance_type} is taken as fixed_small`,
  )
  const range = plainThreshold ? 1 : config.clip_sample_range
  const clips = solver ? plainThreshold : config.clip_sample || plainThreshold
  const spacing: Spacing = config.timestep_spacing ?? (solver ? 'linspace' : 'leading')
  const clipped = solver && config.lambda_min_clipped !== null && config.lambda_min_clipped > -100
  say(clipped && config.lambda_min_clipped !== -5.1, `lambda_min_clipped ${config.lambda_min_clipped} is taken as -5.1`)
  const settings = samplerSettings({
    sampler: solver ? 'dpm-solver++' : ddpm ? 'ddpm' : 'ddim',
    clip: clips ? [-range, range] : null,
    // DDPM's posterior mean is written in x0Hat and x: the noise is that of the clipped x0Hat.
    clippedNoise: ddpm ? 'recompute' : 'keep',
    variance: ddpm && config.variance_type === 'fixed_large' ? 'large' : 'small',
  })
  return { settings, stepList: clipped ? `${spacing}-clipped` : spacing, notes }
}

function parsed<S extends z.ZodType>(schema: S, json: unknown, name: string): z.output<S> {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const { path, message } = result.error.issues[0]
  throw inputError('scheduler.invalid', `${name}: ${path.join('.')}: ${message}`)
}

/** JSON as Python writes it: -Infinity stands for "no bound". */
function jsonOf(text: string, name: string): unknown {
  try {
    return JSON.parse(text.replace(/(:\s*)-Infinity\b/g, '$1null'))
  } catch (error) {
    throw inputError('scheduler.json', `${name} must hold JSON: ${(error as Error).message}`, { cause: error })
  }
}
