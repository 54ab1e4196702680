/**
 * Reads other people's schedules: diffusers' `scheduler_config.json`, plain {"betas": [...]}, and {"alphas_cumprod" | "acp" | "abars": [...]} as
 * demos in browsers ship them. Gives the noise schedule, what
 * the network predicts, and the sampler that the config describes, as far as the samplers here have it; what they do otherwise is
 * said in `notes`; `planOf` is what its class does by itself. A class or field that makes something else of it than T betas or a flow (sigmas,
 * tokens) is refused by name.
 */
import { z } from 'zod'
import { inputError, MOST } from '../../base/index.ts'
import type { Prediction } from '../denoiser.ts'
import { samplerNamed } from '../samplers/samplers.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { BETA_SCHEDULES } from '../schedules/betaSchedules.ts'
import { flowSchedule } from '../schedules/flowSchedule.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import { noiseScheduleFromBetas, withZeroTerminalSnr } from '../schedules/noiseSchedule.ts'
import { stepList } from '../schedules/stepList.ts'
import type { ReadConfig } from './classPlanOf.ts'
import { classLevels, classPlanOf } from './classPlanOf.ts'
import { readFlow } from './flowScheduler.ts'
import type { ForeignScheduler } from './foreignScheduler.ts'
import type { FileSpacing, SchedulerClass, SchedulerField } from './schedulerClasses.ts'
import { isFlowClass, otherClassWords, SCHEDULER_CLASSES } from './schedulerClasses.ts'
import type { ClassedConfig, SchedulerConfigFields } from './schedulerConfig.ts'
import { configSchema, respacingOf } from './schedulerConfig.ts'
import { schedulerFault } from './schedulerFaults.ts'
import { jsonOf, named, parsed } from './schedulerJson.ts'
import { classNotes, configNotes, samplerOfSolver } from './schedulerNotes.ts'
import { classTimes } from './schedulerTimes.ts'

const PREDICTIONS: Readonly<Record<string, Prediction>> = {
  epsilon: 'noise',
  sample: 'sample',
  original_sample: 'sample',
  v_prediction: 'velocity',
  flow_prediction: 'velocity',
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
  const isObject = typeof json === 'object' && json !== null
  const plain = isObject ? plainSchedule(json as Record<string, unknown>, name) : null
  if (plain) return plain
  const known = ['_class_name', 'beta_schedule', 'trained_betas', 'num_train_timesteps']
  if (!isObject || !known.some((key) => key in json)) {
    const wanted = 'a diffusers scheduler_config.json, {"betas": [...]} or {"alphas_cumprod": [...]}'
    const others = ['betas', ...ALPHA_BARS].join(', ')
    throw inputError('scheduler.invalid', `${name} must be ${wanted}; it has none of ${known.join(', ')}, ${others}`)
  }
  if ('_class_name' in json && typeof json._class_name === 'string' && isFlowClass(json._class_name)) {
    return readFlow(json as Record<string, unknown>, json._class_name, name)
  }
  const { fields, nulls } = withoutNulls(json)
  const classed = classOf(fields, name)
  checkFamily(classed, name)
  const fault = schedulerFault(classed)
  if (fault !== null) throw inputError('scheduler.unsupported', `${name}: ${fault}`)
  const prediction = predictionOf(classed, name)
  const schedule = scheduleOf(classed, prediction, name)
  const spacing = spacingOf(classed)
  const skipped = skippedOf(classed, schedule)
  const read = { ...classed, schedule, prediction, spacing, skipped }
  const within = <T>(make: () => T): T => named(name, make)
  const flow = isFlow(classed)
  const { timesOf, ...sampler } = samplerOf(classed, schedule, skipped)
  return {
    schedule: flow ? flowSchedule(classed.config.num_train_timesteps) : schedule,
    prediction,
    ...(!('prediction_type' in fields || 'predict_epsilon' in fields) && { assumedPrediction: true }),
    learnedVariance:
      classed.rule.fields.includes('variance_type') && classed.config.variance_type?.startsWith('learned') === true,
    ...sampler,
    timesOf: flow ? (steps) => classLevels(read, { steps }).told : timesOf,
    levelsOf: hasOwnLevels(read) ? (request) => within(() => classLevels(read, request)) : null,
    planOf: (request) => within(() => classPlanOf(read, request)),
    className: classed.name,
    notes: [...configNotes(classed, nulls), ...classNotes(classed, spacing)],
  }
}

/** Whether its levels are other than those of whole training times. */
function hasOwnLevels({ rule, config, spacing, ...rest }: ReadConfig): boolean {
  const logLinear = rule.fields.includes('interpolation_type') && config.interpolation_type === 'log_linear'
  const between = rule.realTimes && spacing === 'linspace'
  return isFlow({ rule, config }) || respacingOf({ ...rest, rule, config }) !== null || logLinear || between
}

const isFlow = ({ rule, config }: Pick<ClassedConfig, 'rule' | 'config'>): boolean =>
  rule.fields.includes('use_flow_sigmas') && config.use_flow_sigmas

/** alphaBar under the names that demos in browsers give it. */
const ALPHA_BARS = ['alphas_cumprod', 'alphasCumprod', 'alpha_bars', 'abars', 'acp'] as const

/** {"betas": [...]}, or the same by its products; null: it is neither. */
function plainSchedule(json: Record<string, unknown>, name: string): ForeignScheduler | null {
  const numbers = z.array(z.number()).min(1).max(MOST.timesteps)
  if ('betas' in json) {
    const { betas } = parsed(z.looseObject({ betas: numbers }), json, name)
    return plainScheduler(
      named(name, () => noiseScheduleFromBetas(betas)),
      name,
      [],
    )
  }
  const key = ALPHA_BARS.find((one) => one in json)
  if (key === undefined || '_class_name' in json) return null
  const { [key]: alphaBar } = parsed(z.looseObject({ [key]: numbers }), json, name)
  const values = alphaBar as readonly number[]
  const wrong = values.findIndex((value, t) => !(value > 0 && value <= (values[t - 1] ?? 1)))
  if (wrong !== -1) {
    const rule = `${key} must fall, in (0, 1]`
    const came = `${values[wrong]} at index ${wrong}${wrong > 0 ? ` after ${values[wrong - 1]}` : ''}`
    throw inputError('scheduler.invalid', `${name}: ${rule}, got ${came}; write alphaBar, noisiest last`)
  }
  const schedule = named(name, () => noiseScheduleFromBetas(values.map((value, t) => 1 - value / (values[t - 1] ?? 1))))
  return plainScheduler(schedule, name, roundingNotes(key, values))
}

/** Said where alphaBar was rounded so far that a level is uncertain. */
function roundingNotes(key: string, values: readonly number[]): string[] {
  const digits = Math.max(...values.map((value) => (String(value).split('.')[1] ?? '').length))
  const least = values[values.length - 1]
  // Of half a unit in the last digit, in log(alphaBar / (1 - alphaBar)).
  const error = 0.5 * 10 ** -digits * Math.max(1 / least, 1 / (1 - values[0] || 1))
  if (!(error > 1e-3)) return []
  const same = values.filter((value, t) => value === values[t - 1]).length
  const equal = same > 0 ? `, ${same} of them ${same === 1 ? 'is' : 'are'} as the one before` : ''
  return [
    `${key} is rounded to ${digits} digits: log-SNRs at the ends are uncertain by ${error.toPrecision(2)}${equal}; write more digits if you can`,
  ]
}

function plainScheduler(schedule: NoiseSchedule, name: string, notes: readonly string[]): ForeignScheduler {
  return {
    schedule,
    prediction: 'noise',
    assumedPrediction: true,
    learnedVariance: false,
    settings: samplerSettings(),
    stepList: 'trailing',
    timesOf: (steps) => stepList('trailing', schedule, steps),
    levelsOf: null,
    planOf() {
      const rule = 'a scheduler samples by itself only where its file names a class'
      throw inputError('scheduler.own', `${name}: ${rule}, this one has levels alone; take one of the samplers`)
    },
    className: null,
    notes,
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
const MAY_BE_NULL = [
  ...['_class_name', 'trained_betas', 'variance_type', 'predict_epsilon', 'lambda_min_clipped'],
  ...['sigma_min', 'sigma_max', 'shift_terminal'],
]

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
function checkFamily({ config, rule, name: className }: ClassedConfig, name: string): void {
  const readsFlow = isFlow({ rule, config }) && rule.steps !== null
  const { prediction_type, timestep_type, snr_shift_scale } = config
  const flow = 'the network was trained as a flow'
  const sigmas = ['shift', 'base_shift', 'sigma_data', 'sigma_min', 'sigma_max'].find((key) => key in config)
  const changes: [boolean, string][] = [
    [config.use_flow_sigmas && !readsFlow, `use_flow_sigmas is true: ${flow}, with steps of ${className}`],
    [config.use_dynamic_shifting && !readsFlow, `use_dynamic_shifting is true: ${flow}`],
    [
      prediction_type === 'flow_prediction' && !readsFlow,
      `prediction_type is flow_prediction${rule.fields.includes('use_flow_sigmas') ? ' without use_flow_sigmas' : ''}: ${flow}`,
    ],
    [
      readsFlow && config.rescale_betas_zero_snr,
      'rescale_betas_zero_snr is true beside use_flow_sigmas: a flow has no betas',
    ],
    [
      readsFlow && prediction_type === 'v_prediction',
      'prediction_type is v_prediction beside use_flow_sigmas: the class mixes both; it should be flow_prediction',
    ],
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
  const holds = `a scheduler must give the betas that its network was trained on, but ${changed[1]}`
  throw inputError('scheduler.unsupported', `${name}: ${holds}, which is not read; take a model trained on betas`)
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

/** Noisiest training times that a class leaves out. */
function skippedOf({ rule, config }: ClassedConfig, { logSnr }: NoiseSchedule): number {
  if (!rule.fields.includes('lambda_min_clipped')) return 0
  return logSnr.filter((value) => value / 2 < config.lambda_min_clipped).length
}

/** The sampler and the times of a config. */
function samplerOf(
  { rule, config }: ClassedConfig,
  schedule: NoiseSchedule,
  skipped: number,
): Pick<ForeignScheduler, 'settings' | 'stepList' | 'timesOf'> {
  const sampler = samplerOfSolver(rule, config)
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
