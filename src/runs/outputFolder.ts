/**
 * A folder for results that are made in one go: looked at and claimed before the work, and filled at once after it, so that nothing is drawn
 * for a place that cannot take it, and a process that is killed leaves nothing that the next one would stumble over.
 */
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { inputError } from '../base/index.ts'
import { diskFailure, isPartialName, makeFolder, partialName } from '../files/index.ts'
import { processStart } from './lock.ts'

const RULE = 'images are written to a new or empty folder'

/** @throws `sample.out` unless the folder is new, or holds nothing but what a killed process left of the results of these names */
export async function requireNew(folder: string, results: readonly string[]): Promise<void> {
  if (folder === '') throw inputError('sample.out', `${RULE}, got an empty path; give one`)
  const there = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return []
    const came = cause.code === 'ENOTDIR' ? 'is a file, or lies in one' : `cannot be read: ${cause.message}`
    throw inputError('sample.out', `${RULE}, ${folder} ${came}; give another --out`, { cause })
  })
  const left = await leftIn(there, results)
  const other = there.find((name) => !left.includes(name))
  if (other !== undefined) throw inputError('sample.out', `${RULE}, ${folder} holds ${other}; give another --out`)
}

/** Those names that a killed process left: its own folder, which goes last, and the results that it had moved to their place by then. */
async function leftIn(there: readonly string[], results: readonly string[]): Promise<string[]> {
  const partial: string[] = []
  for (const name of there.filter(isPartialName)) {
    const pid = Number(/(\d+)\.partial$/.exec(name)?.[1])
    if ((await processStart(pid)) === undefined) partial.push(name)
  }
  return partial.length === 0 ? [] : [...partial, ...there.filter((name) => results.includes(name))]
}

/**
 * Makes the folder and one inside it, does the work there, and moves what the work left to its place. If the work fails, nothing is left.
 * @throws `sample.out`, `disk.write` before the work where the folder cannot be made or filled; what the work throws
 */
export async function claimFolder<R>(
  folder: string,
  results: readonly string[],
  work: (inside: string) => Promise<R>,
): Promise<R> {
  await requireNew(folder, results)
  const absolute = resolve(folder)
  const made = await makeFolder(absolute).catch((error) => {
    throw diskFailure(folder, error)
  })
  const inside = partialName(join(absolute, 'samples'))
  try {
    const left = await leftIn(await readdir(absolute), results)
    // In an order in which what is left of them is still known as that, whenever this process is killed in turn.
    for (const name of left.toReversed()) await rm(join(absolute, name), { recursive: true, force: true })
    await mkdir(inside)
    const result = await work(inside)
    for (const name of results) await rename(join(inside, name), join(absolute, name))
    await rmdir(inside)
    return result
  } catch (error) {
    for (const path of [...results.map((name) => join(absolute, name)), inside]) {
      await rm(path, { recursive: true, force: true })
    }
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
