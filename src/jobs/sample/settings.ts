/** Settings of sampling from a model. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import type { SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import { defaultsOf, setting } from '../../tuners/index.ts'
import { dataShape } from '../opening/dataSettings.ts'
import { checkpointingSetting, rewardTimeoutSetting, samplingShape } from '../opening/settings.ts'

export const sampleSchema = z.strictObject({
  ...samplingShape,
  guidance: setting(z.string().min(1).nullable(), {
    group: 'Sampling',
    description:
      "a guidance.json of bilevel entropy, which decides sampler and schedule; its runs bring their own, unless 'none'",
    default: null,
  }),
  count: setting(z.int().min(1).max(MOST.images), { group: 'Sampling', description: 'number of images', default: 100 }),
  seed: setting(z.int().min(0), {
    group: 'Sampling',
    description: 'seed of start noise and sampler noise',
    default: 0,
  }),
  data: setting(z.string().min(1).nullable(), {
    group: 'Data and model',
    description:
      "pictures like the model's, as for evaluate, that its convention is measured on before it is used; none: only what noise alone tells",
    default: null,
  }),
  ...dataShape,
  print: setting(z.enum(['python']).nullable(), {
    group: 'Sampling',
    description:
      'draw nothing, and print code that samples so with diffusers: python; from start noise of its own, so the images are others',
    default: null,
  }),
  gradientCheckpointing: checkpointingSetting,
  rewardTimeout: rewardTimeoutSetting,
})
export type SampleConfig = z.output<typeof sampleSchema>

export const SAMPLE_GROUPS = ['Sampling', 'Data and model', 'Running'] as const

/** @throws `config.unknownKey`, `config.invalid` */
export const resolveSampleConfig = (layers: readonly SettingsLayer[]): SampleConfig =>
  resolveSettings(sampleSchema, [{ source: 'the defaults', values: defaultsOf(sampleSchema.shape) }, ...layers])
