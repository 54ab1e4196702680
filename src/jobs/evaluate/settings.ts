/** Settings of measuring a model's images. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import type { Settings, SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import {
  dataSetting,
  MEASURING_DEFAULTS,
  measuringShape,
  SAMPLING_DEFAULTS,
  samplingShape,
} from '../opening/settings.ts'

const said = (group: string, description: string) => ({ group, description })

export const evaluateSchema = z.strictObject({
  ...samplingShape,
  data: dataSetting,
  ...measuringShape,
  samples: z.int().min(1).max(MOST.images).meta(said('Measuring', 'images a sampling seed')),
  seeds: z.array(z.int().min(0)).min(1).max(MOST.seeds).meta(said('Measuring', 'sampling seeds')),
})
export type EvaluateConfig = z.output<typeof evaluateSchema>

export const EVALUATE_GROUPS = ['Sampling', 'Data and model', 'Measuring', 'Running'] as const

const DEFAULTS = { ...SAMPLING_DEFAULTS, data: 'digits', ...MEASURING_DEFAULTS, samples: 1000, seeds: [11, 12, 13] }

/** @throws `config.unknownKey`, `config.invalid` */
export const resolveEvaluateConfig = (layers: readonly SettingsLayer[]): EvaluateConfig =>
  resolveSettings(evaluateSchema, [{ source: 'the defaults', values: DEFAULTS }, ...layers])

/** What a run measured with, as a layer under what is asked for: the same images give the numbers of its own table. */
export function evaluateLayerOf(run: string, config: Settings): SettingsLayer {
  const keys = ['data', 'features', 'featuresOutput', 'featuresRange', 'judge', 'chunk'] as const
  // The judge of an entropy strength is a reward; the network that judges has a name of its own there.
  const own = 'judgeNetwork' in config ? { ...config, judge: config.judgeNetwork } : config
  const values = Object.fromEntries(keys.map((key) => [key, own[key] ?? undefined]))
  const { evaluationSamples: samples, samplingSeeds: seeds } = config
  return { source: run, values: { ...values, samples, seeds } }
}
