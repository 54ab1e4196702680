/** Settings of reading data: where they lie, and what becomes of images of another size, of bad ones, and of more than are wanted. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import type { LoadOptions } from '../../data/index.ts'
import { ON_BAD, PICTURE_WORDS, RESIZE_WAYS } from '../../data/index.ts'
import { setting } from '../../tuners/index.ts'
import { pixelRange } from './pixelRange.ts'

/** What data may be, in the help of all commands that take them. */
export const DATA_WORDS =
  `'digits' (embedded), or a path: a folder, zip or tar of images (${PICTURE_WORDS}; classes from sub-folders, metadata.jsonl or .csv, WebDataset's files; train/ and test/ are splits), ` +
  "Parquet of images, .npz or .npy, IDX files (MNIST's, EMNIST's, QMNIST's), CIFAR's binary batches"

export const dataSetting = setting(z.string().min(1), {
  group: 'Data and model',
  description: DATA_WORDS,
  default: 'digits',
})

/** How the images at a path are read. */
export const dataShape = {
  resize: setting(z.enum(RESIZE_WAYS).nullable(), {
    group: 'Data and model',
    description:
      'how images come to the side that is wanted, by bicubic interpolation: fit, the whole with black borders, or crop, the middle square; none: only by averages of whole blocks, and where those cannot be it is said',
    default: null,
  }),
  dataImages: setting(z.int().min(1).max(MOST.images).nullable(), {
    group: 'Data and model',
    description: 'most images that are read of the data, a random part of them, the same each time; none: all',
    default: null,
  }),
  dataRange: setting(pixelRange(), {
    group: 'Data and model',
    description:
      'which number is black and which is white in data that are arrays (.npz, .npy, IDX): 0,16; none: told by the numbers, said, and refused where that cannot be',
    default: null,
  }),
  onBad: setting(z.enum(ON_BAD), {
    group: 'Data and model',
    description: 'an image that cannot be read: stop and name it, or skip it, which is said',
    default: 'stop',
  }),
}

/** What a command says of reading its data. */
export interface ReadingSettings {
  readonly resize: (typeof RESIZE_WAYS)[number] | null
  readonly dataImages: number | null
  readonly dataRange: readonly [number, number] | null
  readonly onBad: (typeof ON_BAD)[number]
}

/** Names of these settings. */
export const READING_KEYS = Object.keys(dataShape) as (keyof ReadingSettings)[]

/** The same as options of `loadData`. */
export const readingOptions = ({ resize, dataImages, dataRange, onBad }: ReadingSettings): LoadOptions => ({
  resize,
  most: dataImages,
  range: dataRange,
  onBad,
})
