/** What a scheduler config says that is assumed, or that the samplers here do otherwise: a sentence each. */
import { DEFAULT_SAMPLER, samplerNamed } from '../samplers/samplers.ts'
import type { FileSpacing, SchedulerField } from './schedulerClasses.ts'
import { isSchedulerField } from './schedulerClasses.ts'
import type { ClassedConfig } from './schedulerConfig.ts'

/** A sentence where something holds. */
type Said = readonly [boolean, string]
const saidOf = (all: readonly Said[]): string[] => all.flatMap(([holds, sentence]) => (holds ? [sentence] : []))

/** What was assumed in reading it. @param nulls fields that are null */
export function configNotes({ name, rule, config }: ClassedConfig, nulls: readonly string[]): string[] {
  const { _class_name, trained_betas, beta_schedule, prediction_type, predict_epsilon } = config
  const schedules = ['linear', 'scaled_linear', 'squaredcos_cap_v2', ...rule.betaSchedules]
  const unknown = Object.keys(config).filter((key) => !key.startsWith('_') && !isSchedulerField(key))
  return saidOf([
    [_class_name === undefined, `the scheduler has no _class_name: it is read as a ${name}`],
    [nulls.length > 0, `null is taken as the default of ${name}: ${nulls.join(', ')}`],
    [unknown.length > 0, `what no scheduler has is left out: ${unknown.join(', ')}`],
    [
      prediction_type === undefined && predict_epsilon === false,
      'predict_epsilon false is taken as prediction_type sample',
    ],
    [
      !trained_betas && !schedules.includes(beta_schedule),
      `beta_schedule ${beta_schedule} is read, though ${name} itself has none of that name`,
    ],
    [
      config.rescale_betas_zero_snr && rule.zeroSnr === null,
      `rescale_betas_zero_snr is left out: ${name} has no such field`,
    ],
  ])
}

/** What its own sampling does otherwise than the samplers here. */
export function classNotes({ name, rule, config }: ClassedConfig, spacing: FileSpacing): string[] {
  const has = (field: SchedulerField) => rule.fields.includes(field)
  const itself = rule.ownSteps === null
  const ddim = rule.eta === 1 ? 'DDIM at eta 1' : 'DDIM'
  const byDefault = rule.sampler === DEFAULT_SAMPLER
  const leftOut = (
    ['use_karras_sigmas', 'use_exponential_sigmas', 'use_beta_sigmas', 'use_lu_lambdas'] as const
  ).filter((field) => has(field) && config[field])
  const { alphaToOne } = rule
  const keepsLast = alphaToOne !== null && !(config.set_alpha_to_one ?? alphaToOne)
  return [
    ...saidOf([
      [!itself, `${name} takes ${rule.ownSteps}, which no sampler here does: the default is ${ddim}`],
      [itself && rule.realTimes && byDefault, `${name} takes the steps of ${ddim}, which is the default here`],
      [rule.realTimes && spacing === 'linspace', 'its real-valued times are rounded'],
      [
        name.startsWith('DDIM') && spacing === 'linspace',
        `${name} steps from t to t - T // N; here a step goes to the next time of the list`,
      ],
      ...leftOut.map((field) => [true, `${field} is left out: the times are ${spacing}`] as const),
      [has('thresholding') && config.thresholding && config.sample_max_value !== 1, 'dynamic thresholding is left out'],
      [keepsLast, 'set_alpha_to_one is taken as true: the last step returns x0Hat'],
      [
        has('interpolation_type') && config.interpolation_type !== 'linear',
        `interpolation_type ${config.interpolation_type} is left out`,
      ],
      [
        has('final_sigmas_type') && config.final_sigmas_type !== 'zero',
        `final_sigmas_type ${config.final_sigmas_type} is taken as zero: the last step returns x0Hat`,
      ],
    ]),
    ...(rule.solver ? solverNotes(config) : []),
    ...(has('variance_type') ? varianceNotes(rule, config) : []),
  ]
}

/** DPM-Solver's own fields. Deis, logrho, bh1 and bh2 are left by other classes, and the class replaces them by what is here. */
function solverNotes({ algorithm_type, solver_order, solver_type }: ClassedConfig['config']): string[] {
  return saidOf([
    [!['dpmsolver++', 'deis'].includes(algorithm_type), `algorithm_type ${algorithm_type} is sampled as dpmsolver++`],
    [solver_order !== 2 || solver_type === 'heun', 'the solver is of order 2, midpoint'],
  ])
}

const FIXED = ['fixed_small', 'fixed_small_log', 'fixed_large', undefined]

function varianceNotes({ sampler }: ClassedConfig['rule'], { variance_type }: ClassedConfig['config']): string[] {
  if (FIXED.includes(variance_type)) return []
  if (variance_type === 'fixed_large_log') return ['variance_type fixed_large_log is taken as fixed_large']
  const taken = samplerNamed(sampler).takes.includes('variance') ? 'taken as fixed_small' : 'left out'
  const half = ': of a network with twice the channels of an image the first half is the prediction'
  return [`variance_type ${variance_type} is ${taken}${variance_type?.startsWith('learned') ? half : ''}`]
}
