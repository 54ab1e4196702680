/** A file as a manifest records it. */
import { stat } from 'node:fs/promises'
import { fileHash } from '../../files/index.ts'

/** Its place and its hash; of a folder, or where it is gone by now, the place alone. */
export async function fileSource(path: string): Promise<{ readonly path: string; readonly sha256: string | null }> {
  const found = await stat(path).catch(() => null)
  return { path, sha256: found?.isFile() ? await fileHash(path) : null }
}
