/** The files below a folder. Links are followed. */
import { opendir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError } from '../../base/index.ts'
import { isHidden, leadsToFolder, unreadable } from '../found.ts'
import { PICTURE_NAME } from '../pictures/imageFile.ts'
import type { FileTree, TreeFile } from './fileTree.ts'
import { requireFileBytes } from './fileTree.ts'

/** Folders in folders; more is a link that leads in a circle. */
const MOST_DEPTH = 16

export function folderTree(folder: string): FileTree {
  return {
    source: folder,
    packed: false,
    files: () => below(folder, '', 0),
    async *read(ids) {
      for (const id of ids) yield { id, bytes: () => bytesOf(join(folder, id)) }
    },
    nameOf: (id) => join(folder, id),
    close: async () => undefined,
  }
}

async function bytesOf(path: string): Promise<Uint8Array> {
  try {
    requireFileBytes((await stat(path)).size, path)
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof Error && 'kind' in cause) throw cause
    throw unreadable(path, cause)
  }
}

async function* below(folder: string, path: string, depth: number): AsyncIterable<TreeFile> {
  const here = join(folder, path)
  if (depth > MOST_DEPTH) {
    throw inputError(
      'data.layout',
      `${here} lies ${depth} folders deep below ${folder}; give a folder nearer to the images`,
    )
  }
  const folders: string[] = []
  try {
    for await (const entry of await opendir(here)) {
      const { name } = entry
      if (isHidden(name)) continue
      const inner = path === '' ? name : `${path}/${name}`
      // A link to a picture is one; one that leads nowhere fails when it is read.
      const isFolder =
        entry.isSymbolicLink() && !PICTURE_NAME.test(name) ? await leadsToFolder(join(here, name)) : entry.isDirectory()
      if (isFolder) folders.push(inner)
      else yield { id: inner, path: inner, split: null }
    }
  } catch (cause) {
    throw unreadable(here, cause)
  }
  for (const inner of folders) yield* below(folder, inner, depth + 1)
}
