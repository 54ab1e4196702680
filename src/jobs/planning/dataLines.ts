/** What `--dry-run` says of data that are given: how many images fall where, what was done to them, and what can be measured on them. */
import { BilevelError } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import type { FiguresAsked } from '../opening/fewImages.ts'
import { figuresText } from '../opening/fewImages.ts'
import type { MeasuringSettings } from '../opening/measuringNetworks.ts'
import { openMeasuring } from '../opening/measuringNetworks.ts'

/**
 * Nothing of the embedded digits, which are always as they are.
 * @param asked what is compared, and what to do where that is too few
 */
export async function dataLines(
  settings: MeasuringSettings,
  data: Dataset,
  asked: Pick<FiguresAsked, 'counts' | 'fix'>,
): Promise<readonly string[]> {
  if (settings.data === 'digits') return []
  const { splits, shape, classes, name } = data
  const counts = `${splits.train.count} train, ${splits.tuning.count} tune, ${splits.heldOut.count} are held out`
  const classText = classes.length > 0 ? `, ${classes.length} classes` : ', no classes'
  const lines = [`data: ${name}, images of [${shape}]${classText}: ${counts}`]
  try {
    const networks = await openMeasuring(settings, data)
    try {
      return [
        ...lines,
        ...networks.notes.map((note) => `note: ${note}`),
        `figures: ${figuresText({ ...asked, features: networks.features, single: true, always: 'diversity' })}`,
      ]
    } finally {
      await networks.close()
    }
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    return [...lines, ...(data.notes ?? []).map((note) => `note: ${note}`), `figures: none, as ${error.message}`]
  }
}
