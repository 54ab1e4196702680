/** Settings of looking at a model. */
import { z } from 'zod'
import type { SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import { defaultsOf, setting } from '../../tuners/index.ts'
import { stepsShape } from '../convert/settings.ts'
import { dataShape } from '../opening/dataSettings.ts'
import { modelShape, runningShape, samplingShape } from '../opening/settings.ts'

export const showSchema = z.strictObject({
  data: setting(z.string().min(1).nullable(), {
    group: 'Data and model',
    description:
      "pictures like the model's, that every convention is measured on: 'digits' (embedded), or a path as for evaluate; none: only what can be told without",
    default: null,
  }),
  ...dataShape,
  ...modelShape,
  size: samplingShape.size,
  ...stepsShape,
  ...runningShape,
})
export type ShowConfig = z.output<typeof showSchema>

export const SHOW_GROUPS = ['Data and model', 'Steps', 'Running'] as const

/** @throws `config.unknownKey`, `config.invalid` */
export const resolveShowConfig = (layers: readonly SettingsLayer[]): ShowConfig =>
  resolveSettings(showSchema, [{ source: 'the defaults', values: defaultsOf(showSchema.shape) }, ...layers])
