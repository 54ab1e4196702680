/**
 * Which code makes models of graphs: a hash of the files themselves, so that no version number has to be raised by hand and a
 * model made by other code is never taken for one of this code.
 */
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sha256Stream } from '../../base/index.ts'
import { simplify } from '../../graph/index.ts'
import { encode } from '../../onnx/index.ts'
import { lowerForCpu } from '../lower/index.ts'

/** The folders between a traced graph and the bytes of a model. */
const FOLDERS = ['base', 'graph', 'onnx', 'runtime']
const CODE = /(?<!\.d)(?<!\.(test|fixture|cases|bench))\.[jt]s$/

let known: Promise<string | undefined> | undefined

/** Hash of the code, found once per process; undefined where it cannot be read (parts in files elsewhere). */
export function codeVersion(): Promise<string | undefined> {
  known ??= hashOfCode(fileURLToPath(import.meta.url)).catch(() => undefined)
  return known
}

/** @param self the file that this module is in, by itself or inside a bundle */
async function hashOfCode(self: string): Promise<string | undefined> {
  const hash = sha256Stream()
  const root = dirname(dirname(dirname(self)))
  if (dirname(self) === join(root, 'runtime', 'node') && /^codeVersion\./.test(basename(self))) {
    for (const file of await filesOf(root)) hash.update(`${file}\n`).update(await readFile(join(root, file)))
    return hash.hex()
  }
  // A bundle is known by the part that this is in and those it imports, if the makers are among them.
  const text = [...(await partsFrom(self)).values()].join('\n')
  const makers = [lowerForCpu, encode, simplify].map(String)
  return makers.every((maker) => text.includes(maker)) ? hash.update(text).hex() : undefined
}

/** A file and all that it imports by relative paths, in order of first import, with their contents. */
async function partsFrom(path: string, known = new Map<string, string>()): Promise<Map<string, string>> {
  if (known.has(path)) return known
  const text = await readFile(path, 'utf8')
  known.set(path, text)
  for (const [, target] of text.matchAll(/\b(?:from|import)\s*["'](\.{1,2}\/[^"'\n]+\.m?js)["']/g)) {
    await partsFrom(join(dirname(path), target), known)
  }
  return known
}

async function filesOf(root: string): Promise<string[]> {
  const listings = FOLDERS.map(async (folder) => {
    const files = await readdir(join(root, folder), { recursive: true })
    return files.filter((file) => CODE.test(file)).map((file) => join(folder, file))
  })
  return (await Promise.all(listings)).flat().toSorted()
}
