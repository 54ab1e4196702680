/** What a scheduler config says that is assumed, or that the samplers here do otherwise: a sentence each. */
import type { SamplerName } from '../samplers/samplers.ts'
import { DEFAULT_SAMPLER, samplerNamed } from '../samplers/samplers.ts'
import { OWN_SAMPLER } from './foreignScheduler.ts'
import type { FileSpacing, SchedulerField } from './schedulerClasses.ts'
import { isSchedulerField } from './schedulerClasses.ts'
import type { ClassedConfig } from './schedulerConfig.ts'

/** A sentence where something holds. */
type Said = readonly [boolean, string]
const saidOf = (all: readonly Said[]): string[] => all.flatMap(([holds, sentence]) => (holds ? [sentence] : []))

/** What was assumed in reading it. @param nulls fields that are null */
export function configNotes({ name, rule, config }: ClassedConfig, nulls: readonly string[]): string[] {
  const { _class_name, prediction_type, predict_epsilon } = config
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
      config.rescale_betas_zero_snr && rule.zeroSnr === null,
      `rescale_betas_zero_snr is left out: ${name} has no such field`,
    ],
  ])
}

/** What its own sampling does otherwise than the samplers here. */
export function classNotes({ name, rule, config }: ClassedConfig, spacing: FileSpacing): string[] {
  const has = (field: SchedulerField) => rule.fields.includes(field)
  const itself = rule.ownSteps === null
  const flow = has('use_flow_sigmas') && config.use_flow_sigmas
  const ddim = rule.eta === 1 ? 'DDIM at eta 1' : 'DDIM'
  const byDefault = rule.sampler === DEFAULT_SAMPLER
  const { alphaToOne } = rule
  const keepsLast = alphaToOne !== null && !(config.set_alpha_to_one ?? alphaToOne)
  return [
    ...saidOf([
      [
        !itself && rule.steps !== null,
        `${name} takes ${rule.ownSteps}, as --sampler ${OWN_SAMPLER} does: the default is ${ddim}`,
      ],
      [
        !itself && rule.steps === null,
        `${name} takes ${rule.ownSteps}, which no sampler here does: the default is ${ddim}`,
      ],
      [
        flow,
        `use_flow_sigmas: x = (1 - sigma) x0 + sigma eps, told ${config.num_train_timesteps} sigma, cut to an integer`,
      ],
      [itself && rule.realTimes && byDefault, `${name} takes the steps of ${ddim}, which is the default here`],
      [
        name.startsWith('DDIM') && spacing === 'linspace',
        `${name} steps from t to t - T // N; here a step goes to the next time of the list`,
      ],
      [has('thresholding') && config.thresholding && config.sample_max_value !== 1, 'dynamic thresholding is left out'],
      [keepsLast, 'set_alpha_to_one is taken as true: the last step returns x0Hat'],
      [
        has('final_sigmas_type') && config.final_sigmas_type !== 'zero',
        `final_sigmas_type ${config.final_sigmas_type} is taken as zero: the last step returns x0Hat`,
      ],
    ]),
    ...(rule.solver ? SOLVER_NOTES[rule.sampler === 'unipc' ? 'unipc' : 'dpm'](config) : []),
    ...(has('variance_type') ? varianceNotes(rule, config) : []),
  ]
}

/** The sampler of a class that has several solvers: which of them a config names, or the nearest one here. */
export const samplerOfSolver = (
  { sampler, solver }: ClassedConfig['rule'],
  config: ClassedConfig['config'],
): SamplerName =>
  solver && sampler === 'dpm-solver++' && config.algorithm_type.startsWith('sde') ? 'sde-dpm-solver++' : sampler

/** Solvers' own fields. Deis, logrho, bh1 and bh2 are left by other classes, and the class replaces them by what is here. */
const SOLVER_NOTES: Readonly<Record<'dpm' | 'unipc', (config: ClassedConfig['config']) => string[]>> = {
  dpm: ({ algorithm_type, solver_order, solver_type }) => {
    const taken = algorithm_type.startsWith('sde') ? 'sde-dpmsolver++' : 'dpmsolver++'
    return saidOf([
      [![taken, 'deis'].includes(algorithm_type), `algorithm_type ${algorithm_type} is sampled as ${taken}`],
      [solver_order !== 2 || solver_type === 'heun', 'the solver is of order 2, midpoint'],
    ])
  },
  unipc: ({ solver_order, solver_type, predict_x0, disable_corrector }) =>
    saidOf([
      [
        solver_order !== 2 || solver_type === 'bh1' || predict_x0 === false || disable_corrector.length > 0,
        'the solver is of order 2, bh2, in the image, with a correction after every step',
      ],
    ]),
}

const FIXED = ['fixed_small', 'fixed_small_log', 'fixed_large', undefined]

function varianceNotes({ sampler }: ClassedConfig['rule'], { variance_type }: ClassedConfig['config']): string[] {
  if (FIXED.includes(variance_type)) return []
  const taken = samplerNamed(sampler).takes.includes('variance') ? 'taken as fixed_small' : 'left out'
  const half = ': of a network with twice the channels of an image the first half is the prediction'
  return [`variance_type ${variance_type} is ${taken}${variance_type?.startsWith('learned') ? half : ''}`]
}
