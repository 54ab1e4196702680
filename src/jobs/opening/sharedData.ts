/** The data of a job, read once: what a model's convention is measured on, and what the job works with. */
import { internalError, sizeOf, tensor } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import type { MeasuringPictures } from '../../diffusion/index.ts'
import type { DataSettings } from './openData.ts'
import { openData } from './openData.ts'

/** Pictures that a convention is measured on: few, so that opening a model stays fast. */
export const PICTURES = 8

export interface SharedData {
  /** As `openData`, once for a shape. */
  open(modelShape?: readonly number[]): Promise<Dataset>
  /** The first pictures that the model was not trained on, by the splits. Null: there are no data. */
  pictures(modelShape: readonly number[]): Promise<MeasuringPictures | null>
}

/** @param settings with `data` null: there are none */
export function sharedData(settings: Omit<DataSettings, 'data'> & { readonly data: string | null }): SharedData {
  const opened = new Map<string, Promise<Dataset>>()
  const open = (modelShape?: readonly number[]) => {
    const { data } = settings
    if (data === null) return Promise.reject(internalError('there are no data to open'))
    const key = String(modelShape)
    const promise = opened.get(key) ?? openData({ ...settings, data }, modelShape)
    opened.set(key, promise)
    return promise
  }
  return { open, pictures: async (shape) => (settings.data === null ? null : picturesOf(await open(shape))) }
}

function picturesOf({ splits: { tuning }, shape }: Dataset): MeasuringPictures | null {
  const count = Math.min(PICTURES, tuning.count)
  if (count === 0) return null
  const size = sizeOf(shape)
  return {
    images: tensor('float32', [count, ...shape], tuning.images.slice(0, count * size)),
    ...(tuning.labels && { classes: tuning.labels.slice(0, count) }),
  }
}
