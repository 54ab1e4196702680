/**
 * Models kept on disk between processes, in `$XDG_CACHE_HOME/bilevel-diffusion` or `~/.cache/bilevel-diffusion`; none with
 * `BILEVEL_CACHE=off`. A cache may fail but never stop the work: what cannot be read, is cut short or was changed counts as not
 * there, what cannot be written is not. Several processes may share the folder: entries are written under another name and
 * renamed, and the same key always means the same bytes, so it does not matter who comes last.
 */
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** Bytes of all entries; the ones unused for longest are removed. */
const LARGEST_FOLDER = 256 * 2 ** 20
/** Bytes of one entry. */
const LARGEST_ENTRY = 32 * 2 ** 20
/** A file under its temporary name for longer than this was left by a process that was killed. */
const PARTIAL_MILLISECONDS = 3_600_000

const ENTRY = '.model'
const PARTIAL = '.partial'
const HASH_BYTES = 32

/** Where entries are, or undefined where none shall be kept. The environment is read at every call. */
export function cacheFolder(): string | undefined {
  const { BILEVEL_CACHE: wanted, XDG_CACHE_HOME: base } = process.env
  if (wanted === 'off') return undefined
  // The standard of such folders says that a relative path is to be ignored.
  if (base && isAbsolute(base)) return join(base, 'bilevel-diffusion')
  const home = homedir()
  return isAbsolute(home) ? join(home, '.cache', 'bilevel-diffusion') : undefined
}

const hashOf = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** The bytes of an entry, or undefined. A damaged entry is removed. @param key letters and digits */
export async function readEntry(key: string): Promise<Uint8Array | undefined> {
  const folder = cacheFolder()
  if (folder === undefined) return undefined
  const path = join(folder, key + ENTRY)
  const content = await readFile(path).catch(() => undefined)
  if (!content) return undefined
  const bytes = content.subarray(HASH_BYTES)
  if (!content.subarray(0, HASH_BYTES).equals(hashOf(bytes))) {
    await rm(path, { force: true }).catch(() => undefined)
    return undefined
  }
  const now = new Date()
  await utimes(path, now, now).catch(() => undefined)
  return bytes
}

/**
 * Keeps what is written to a file under a key, or does nothing where that is not possible.
 * @param write writes the bytes to a path of its own; what it throws counts as not possible
 */
export async function writeEntry(key: string, write: (path: string) => Promise<void>): Promise<void> {
  const folder = cacheFolder()
  if (folder === undefined) return
  const partial = join(folder, `${key}.${randomUUID()}${PARTIAL}`)
  try {
    await mkdir(folder, { recursive: true })
    await write(partial)
    const bytes = await readFile(partial)
    if (bytes.length <= LARGEST_ENTRY) {
      await writeFile(partial, [hashOf(bytes), bytes])
      await rename(partial, join(folder, key + ENTRY))
      await makeRoom(folder, LARGEST_FOLDER)
    }
  } catch {
    // Not kept.
  } finally {
    await rm(partial, { force: true }).catch(() => undefined)
  }
}

/** Removes the entries unused for longest until the rest fits, and what killed processes left. */
export async function makeRoom(folder: string, limit: number): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(ENTRY) || name.endsWith(PARTIAL))
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      // Another process may have removed it meanwhile.
      const file = await stat(path).catch(() => undefined)
      return file ? [{ path, size: file.size, used: file.mtimeMs }] : []
    }),
  )
  const files = found.flat().toSorted((a, b) => b.used - a.used)
  let total = 0
  for (const { path, size, used } of files) {
    if (path.endsWith(PARTIAL)) {
      if (Date.now() - used > PARTIAL_MILLISECONDS) await rm(path, { force: true })
      continue
    }
    total += size
    if (total > limit) await rm(path, { force: true })
  }
}
