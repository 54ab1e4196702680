/** The data of a job: the embedded digits, or what lies at a path. */
import { inputError } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import { digits, loadData } from '../../data/index.ts'

export interface DataSettings {
  /** `digits`, or a path. */
  readonly data: string
  /** Side of the images; null: that of the model, or the data's own. */
  readonly size: number | null
}

/** The data at the size that is asked for, or that the model takes. @throws `schedule.size`, `data.*` */
export async function openData({ data, size }: DataSettings, modelShape?: readonly number[]): Promise<Dataset> {
  const wanted = size ?? modelShape?.[1]
  const sized = wanted === undefined ? {} : { size: wanted }
  const dataset = data === 'digits' ? await digits(sized) : await loadData(data, sized)
  if (!modelShape || modelShape.join() === dataset.shape.join()) return dataset
  throw inputError(
    'schedule.size',
    `the images must be as the model makes them, [${modelShape}], but ${dataset.name} has [${dataset.shape}]; choose other data or leave size out`,
  )
}
