/**
 * Files written whole or not at all: a temporary neighbour, flushed to disk, then renamed over the target. Every part of the
 * project that writes goes through here, so that a full disk is told in the same words everywhere.
 */
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BilevelError } from '../base/index.ts'
import { failure } from '../base/index.ts'

const WRITABLE = 'permission is denied; make its folder writable'

/** Why, and what to do, by the system's code. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space',
  EDQUOT: 'your disk quota is used up; free some of your space or have it raised',
  EFBIG: 'it is larger than a file may be here; raise the limit (ulimit -f) or use another disk',
  EROFS: 'the disk is read-only; use another folder',
  EACCES: WRITABLE,
  EPERM: WRITABLE,
  ENOENT: 'its folder is gone; make it again',
  ENOTDIR: 'a part of its path is a file; use another folder',
  EEXIST: 'a file is in its place; use another folder',
  EISDIR: 'a folder is in its place; move that away',
  ENAMETOOLONG: 'its name is too long; use a shorter one',
  EIO: 'the disk reports a fault (EIO); use another one',
}

/** What the disk refused, as an error of code `disk.write` (kind `failed`) that names the path. */
export function diskFailure(path: string, cause: unknown): BilevelError {
  const { code, message } = cause as NodeJS.ErrnoException
  const why = REASONS[code ?? ''] ?? `${message}; make its folder writable`
  const next = 'and start again (a run goes on with --resume)'
  return failure('disk.write', `${path} could not be written: ${why} ${next}`, { cause })
}

/** The name under which a file or folder is written before it is renamed. */
export const partialName = (path: string): string => `${path}.${process.pid}.partial`

/** Whether a name is one of those: what a process killed while writing leaves behind. */
export const isPartialName = (name: string): boolean => /\.\d+\.partial$/.test(name)

/** Writes a file and flushes it. @throws the system's error */
export async function writeFlushed(path: string, data: string | Uint8Array): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(data)
    await file.sync().catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EINVAL') throw error
    })
  } finally {
    await file.close()
  }
}

/**
 * Makes a folder, with those above it. (Node's own way of making them never ends where the system lets nobody make one, as in /proc.)
 * @returns the outermost one that was not there; undefined: all were
 * @throws the system's error
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  try {
    await mkdir(path)
    return path
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await isFolder(path))) return undefined
    if (code !== 'ENOENT' || (await isFolder(dirname(path)))) throw error
    const outermost = await makeFolder(dirname(path))
    const own = await makeFolder(path)
    return outermost ?? own
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )

/** Writes a file whole or not at all, making its folder if needed. @throws `disk.write` */
export async function writeAtomically(path: string, data: string | Uint8Array): Promise<void> {
  const partial = partialName(path)
  try {
    await makeFolder(dirname(path))
    await writeFlushed(partial, data)
    await rename(partial, path)
  } catch (error) {
    // Where the folder itself is no folder, removing complains too: the first error is the one to tell.
    await rm(partial, { force: true }).catch(() => undefined)
    throw diskFailure(path, error)
  }
}
