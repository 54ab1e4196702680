/**
 * Reads other people's schedules: diffusers' `scheduler_config.json` and plain {"betas": [...]}. Gives the noise schedule, what
 * the network predicts, and the sampler that the config describes, as far as the samplers here have it; what they do otherwise is
 * said in `notes`. A class or field that makes something else of it than T betas (a flow, sigmas, tokens) is refused by name.
 */
import { z } from 'zod'
import { BilevelError, inputError, MOST, parseJson } from '../../base/index.ts'
import type { Prediction } from '../denoiser.ts'
import { samplerNamed } from '../samplers/samplers.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { BETA_SCHEDULES } from '../schedules/betaSchedules.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import { noiseScheduleFromBetas, withZeroTerminalSnr } from '../schedules/noiseSchedule.ts'
import type { StepListName } from '../schedules/stepList.ts'
import { stepList } from '../schedules/stepList.ts'
import type { FileSpacing, SchedulerClass, SchedulerField } from './schedulerClasses.ts'
import { otherClassWords, SCHEDULER_CLASSES } from './schedulerClasses.ts'
import type { ClassedConfig, SchedulerConfigFields } from './schedulerConfig.ts'
import { configSchema } from './schedulerConfig.ts'
import { classNotes, configNotes } from './schedulerNotes.ts'
import { classTimes } from './schedulerTimes.ts'

/** A schedule made elsewhere. */
export interface ForeignScheduler {
  readonly schedule: NoiseSchedule
  readonly prediction: Prediction
  readonly settings: SamplerSettings
  /** The step list nearest to the times that it takes by itself. */
  readonly stepList: StepListName
  /** Those times themselves in N steps, noisiest first. @throws `steps.count` */
  timesOf(steps: number): readonly number[]
  /** The class that it is read as; null: plain betas. */
  readonly className: string | null
  /** Fields that the samplers here treat otherwise, and what was assumed, each a sentence. */
  readonly notes: readonly string[]
}

/** How it samples by itself. */
export type OwnSampling = Pick<ForeignScheduler, 'settings' | 'stepList' | 'timesOf' | 'className' | 'notes'>

const PREDICTIONS: Readonly<Record<string, Prediction>> = {
  epsilon: 'noise',
  sample: 'sample',
  original_sample: 'sample',
  v_prediction: 'velocity',
}

/** What a config without `_class_name` is read as. */
const ASSUMED_CLASS = 'DDIMScheduler'

/**
 * Reads a scheduler from JSON text (Python's Infinity and NaN allowed).
 * @param name where the text came from, for errors
 * @throws `scheduler.json`, `scheduler.invalid`, `scheduler.class` on a class that is not read, `scheduler.unsupported` on a field
 * that changes what the network is, `schedule.betas`
 */
export function readScheduler(text: string, name: string): ForeignScheduler {
  const json = jsonOf(text, name)
  if (typeof json === 'object' && json !== null && 'betas' in json) return fromBetas(json, name)
  const known = ['_class_name', 'beta_schedule', 'trained_betas', 'num_train_timesteps']
  if (typeof json !== 'object' || json === null || !known.some((key) => key in json)) {
    const wanted = 'a diffusers scheduler_config.json or {"betas": [...]}'
    throw inputError('scheduler.invalid', `${name} must be ${wanted}; it has none of ${known.join(', ')}, betas`)
  }
  const { fields, nulls } = withoutNulls(json)
  const classed = classOf(fields, name)
  checkFamily(classed, name)
  const prediction = predictionOf(classed, name)
  const schedule = scheduleOf(classed, prediction, name)
  return {
    schedule,
    prediction,
    ...samplerOf(classed, schedule),
    className: classed.name,
    notes: [...configNotes(classed, nulls), ...classNotes(classed, spacingOf(classed))],
  }
}

function fromBetas(json: object, name: string): ForeignScheduler {
  const { betas } = parsed(z.looseObject({ betas: z.array(z.number()).min(1).max(MOST.timesteps) }), json, name)
  const schedule = named(name, () => noiseScheduleFromBetas(betas))
  return {
    schedule,
    prediction: 'noise',
    settings: samplerSettings(),
    stepList: 'trailing',
    timesOf: (steps) => stepList('trailing', schedule, steps),
    className: null,
    notes: [],
  }
}

/** Python's None: false where a flag is meant; else as if the field were absent, by name where it is one that is read. */
function withoutNulls(json: object): { fields: Record<string, unknown>; nulls: string[] } {
  const nulls = Object.entries(json).flatMap(([key, value]) => (value === null ? [key] : []))
  const flags = nulls.filter((key) => FLAGS.includes(key)).map((key) => [key, false])
  const rest = Object.entries(json).filter(([, value]) => value !== null)
  return {
    fields: Object.fromEntries([...rest, ...flags]),
    nulls: nulls.filter((key) => key in configSchema.shape && !FLAGS.includes(key) && !MAY_BE_NULL.includes(key)),
  }
}

/** Null says nothing. */
const MAY_BE_NULL = ['_class_name', 'trained_betas', 'variance_type', 'predict_epsilon', 'lambda_min_clipped']

const FLAGS = Object.entries(configSchema.shape).flatMap(([key, schema]) =>
  schema.safeParse(false).success && !MAY_BE_NULL.includes(key) ? [key] : [],
)

/** @throws `scheduler.class` */
function classOf(fields: Record<string, unknown>, name: string): ClassedConfig {
  const config = parsed(configSchema, fields, name)
  const className = config._class_name ?? ASSUMED_CLASS
  const rule = Object.hasOwn(SCHEDULER_CLASSES, className) ? SCHEDULER_CLASSES[className] : undefined
  if (rule) return { name: className, rule, config }
  throw inputError(
    'scheduler.class',
    `${name}: a scheduler must be of a class with betas, but ${otherClassWords(className)}`,
  )
}

/** @throws `scheduler.unsupported` on a field by which the network of a class with betas is trained on something else */
function checkFamily({ config }: ClassedConfig, name: string): void {
  const { prediction_type, timestep_type, snr_shift_scale } = config
  const flow = 'the network was trained as a flow'
  const sigmas = ['shift', 'base_shift', 'sigma_data', 'sigma_min', 'sigma_max'].find((key) => key in config)
  const changes: [boolean, string][] = [
    [config.use_flow_sigmas, `use_flow_sigmas is true: ${flow}`],
    [config.use_dynamic_shifting, `use_dynamic_shifting is true: ${flow}`],
    [prediction_type === 'flow_prediction', `prediction_type is flow_prediction: ${flow}`],
    [
      timestep_type !== 'discrete',
      `timestep_type is ${timestep_type}: the network is told log(sigma)/4 in place of a timestep`,
    ],
    [
      snr_shift_scale !== 1,
      `snr_shift_scale is ${snr_shift_scale}: the network was trained on other levels than those of its betas`,
    ],
    [
      config._class_name === undefined && sigmas !== undefined,
      `it has ${sigmas} and no _class_name: schedulers with that are flows or have sigmas`,
    ],
  ]
  const changed = changes.find(([is]) => is)
  if (!changed) return
  const rule = `a scheduler must give the betas that its network was trained on, but ${changed[1]}`
  throw inputError('scheduler.unsupported', `${name}: ${rule}, which is not read; take a model trained on betas`)
}

/** What the network predicts; `predict_epsilon` is how files of diffusers before 0.9 say it. @throws `scheduler.unsupported` */
function predictionOf({ config }: ClassedConfig, name: string): Prediction {
  const { prediction_type = config.predict_epsilon === false ? 'sample' : 'epsilon' } = config
  if (Object.hasOwn(PREDICTIONS, prediction_type)) return PREDICTIONS[prediction_type]
  const known = 'epsilon, sample, v_prediction'
  throw inputError('scheduler.unsupported', `${name}: prediction_type must be one of ${known}, got ${prediction_type}`)
}

/** @throws `scheduler.invalid`, `scheduler.unsupported`, `schedule.betas` */
function scheduleOf({ rule, config }: ClassedConfig, prediction: Prediction, name: string): NoiseSchedule {
  const betas = betasOf(rule, config, name)
  const schedule = named(name, () => noiseScheduleFromBetas(betas))
  if (!config.rescale_betas_zero_snr || rule.zeroSnr === null) return schedule
  if (prediction === 'noise') {
    const why = 'its last level has no signal, from which predicted noise gives no image'
    const fix = 'set it to false, or prediction_type to v_prediction if the network predicts that'
    throw inputError(
      'scheduler.unsupported',
      `${name}: rescale_betas_zero_snr must be false with noise prediction: ${why}; ${fix}`,
    )
  }
  return withZeroTerminalSnr(schedule, rule.zeroSnr)
}

function betasOf(
  rule: SchedulerClass,
  { num_train_timesteps: timesteps, beta_start, beta_end, beta_schedule, trained_betas }: SchedulerConfigFields,
  name: string,
): ArrayLike<number> {
  if (trained_betas) {
    if (trained_betas.length === timesteps) return trained_betas
    throw inputError(
      'scheduler.invalid',
      `${name}: trained_betas must have num_train_timesteps = ${timesteps} entries, got ${trained_betas.length}`,
    )
  }
  if (Object.hasOwn(BETA_SCHEDULES, beta_schedule)) {
    const [start, end] = [beta_start ?? rule.betaStart, beta_end ?? rule.betaEnd]
    return BETA_SCHEDULES[beta_schedule]({ timesteps, start, end })
  }
  const known = [...Object.keys(BETA_SCHEDULES), 'or trained_betas'].join(', ')
  throw inputError('scheduler.unsupported', `${name}: beta_schedule must be ${known}, got ${beta_schedule}`)
}

/** How its times are spaced. */
export function spacingOf({ rule, config }: Pick<ClassedConfig, 'rule' | 'config'>): FileSpacing {
  return (rule.fields.includes('timestep_spacing') && config.timestep_spacing) || rule.spacing
}

/** The sampler and the times of a config. */
function samplerOf(
  { rule, config }: ClassedConfig,
  schedule: NoiseSchedule,
): Pick<ForeignScheduler, 'settings' | 'stepList' | 'timesOf'> {
  const { sampler } = rule
  const { takes } = samplerNamed(sampler)
  const has = (field: SchedulerField) => rule.fields.includes(field)
  // A threshold that is 1 for every image is plain clipping, whatever clip_sample says.
  const clipsAtOne = has('thresholding') && config.thresholding && config.sample_max_value === 1
  const clips = clipsAtOne || (rule.clipSample !== null && (config.clip_sample ?? rule.clipSample))
  const range = clipsAtOne ? 1 : config.clip_sample_range
  const settings = samplerSettings({
    sampler,
    eta: rule.eta,
    clip: clips ? [-range, range] : null,
    variance: takes.includes('variance') && config.variance_type?.startsWith('fixed_large') ? 'large' : 'small',
  })
  const spacing = spacingOf({ rule, config })
  const skipped = has('lambda_min_clipped')
    ? schedule.logSnr.filter((value) => value / 2 < config.lambda_min_clipped).length
    : 0
  const times = {
    spacing,
    inner: rule.inner,
    offset: has('steps_offset') ? config.steps_offset : 0,
    timesteps: schedule.timesteps,
    skipped,
  }
  return {
    settings,
    stepList: skipped > 0 ? `${spacing}-clipped` : spacing,
    timesOf: (steps) => classTimes(times, steps),
  }
}

function parsed<S extends z.ZodType>(schema: S, json: unknown, name: string): z.output<S> {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const { path, message } = result.error.issues[0]
  throw inputError('scheduler.invalid', `${name}: ${path.join('.')}: ${message}`)
}

/** What is thrown inside names the file. */
function named<T>(name: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    throw inputError(error.code, `${name}: ${error.message}`, { cause: error })
  }
}

/** JSON as Python writes it: -Infinity stands for "no bound"; NaN, which is no number, becomes a word. */
export function jsonOf(text: string, name: string): unknown {
  const infinite: Readonly<Record<string, string>> = { Infinity: '1e999', '-Infinity': '-1e999', NaN: '"NaN"' }
  const plain = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) => infinite[token] ?? token)
  try {
    return parseJson(plain, { infinities: true })
  } catch (error) {
    throw inputError('scheduler.json', `${name} must hold JSON: ${(error as Error).message}`, { cause: error })
  }
}
