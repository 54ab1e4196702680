/** The files of a zip archive. */
import type { FileTree } from './fileTree.ts'
import { hasHidden, requireFileBytes } from './fileTree.ts'
import { Zip } from './zipFile.ts'

/** @throws `data.archive` */
export async function zipTree(path: string): Promise<FileTree> {
  const zip = await Zip.open(path)
  const nameOf = (id: string) => `${path}: ${id}`
  return {
    source: path,
    packed: true,
    async *files() {
      for await (const { fileName: id } of zip.entries()) if (!hasHidden(id)) yield { id, path: id, split: null }
    },
    async *read(ids) {
      for await (const entry of zip.entries()) {
        const id = entry.fileName
        if (!ids.has(id)) continue
        const bytes = async () => {
          requireFileBytes(entry.uncompressedSize, nameOf(id))
          return await zip.bytesOf(entry)
        }
        yield { id, bytes }
      }
    },
    nameOf,
    close: async () => zip.close(),
  }
}
