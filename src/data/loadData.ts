/** Reads data from a path, whatever it is: an IDX file, a folder with MNIST's files, a folder of images. */
import { stat } from 'node:fs/promises'
import { inputError } from '../base/index.ts'
import type { Dataset } from './dataset.ts'
import type { LoadOptions } from './idxImages.ts'
import { findIdxFiles, labelsBeside, loadIdx } from './idxImages.ts'
import { loadImageFolder } from './imageFolder.ts'

/**
 * A dataset from a path, decided by content:
 * - a folder with `train-images-idx3-ubyte[.gz]`: MNIST's files; with `t10k-…`, those are the held-out split, else 3 : 1 : 1;
 * - any other folder: PNG and JPEG images, classes from sub-folders;
 * - a file: IDX images; labels from the file named `…labels…idx1…` beside it, if there is one.
 *
 * @throws `data.unreadable`, and by kind: `data.gzip`, `data.idx…`, `data.labelCount`, `data.emptyFolder`, `data.layout`,
 *   `data.image`, `data.mixedSizes`, `data.size`, `data.tooLarge`, `data.tooFew`
 */
export async function loadData(path: string, options: LoadOptions = {}): Promise<Dataset> {
  const found = await stat(path).catch((cause: Error) => {
    throw inputError('data.unreadable', `${path} cannot be read: ${cause.message}`, { cause })
  })
  if (!found.isDirectory()) return await loadIdx({ images: path, labels: await labelsBeside(path) }, options)
  const files = await findIdxFiles(path)
  return files ? await loadIdx(files, options, path) : await loadImageFolder(path, options)
}
