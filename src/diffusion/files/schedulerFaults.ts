/**
 * Settings with which the real class of diffusers 0.42.1 raises, or gives NaN: such a file is refused, with what the class does. Each was tried
 * on the class itself.
 */
import type { SchedulerField } from './schedulerClasses.ts'
import type { ClassedConfig } from './schedulerConfig.ts'
import { respacingOf } from './schedulerConfig.ts'

/** What is wrong and what to do, as the end of a sentence; null: nothing is. */
export function schedulerFault(classed: ClassedConfig): string | null {
  return [...common(classed), ...(OF_STEPS[classed.rule.steps ?? 'other'] ?? [])].reduce<string | null>(
    (found, fault) => found ?? fault(classed),
    null,
  )
}

type Fault = (classed: ClassedConfig) => string | null

const oneOf = (field: string, came: string, known: readonly string[]): string | null =>
  known.includes(came) ? null : `${field} must be ${known.slice(0, -1).join(', ')} or ${known.at(-1)}, got ${came}`

const common = ({ name }: ClassedConfig): Fault[] => [
  ({ rule, config }) => {
    if (config._class_name === undefined || config.trained_betas) return null
    const known = ['linear', 'scaled_linear', 'squaredcos_cap_v2', ...rule.betaSchedules]
    const fault = oneOf('beta_schedule', config.beta_schedule, known)
    return fault && `${fault}: ${name} raises; name the class that it was trained with, or give trained_betas`
  },
  ({ rule, config: { prediction_type } }) => {
    const sample = prediction_type === 'sample' && !rule.takesSample
    return sample
      ? `prediction_type must be epsilon or v_prediction, got sample: ${name} raises in its first step; take another class`
      : null
  },
  ({ rule, config }) => {
    const spacings = (['use_karras_sigmas', 'use_exponential_sigmas', 'use_beta_sigmas'] as const).filter(
      (field) => rule.fields.includes(field) && config[field],
    )
    return spacings.length > 1 ? `at most one of ${spacings.join(', ')} may be true: ${name} raises` : null
  },
  ({ rule, config }) =>
    rule.fields.includes('final_sigmas_type')
      ? oneOf('final_sigmas_type', config.final_sigmas_type, ['zero', 'sigma_min'])
      : null,
  ({ rule, config }) => {
    const has = (field: SchedulerField) => rule.fields.includes(field)
    if (!has('thresholding') || !config.thresholding) return null
    const ratio = config.dynamic_thresholding_ratio
    const fine = typeof ratio === 'number' && ratio >= 0 && ratio <= 1
    return fine ? null : `dynamic_thresholding_ratio must lie in [0, 1] with thresholding, got ${ratio}`
  },
]

const NO_CLEAN_END = 'take final_sigmas_type sigma_min'

const OF_STEPS: Readonly<Record<string, readonly Fault[]>> = {
  ddpm: [
    ({ name, config: { variance_type } }) =>
      variance_type === 'fixed_large_log'
        ? `variance_type is fixed_large_log, whose root of a logarithm below 0 is NaN in ${name}; take fixed_large`
        : null,
    ({ config: { variance_type } }) =>
      oneOf('variance_type', variance_type ?? 'fixed_small', [
        'fixed_small',
        'fixed_small_log',
        'fixed_large',
        'learned',
        'learned_range',
      ]),
  ],
  euler: [
    ({ rule, config }) =>
      rule.fields.includes('interpolation_type')
        ? oneOf('interpolation_type', config.interpolation_type, ['linear', 'log_linear'])
        : null,
  ],
  dpm: [
    ({ config }) =>
      oneOf('algorithm_type', config.algorithm_type, [
        'dpmsolver++',
        'dpmsolver',
        'sde-dpmsolver',
        'sde-dpmsolver++',
        'deis',
      ]),
    ({ config }) => oneOf('solver_type', config.solver_type, ['midpoint', 'heun', 'logrho', 'bh1', 'bh2']),
    ({ name, config: { algorithm_type: algorithm, final_sigmas_type: final } }) =>
      !algorithm.endsWith('++') && algorithm !== 'deis' && final === 'zero'
        ? `algorithm_type ${algorithm} cannot end at sigma 0: ${name} raises; ${NO_CLEAN_END}`
        : null,
    ({ name, config: { algorithm_type: algorithm, solver_order: order } }) =>
      algorithm === 'sde-dpmsolver' && order > 2
        ? `solver_order is ${order}: ${name} has no sde-dpmsolver of order 3 and raises; take 2`
        : null,
    (classed) =>
      classed.config.use_flow_sigmas && respacingOf(classed)
        ? `use_flow_sigmas does not go with ${respacingOf(classed)} sigmas: ${classed.name} ends in NaN; set one to false`
        : null,
    ({ config: { use_dynamic_shifting } }) =>
      use_dynamic_shifting ? 'use_dynamic_shifting needs mu, which is in no file; set flow_shift to e^mu' : null,
  ],
  unipc: [
    ({ config }) => oneOf('solver_type', config.solver_type, ['bh2', 'bh1', 'midpoint', 'heun', 'logrho']),
    ({ name, config }) => {
      if (config.final_sigmas_type !== 'zero') return null
      const wrong = [
        [config.solver_type === 'bh1', 'solver_type is bh1'],
        [!config.predict_x0, 'predict_x0 is false'],
        [!config.lower_order_final && config.solver_order > 1, 'lower_order_final is false'],
      ].find(([is]) => is)
      return wrong ? `${wrong[1]}: ${name} ends in NaN at sigma 0; ${NO_CLEAN_END}` : null
    },
    ({ name, config }) =>
      config.solver_p != null ? `solver_p must be null: another class in ${name} is not read` : null,
    ({ name, config }) =>
      config.shift_terminal !== undefined && !config.use_flow_sigmas
        ? `shift_terminal is ${config.shift_terminal} without use_flow_sigmas: ${name} raises; leave it out`
        : null,
    (classed) => {
      const respacing = respacingOf(classed)
      return classed.config.use_flow_sigmas && respacing && respacing !== 'karras'
        ? `use_flow_sigmas does not go with ${respacing} sigmas, which are no sigmas of a flow; set one to false`
        : null
    },
    ({ name, config }) =>
      config.use_dynamic_shifting && config.time_shift_type !== undefined && config.time_shift_type !== 'exponential'
        ? `time_shift_type must be exponential in ${name}, got ${config.time_shift_type}`
        : null,
  ],
}
