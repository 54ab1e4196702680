/** diffusers' FlowMatchEulerDiscreteScheduler and FlowMatchHeunDiscreteScheduler: flows, told T sigma. */
import { z } from 'zod'
import { inputError, MOST } from '../../base/index.ts'
import type { ClassPlan } from '../samplers/classPlan.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { flowSchedule } from '../schedules/flowSchedule.ts'
import { flowLevelOf } from '../schedules/level.ts'
import type { ClassLevels, ClassRequest } from './classPlanOf.ts'
import type { Respacing } from './classSigmas.ts'
import { flowSigmas, muOfTokens } from './flowSigmas.ts'
import type { ForeignScheduler } from './foreignScheduler.ts'
import { FLOW_CLASSES } from './schedulerClasses.ts'
import { named, parsed } from './schedulerJson.ts'

const flag = z.boolean().nullable().default(false)

const flowSchema = z.looseObject({
  num_train_timesteps: z
    .int()
    .min(1)
    .max(MOST.timesteps - 1)
    .default(1000),
  shift: z.number().positive().default(1),
  use_dynamic_shifting: flag,
  base_shift: z.number().nullable().default(0.5),
  max_shift: z.number().nullable().default(1.15),
  base_image_seq_len: z.number().default(256),
  max_image_seq_len: z.number().default(4096),
  invert_sigmas: flag,
  shift_terminal: z.number().lt(1).nullable().default(null),
  use_karras_sigmas: flag,
  use_exponential_sigmas: flag,
  use_beta_sigmas: flag,
  time_shift_type: z.enum(['exponential', 'linear']).default('exponential'),
  stochastic_sampling: flag,
})

type FlowConfig = z.output<typeof flowSchema>

/** The fields that FlowMatchHeun has; the others are none of its. */
const HEUN_FIELDS = ['num_train_timesteps', 'shift']

/**
 * Reads the config of a flow class.
 * @throws `scheduler.invalid`, `scheduler.unsupported`
 */
export function readFlow(
  json: Record<string, unknown>,
  className: keyof typeof FLOW_CLASSES,
  name: string,
): ForeignScheduler {
  const heun = FLOW_CLASSES[className] === 'flow-heun'
  const own = Object.entries(json).filter(([key]) => !heun || HEUN_FIELDS.includes(key))
  const config = parsed(flowSchema, Object.fromEntries(own), name)
  checkFlow(config, className, name)
  const levelsOf = (request: ClassRequest) => named(name, () => flowClassLevels(config, className, request))
  return {
    schedule: flowSchedule(config.num_train_timesteps),
    prediction: 'velocity',
    learnedVariance: false,
    // Euler's step on a flow is DDIM's, with the noise of x0Hat.
    settings: samplerSettings({ sampler: 'ddim', clip: null, clippedNoise: 'recompute' }),
    stepList: 'linspace',
    timesOf: (steps) => levelsOf({ steps }).told,
    levelsOf,
    planOf(request): ClassPlan {
      const { levels, told, final } = levelsOf(request)
      return {
        className,
        prediction: 'velocity',
        levels,
        told,
        to: levels.map((_, i) => levels[i + 1] ?? final),
        clean: { clip: null, threshold: null },
        solver: heun ? { kind: 'flow-heun' } : { kind: 'flow-euler', stochastic: config.stochastic_sampling === true },
        startScale: 1,
        scaled: false,
      }
    },
    className,
    notes: flowNotes(json, config, className),
  }
}

const RESPACINGS = [
  ['use_karras_sigmas', 'karras'],
  ['use_exponential_sigmas', 'exponential'],
  ['use_beta_sigmas', 'beta'],
] as const

function checkFlow(config: FlowConfig, className: string, name: string): void {
  const several = RESPACINGS.flatMap(([field]) => (config[field] ? [field] : []))
  const wrong = [
    [several.length > 1, `at most one of ${several.join(', ')} may be true: ${className} raises`],
    [config.invert_sigmas === true, 'invert_sigmas is true: it goes from images to noise; set it to false'],
    [
      config.use_dynamic_shifting === true && (config.base_shift === null || config.max_shift === null),
      'use_dynamic_shifting needs base_shift and max_shift, got null; give both, or set it to false',
    ],
  ].find(([is]) => is)
  if (wrong) throw inputError('scheduler.unsupported', `${name}: ${wrong[1]}`)
}

/** @throws `steps.count`, `scheduler.shift` where the size of the image that the shift is of is not known */
function flowClassLevels(config: FlowConfig, className: string, request: ClassRequest): ClassLevels {
  const { num_train_timesteps: T, shift, shift_terminal } = config
  const asked = request.sigmas ?? request.steps ?? 0
  if (typeof asked === 'number' && !(Number.isInteger(asked) && asked >= 1 && asked <= T)) {
    throw inputError('steps.count', `${className} takes 1 to ${T} steps, got ${asked}`)
  }
  const respacing: Respacing | null = RESPACINGS.find(([field]) => config[field])?.[1] ?? null
  const dynamic = config.use_dynamic_shifting
    ? { mu: muOf(config, className, request), type: config.time_shift_type }
    : null
  // 0 is none, as in Python.
  const sigmas = flowSigmas({ timesteps: T, shift, dynamic, terminal: shift_terminal || null, respacing }, asked)
  return { levels: sigmas.map(flowLevelOf), told: sigmas.map((sigma) => Math.fround(sigma) * T), final: null }
}

function muOf(config: FlowConfig, className: string, { mu, tokens }: ClassRequest): number {
  if (mu !== undefined) return mu
  const { base_shift: low, max_shift: high, base_image_seq_len: few, max_image_seq_len: many } = config
  if (tokens === undefined || low === null || high === null) {
    const rule = `${className} with use_dynamic_shifting shifts by the size of the image`
    throw inputError(
      'scheduler.shift',
      `${rule}, which is not given; give tokens (--tokens 4096 of convert and show) or mu, or write shift into the file`,
    )
  }
  return muOfTokens(tokens, { base: [few, low], max: [many, high] })
}

function flowNotes(json: Record<string, unknown>, config: FlowConfig, className: string): string[] {
  const known =
    FLOW_CLASSES[className as keyof typeof FLOW_CLASSES] === 'flow-heun' ? HEUN_FIELDS : Object.keys(flowSchema.shape)
  const unknown = Object.keys(json).filter((key) => !key.startsWith('_') && !known.includes(key))
  const heun = className === 'FlowMatchHeunDiscreteScheduler'
  return [
    `${className} is a flow: x = (1 - sigma) x0 + sigma eps, the network predicts eps - x0 and is told ${config.num_train_timesteps} sigma`,
    ...(heun ? [`${className} takes steps of Heun, --sampler own does; the default is Euler`] : []),
    ...(config.stochastic_sampling ? ['stochastic_sampling is left out by the default, --sampler own has it'] : []),
    ...(config.use_dynamic_shifting ? ['the shift is that of the size of the image, in patches of 2 x 2'] : []),
    ...(unknown.length > 0 ? [`what ${className} does not have is left out: ${unknown.join(', ')}`] : []),
  ]
}
