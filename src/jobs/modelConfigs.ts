/** Settings of sampling from a model and of evaluating one: schemas from which the flags of `bilevel sample` and `bilevel evaluate` are made. */

import { z } from 'zod'
import { MOST } from '../base/index.ts'
import { DEFAULT_SAMPLER, SAMPLER_NAMES, STEP_LISTS } from '../diffusion/index.ts'
import { MODULE_TIMEOUT } from '../rewards/index.ts'
import type { Settings, SettingsLayer } from '../runs/index.ts'
import { resolveSettings } from '../runs/index.ts'
import { scheduleSchema } from './schedule/settings.ts'

const said = (group: string, description: string) => ({ group, description })

/** How a model is opened and sampled. */
const samplingShape = {
  schedule: z
    .string()
    .min(1)
    .nullable()
    .meta(
      said(
        'Sampling',
        "'default', a learned schedule of the model by name (dpm-solver++-10), a family with parameters (cosine:tau=1.4), or a sampling_schedule.json; none: the learned one that fits, else the default",
      ),
    ),
  sampler: z
    .enum(SAMPLER_NAMES)
    .nullable()
    .meta(said('Sampling', `sampler; none: the schedule's, by default ${DEFAULT_SAMPLER}`)),
  steps: z
    .int()
    .min(1)
    .max(MOST.timesteps)
    .nullable()
    .meta(said('Sampling', "sampling steps; none: the schedule's, by default 50")),
  stepList: z
    .enum(STEP_LISTS)
    .nullable()
    .meta(
      said(
        'Sampling',
        "times of the default schedule, or Karras' levels told as their times; none: those of the model's scheduler",
      ),
    ),
  side: z
    .enum(['learned', 'default'])
    .nullable()
    .meta(
      said(
        'Sampling',
        "of a run that trained its network: the learned side's, or the default side's, which trained on by what tuning cost; none: the default side's for the default schedule, else the learned side's",
      ),
    ),
  eta: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .meta(said('Sampling', "ddim: 0 deterministic to 1 ancestral; none: the schedule's")),
  class: z
    .union([z.int().min(0).max(MOST.classes), z.literal('unconditional')])
    .nullable()
    .meta(said('Sampling', "class of all images, or 'unconditional'; none: the classes in turn")),
  scheduler: scheduleSchema.shape.scheduler,
  weightsPrefix: scheduleSchema.shape.weightsPrefix,
  timeScale: scheduleSchema.shape.timeScale,
  size: z
    .int()
    .min(1)
    .max(MOST.side)
    .nullable()
    .meta(said('Data and model', 'side of the images of an ONNX model that leaves it open')),
  chunk: scheduleSchema.shape.chunk,
  device: scheduleSchema.shape.device,
}

export const sampleSchema = z.strictObject({
  ...samplingShape,
  guidance: z
    .string()
    .min(1)
    .nullable()
    .meta(
      said(
        'Sampling',
        "a guidance.json of bilevel entropy, which decides sampler and schedule; its runs bring their own, unless 'none'",
      ),
    ),
  count: z.int().min(1).max(MOST.images).meta(said('Sampling', 'number of images')),
  seed: z.int().min(0).meta(said('Sampling', 'seed of start noise and sampler noise')),
  rewardTimeout: z
    .number()
    .positive()
    .nullable()
    .meta(
      said('Running', 'seconds that a reward in JavaScript may take for loading and for each call; none: no limit'),
    ),
})
export type SampleConfig = z.output<typeof sampleSchema>
/** The part of the settings that both commands share. */
export type SamplingConfig = Omit<SampleConfig, 'count' | 'seed' | 'guidance' | 'side' | 'rewardTimeout'>

export const evaluateSchema = z.strictObject({
  ...samplingShape,
  data: scheduleSchema.shape.data,
  features: scheduleSchema.shape.features,
  featuresOutput: scheduleSchema.shape.featuresOutput,
  featuresRange: scheduleSchema.shape.featuresRange,
  judge: scheduleSchema.shape.judge,
  samples: z.int().min(1).max(MOST.images).meta(said('Measuring', 'images a sampling seed')),
  seeds: z.array(z.int().min(0)).min(1).max(MOST.seeds).meta(said('Measuring', 'sampling seeds')),
})
export type EvaluateConfig = z.output<typeof evaluateSchema>

export const SAMPLE_GROUPS = ['Sampling', 'Data and model', 'Running'] as const
export const EVALUATE_GROUPS = ['Sampling', 'Data and model', 'Measuring', 'Running'] as const

const SAMPLING_DEFAULTS = {
  schedule: null,
  sampler: null,
  steps: null,
  stepList: null,
  side: null,
  eta: null,
  class: null,
  scheduler: null,
  weightsPrefix: null,
  timeScale: 1,
  size: null,
  chunk: 64,
  device: 'auto',
}

const EVALUATE_DEFAULTS = {
  ...SAMPLING_DEFAULTS,
  data: 'digits',
  features: 'auto',
  featuresOutput: null,
  featuresRange: null,
  judge: 'auto',
  samples: 1000,
  seeds: [11, 12, 13],
}

/** @throws `config.unknownKey`, `config.invalid` */
export function resolveSampleConfig(layers: readonly SettingsLayer[]): SampleConfig {
  const values = { ...SAMPLING_DEFAULTS, guidance: null, count: 100, seed: 0, rewardTimeout: MODULE_TIMEOUT }
  return resolveSettings(sampleSchema, [{ source: 'the defaults', values }, ...layers])
}

/** @throws `config.unknownKey`, `config.invalid` */
export function resolveEvaluateConfig(layers: readonly SettingsLayer[]): EvaluateConfig {
  return resolveSettings(evaluateSchema, [{ source: 'the defaults', values: EVALUATE_DEFAULTS }, ...layers])
}

/** What a run measured with, as a layer under what is asked for: the same images give the numbers of its own table. */
export function evaluateLayerOf(run: string, config: Settings): SettingsLayer {
  const keys = ['data', 'features', 'featuresOutput', 'featuresRange', 'judge', 'chunk'] as const
  // The judge of an entropy strength is a reward; the network that judges has a name of its own there.
  const own = 'judgeNetwork' in config ? { ...config, judge: config.judgeNetwork } : config
  const values = Object.fromEntries(keys.map((key) => [key, own[key] ?? undefined]))
  const { evaluationSamples: samples, samplingSeeds: seeds } = config
  return { source: run, values: { ...values, samples, seeds } }
}
