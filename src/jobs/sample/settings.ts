/** Settings of sampling from a model. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import { MODULE_TIMEOUT } from '../../rewards/index.ts'
import type { SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import { rewardTimeoutSetting, SAMPLING_DEFAULTS, samplingShape } from '../opening/settings.ts'

const said = (group: string, description: string) => ({ group, description })

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
  rewardTimeout: rewardTimeoutSetting,
})
export type SampleConfig = z.output<typeof sampleSchema>

export const SAMPLE_GROUPS = ['Sampling', 'Data and model', 'Running'] as const

const DEFAULTS = { ...SAMPLING_DEFAULTS, guidance: null, count: 100, seed: 0, rewardTimeout: MODULE_TIMEOUT }

/** @throws `config.unknownKey`, `config.invalid` */
export const resolveSampleConfig = (layers: readonly SettingsLayer[]): SampleConfig =>
  resolveSettings(sampleSchema, [{ source: 'the defaults', values: DEFAULTS }, ...layers])
