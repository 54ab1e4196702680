/** Reads data from a path, whatever it is: arrays, archives, tables or pictures, decided by content. */
import { BilevelError } from '../base/index.ts'
import type { Dataset } from './dataset.ts'
import type { DataFormat, Found } from './format.ts'
import { folderOfPictures } from './formats/pictureTrees.ts'
import { unreadFile, unreadFolder } from './formats/unread.ts'
import { FORMATS, formatOf, otherFormatsOf } from './formats.ts'
import { beginningOf, lookAt, wrappersIn } from './found.ts'
import type { LoadOptions } from './loadOptions.ts'
import { readSource } from './readSource.ts'

/**
 * A dataset from a path, decided by content:
 * - IDX files, a folder of them or one with its labels beside it, under the names of MNIST, Fashion-MNIST, KMNIST, EMNIST and QMNIST;
 * - CIFAR-10's and CIFAR-100's binary batches;
 * - `.npz` and `.npy`: [n, rows, columns(, channels)] or [n, channels, rows, columns], bytes or floats in [0, 1] or [-1, 1], labels under the usual names;
 * - Parquet of images; tar archives (WebDataset), a zip, or a folder of PNG, JPEG, WebP, TIFF and BMP images, with classes from sub-folders, from
 *   `metadata.jsonl` or `metadata.csv`, or from label files beside them.
 *
 * What is called train, validation and test becomes the splits; where nothing is, 3 : 1 : 1 by content.
 *
 * @throws `data.unreadable`, `data.format`, and by kind: `data.gzip`, `data.idx…`, `data.npy`, `data.array…`, `data.cifar`, `data.parquet`, `data.archive`,
 *   `data.metadata`, `data.labels`, `data.labelCount`, `data.several`, `data.emptyFolder`, `data.layout`, `data.image`, `data.mixedSizes`, `data.size`,
 *   `data.tooLarge`, `data.tooFew`
 * @example const { splits, classes } = await loadData('photos', { size: 64, resize: 'crop' })
 */
export async function loadData(path: string, options: LoadOptions = {}): Promise<Dataset> {
  const part = await beginningOf(path)
  const found = part?.folder ?? (await lookAt(path))
  const format = await formatOf(found)
  if (format === null) {
    throw await unreadFile(
      found,
      FORMATS.map(({ name }) => name),
    )
  }
  if (format !== folderOfPictures) return await read(format, found, path, options)
  const below = await formatBelow(found, MOST_LEVELS)
  if (below) return await read(below.format, below.found, path, options)
  try {
    return await read(format, found, path, options)
  } catch (error) {
    const isEmpty = error instanceof BilevelError && error.code === 'data.emptyFolder'
    throw (isEmpty && unreadFolder(found)) || error
  }
}

async function read(format: DataFormat, found: Found, path: string, options: LoadOptions): Promise<Dataset> {
  const { most = null, range = null } = options
  const source = await format.open(found, { most, range })
  try {
    const dataset = await readSource(source, path, options)
    const notes = [...(dataset.notes ?? [])]
    if (range !== null && !format.ofNumbers) {
      notes.push(`the range ${range} is of numbers in arrays: ${path} holds pictures, which have their own`)
    }
    const others = await otherFormatsOf(found, format)
    if (others.length > 0) {
      const beside = others.map(({ name }) => name).join(' and ')
      notes.push(
        `${found.path} holds ${beside} too, which are left out: ${format.name} are read; to read the others, give one of their files`,
      )
    }
    return notes.length > 0 ? { ...dataset, notes } : dataset
  } finally {
    await source.close()
  }
}

/** `FashionMNIST/raw`. */
const MOST_LEVELS = 2

/** Files of another format in a folder that is there for them. */
async function formatBelow(
  found: Found,
  levels: number,
): Promise<{ readonly format: DataFormat; readonly found: Found } | null> {
  if (levels === 0) return null
  for (const path of wrappersIn(found)) {
    const below = await lookAt(path).catch(() => null)
    if (!below?.names) continue
    const format = await formatOf(below)
    if (format !== null && format !== folderOfPictures) return { format, found: below }
    const deeper = await formatBelow(below, levels - 1)
    if (deeper) return deeper
  }
  return null
}
