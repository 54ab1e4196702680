/** The data of a job: the embedded digits, or what lies at a path. */
import { inputError } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import { digits, loadData } from '../../data/index.ts'
import type { ReadingSettings } from './dataSettings.ts'
import { readingOptions } from './dataSettings.ts'

export interface DataSettings extends ReadingSettings {
  /** `digits`, or a path. */
  readonly data: string
  /** Side of the images; null: that of the model, or the data's own. */
  readonly size: number | null
}

/**
 * The data at the size that is asked for, or that the model takes.
 * @throws `schedule.size` where they are not as the model makes images, or a way of reading is named for the embedded digits; `data.*`
 */
export async function openData(settings: DataSettings, modelShape?: readonly number[]): Promise<Dataset> {
  const { data, size } = settings
  const wanted = size ?? modelShape?.[1]
  const dataset = data === 'digits' ? await embedded(settings, wanted) : await read(settings, wanted)
  if (!modelShape || modelShape.join() === dataset.shape.join()) return dataset
  throw inputError(
    'schedule.size',
    `the images must be as the model makes them, [${modelShape}], but ${dataset.name} has [${dataset.shape}]; choose other data or leave size out`,
  )
}

async function embedded({ resize, dataImages, dataRange }: DataSettings, size: number | undefined): Promise<Dataset> {
  const given = Object.entries({ resize, dataImages, dataRange }).find(([, value]) => value !== null)
  if (given) {
    throw inputError(
      'schedule.size',
      `the embedded digits are read as they are, got ${given[0]} ${given[1]}; leave it out`,
    )
  }
  return digits(size === undefined ? {} : { size })
}

async function read(settings: DataSettings, wanted: number | undefined): Promise<Dataset> {
  const { data, size, resize } = settings
  // Without a side that is asked for, or a model's, a way has nothing to do: which is refused there.
  const dataset = await loadData(data, { ...readingOptions(settings), ...(wanted !== undefined && { size: wanted }) })
  return resize === null ? withAveragesSaid(dataset, size === null) : dataset
}

/** A size may be the model's, or a preset's: nobody asked for it. */
function withAveragesSaid(dataset: Dataset, ofModel: boolean): Dataset {
  const { readAs = dataset.shape.slice(1), shape, provenance, notes = [] } = dataset
  if (readAs.join() === shape.slice(1).join()) return dataset
  const why = ofModel ? 'as the model takes them' : 'by the size that is set (--size)'
  const [from, to] = [readAs, shape.slice(1)].map(([height, width]) => `${width}x${height}`)
  const note = `the images of ${provenance.source} are ${from}: whole blocks of pixels are averaged to ${to}, ${why}`
  return { ...dataset, notes: [...notes, note] }
}
