/** Settings of measuring a model's images. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import type { Settings, SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import { defaultsOf, setting } from '../../tuners/index.ts'
import { dataSetting, dataShape, READING_KEYS } from '../opening/dataSettings.ts'
import type { RunRecord } from '../opening/runRecord.ts'
import { MEASURING_KEYS, measuringShape, samplingShape } from '../opening/settings.ts'

export const evaluateSchema = z.strictObject({
  ...samplingShape,
  data: dataSetting,
  ...dataShape,
  ...measuringShape,
  samples: setting(z.int().min(2).max(MOST.images), {
    group: 'Measuring',
    description: 'images a sampling seed',
    default: 1000,
  }),
  samplingSeeds: setting(z.array(z.int().min(0)).min(1).max(MOST.seeds), {
    group: 'Measuring',
    description: 'sampling seeds; --seeds is the same',
    default: [11, 12, 13],
    alias: 'seeds',
  }),
})
export type EvaluateConfig = z.output<typeof evaluateSchema>

export const EVALUATE_GROUPS = ['Sampling', 'Data and model', 'Measuring', 'Running'] as const

/** @throws `config.unknownKey`, `config.invalid` */
export const resolveEvaluateConfig = (layers: readonly SettingsLayer[]): EvaluateConfig =>
  resolveSettings(evaluateSchema, [{ source: 'the defaults', values: defaultsOf(evaluateSchema.shape) }, ...layers])

/** The network of an entropy strength's diversity; undefined: it had none, which images cannot be measured with. */
const measured = ({ features }: Settings) => (features === 'none' ? undefined : features)

/** What a run measured with, as a layer under what is asked for: the same images give the numbers of its own table. */
export function evaluateLayerOf(run: string, { command, settings }: RunRecord): SettingsLayer {
  const shared = ['data', ...READING_KEYS, ...MEASURING_KEYS, 'chunk'] as const
  // What an entropy strength was tuned for is guided, and not measured here.
  const keys = command === 'schedule' ? ([...shared, 'guidanceScale', 'class'] as const) : shared
  // The judge of an entropy strength is a reward; the network that judges has a name of its own there.
  const own =
    command === 'entropy' ? { ...settings, judge: settings.judgeNetwork, features: measured(settings) } : settings
  const values = Object.fromEntries(keys.map((key) => [key, own[key] ?? undefined]))
  const { evaluationSamples: samples, samplingSeeds } = settings
  return { source: run, values: { ...values, samples, samplingSeeds } }
}
