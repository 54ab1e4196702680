/**
 * A folder for results that are made in one go: looked at and claimed before the work, and filled at once after it, so that nothing is drawn
 * for a place that cannot take it, and a process that is killed leaves nothing that the next one would stumble over.
 */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { diskFailure, inputError, isPartialName, makeFolder, partialName } from '../../base/index.ts'
import { processStart } from '../lock.ts'

const RULE = 'images are written to a new or empty folder'

/** @throws `sample.out` unless the folder is new, or holds nothing but what killed processes left */
export async function requireNew(folder: string): Promise<void> {
  if (folder === '') throw inputError('sample.out', `${RULE}, got an empty path; give one`)
  const there = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return []
    const came = cause.code === 'ENOTDIR' ? 'is a file, or lies in one' : `cannot be read: ${cause.message}`
    throw inputError('sample.out', `${RULE}, ${folder} ${came}; give another --out`, { cause })
  })
  for (const name of there) {
    if (!(await isLeft(name))) {
      throw inputError('sample.out', `${RULE}, ${folder} holds ${name}; give another --out`)
    }
  }
}

/** Whether a name is of something that a process wrote which is gone. */
async function isLeft(name: string): Promise<boolean> {
  const pid = isPartialName(name) ? Number(/(\d+)\.partial$/.exec(name)?.[1]) : Number.NaN
  return Number.isSafeInteger(pid) && (await processStart(pid)) === undefined
}

/**
 * Makes the folder and one inside it, does the work there, and moves what the work left to its place. If the work fails, nothing is left.
 * @throws `sample.out`, `disk.write` before the work where the folder cannot be made or filled; what the work throws
 */
export async function claimFolder<R>(folder: string, work: (inside: string) => Promise<R>): Promise<R> {
  await requireNew(folder)
  const absolute = resolve(folder)
  const made = await makeFolder(absolute).catch((error) => {
    throw diskFailure(folder, error)
  })
  const inside = partialName(join(absolute, 'samples'))
  try {
    for (const name of await readdir(absolute)) {
      if (await isLeft(name)) await rm(join(absolute, name), { recursive: true, force: true })
    }
    await mkdir(inside)
    const result = await work(inside)
    for (const name of await readdir(inside)) await rename(join(inside, name), join(absolute, name))
    await rmdir(inside)
    return result
  } catch (error) {
    await rm(inside, { recursive: true, force: true })
    if (made !== undefined) await removeEmpty(absolute, made)
    throw isOfSystem(error) ? diskFailure(folder, error) : error
  }
}

const isOfSystem = (error: unknown): boolean =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string'

/** Removes the folders that were made, from the innermost one, as far as nobody has put anything in. */
async function removeEmpty(innermost: string, outermost: string): Promise<void> {
  for (let folder = innermost; ; folder = dirname(folder)) {
    const gone = await rmdir(folder).then(
      () => true,
      () => false,
    )
    if (!gone || folder === outermost || folder === dirname(folder)) return
  }
}
