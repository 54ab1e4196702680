/** From a source of images to a dataset: read, dealt into splits by content or as the data name them, hashed. */
import { basename } from 'node:path'
import type { Dataset } from './dataset.ts'
import { assemble, fromOne } from './dataset.ts'
import type { ImageSource } from './format.ts'
import type { LoadOptions } from './loadOptions.ts'
import { readPictures } from './readPictures.ts'
import { DEFAULT_NEEDS, namedSplits, requireEnough } from './split.ts'

/** @param path what errors and provenance call it @throws what reading does, and `data.tooFew` */
export async function readSource(source: ImageSource, path: string, options: LoadOptions): Promise<Dataset> {
  const { pictures, splits, classes, readAs, notes: said } = await readPictures(source, path, options)
  const notes = [...said]
  const named = options.together ? splits.map(() => null) : splits
  const { rows, cycle, rule } = namedSplits(pictures.hashes, pictures.labels, named)
  const train = rows.train.filter((row) => !options.exclude?.has(pictures.hashes[row]))
  const counts = { train: train.length, tuning: rows.tuning.length, heldOut: rows.heldOut.length }
  requireEnough(counts, { ...DEFAULT_NEEDS, ...options.needs }, cycle, path)
  const copies = pictures.hashes.length - rows.train.length - rows.tuning.length - rows.heldOut.length
  if (copies > 0) {
    notes.push(`${copies} images of ${path} are left out, being copies of images that are held out, or tune`)
  }
  const dataset = assemble(fromOne(pictures, { ...rows, train }), { name: basename(path), source: path, rule, classes })
  return { ...dataset, readAs, ...(notes.length > 0 && { notes }) }
}
