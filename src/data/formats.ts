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

/** What else lies in a folder that is read in a format. */
export async function otherFormatsOf(found: Found, format: DataFormat): Promise<readonly DataFormat[]> {
  if (found.names === null) return []
  const others: DataFormat[] = []
  for (const other of FORMATS) {
    // Any folder may be one of image files.
    if (other === format || (other === folderOfPictures && !found.pictures)) continue
    if (await other.recognises(found)) others.push(other)
  }
  return others
}
