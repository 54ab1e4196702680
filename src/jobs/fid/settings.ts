/** Settings of comparing two sets of images. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import type { SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import { defaultsOf, setting } from '../../tuners/index.ts'
import { dataShape } from '../opening/dataSettings.ts'
import { featuresShape, runningShape } from '../opening/settings.ts'

export const fidSchema = z.strictObject({
  stats: setting(z.string().min(1).nullable(), {
    group: 'Measuring',
    description:
      "write the statistics of A (mu, sigma, and which features) to this new .npz, as pytorch-fid's --save-stats does; B may be left out; none: write nothing",
    default: null,
  }),
  size: setting(z.int().min(1).max(MOST.side).nullable(), {
    group: 'Data and model',
    description: 'side that all images are brought to; none: as they are, which must be one size',
    default: null,
  }),
  ...dataShape,
  ...featuresShape,
  device: runningShape.device,
})
export type FidConfig = z.output<typeof fidSchema>

export const FID_GROUPS = ['Measuring', 'Data and model', 'Running'] as const

/** @throws `config.unknownKey`, `config.invalid` */
export const resolveFidConfig = (layers: readonly SettingsLayer[]): FidConfig =>
  resolveSettings(fidSchema, [{ source: 'the defaults', values: defaultsOf(fidSchema.shape) }, ...layers])
