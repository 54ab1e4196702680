/** The formats that data may have, asked in this order: one more is a file in `formats/` and an entry here. */
import type { DataFormat, Found } from './format.ts'
import { cifarFiles } from './formats/cifarFiles.ts'
import { idxFiles } from './formats/idxFiles.ts'
import { numpyFiles } from './formats/numpyFiles.ts'
import { parquetFiles } from './formats/parquetFiles.ts'
import { folderOfPictures, tarsOfPictures, zipOfPictures } from './formats/pictureTrees.ts'

export const FORMATS: readonly DataFormat[] = [
  idxFiles,
  cifarFiles,
  numpyFiles,
  parquetFiles,
  tarsOfPictures,
  zipOfPictures,
  folderOfPictures,
]

/** The format of what was found, and what is to be opened; null: none. */
export async function formatOf(found: Found): Promise<DataFormat | null> {
  for (const format of FORMATS) if (await format.recognises(found)) return format
  return null
}
