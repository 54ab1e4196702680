/**
 * One process per run folder: a `lock` file with host, pid and the time that process started, so that a pid used again is not
 * taken for the old process. A lock whose process is gone is taken over.
 */
import { randomUUID } from 'node:crypto'
import { link, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { inputError } from '../base/index.ts'
import { diskFailure } from '../files/index.ts'

/** Who holds a lock. `started`: when that process started, in the kernel's own words; null where the system does not say. */
export interface LockHolder {
  readonly host: string
  readonly pid: number
  readonly started: string | null
}

/** A lock that is held. */
export interface Lock {
  readonly path: string
  /** Whether it is still there and ours: not where somebody deleted the folder, or the lock in it. */
  isHeld(): Promise<boolean>
  /** Gives it back; a lock that somebody else holds by now is left alone. */
  release(): Promise<void>
}

const STATE_FIELD = 0
const START_FIELD = 19
/** Ended, and kept in the table of processes only until its parent asks how. */
const ENDED = new Set(['Z', 'X'])

/**
 * When a process started, in clock ticks since boot; null where /proc is not there, undefined if there is no such process, or one that
 * has ended.
 */
export async function processStart(pid: number): Promise<string | null | undefined> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined
  }
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (text === null) return null
  // The command's name, in brackets, may hold anything: fields are counted from behind the last bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return ENDED.has(fields[STATE_FIELD]) ? undefined : (fields[START_FIELD] ?? null)
}

/** Whether a holder is a process of this host that no longer lives. */
async function isGone({ host, pid, started }: LockHolder): Promise<boolean> {
  if (host !== hostname()) return false
  const now = await processStart(pid)
  return now === undefined || (now !== null && started !== null && now !== started)
}

function parseHolder(text: string): LockHolder | null {
  try {
    const { host, pid, started } = JSON.parse(text) as Partial<LockHolder>
    if (typeof host !== 'string' || !Number.isSafeInteger(pid)) return null
    return { host, pid: Number(pid), started: started ?? null }
  } catch {
    return null
  }
}

const ATTEMPTS = 50
const WAIT_MILLISECONDS = 20

/**
 * Takes the lock of a run folder, and removes what processes left that died while they took it.
 * @throws `runs.inUse` naming the process that holds it; `runs.lock` where the lock cannot be read; `disk.write`
 */
export async function acquireLock(folder: string): Promise<Lock> {
  const path = join(folder, 'lock')
  const holder: LockHolder = { host: hostname(), pid: process.pid, started: (await processStart(process.pid)) ?? null }
  const text = `${JSON.stringify(holder)}\n`
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await createWhole(path, text)) {
      await sweep(folder)
      return { path, isHeld: () => isHeld(path, text), release: () => release(path, text) }
    }
    const held = await readHeld(path)
    if (held === null) continue
    const other = parseHolder(held)
    if (other && !(await isGone(other))) {
      const who = `process ${other.pid}${other.host === hostname() ? '' : ` on ${other.host}`}`
      throw inputError(
        'runs.inUse',
        `one process at a time may use a run folder, and ${who} uses ${folder}; wait for it, use another folder, or delete ${path} if you are sure that it is gone`,
      )
    }
    await removeStale(path, held, text)
  }
  throw inputError(
    'runs.inUse',
    `${path} keeps changing hands; another process is starting in the same folder, try again`,
  )
}

/** Whether a process that lives, or one of another host of which that cannot be known, holds the lock of a run folder. */
export async function isInUse(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, 'lock'), 'utf8').catch(() => null)
  const holder = text === null ? null : parseHolder(text)
  return holder !== null && !(await isGone(holder))
}

/** Null: it has just been given back. @throws `runs.lock` */
async function readHeld(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    const came = cause.code === 'EISDIR' ? 'is a folder' : `cannot be read: ${cause.message}`
    throw inputError(
      'runs.lock',
      `a run's lock must be a file that says which process uses the folder, but ${path} ${came}; move it away`,
      { cause },
    )
  })
}

/** A file that is being written says nothing yet: it is left alone for this long. */
const WRITTEN_MILLISECONDS = 60_000

/** Removes temporary neighbours of the lock whose processes are gone. */
async function sweep(folder: string): Promise<void> {
  const names: readonly string[] = await readdir(folder).catch(() => [])
  for (const name of names.filter((one) => one.startsWith('lock.'))) {
    const path = join(folder, name)
    const text = await readFile(path, 'utf8').catch(() => null)
    if (text === null) continue
    const holder = parseHolder(text)
    const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs
    if (holder ? await isGone(holder) : age > WRITTEN_MILLISECONDS) await rm(path, { force: true })
  }
}

const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Creates a file with its content in one step (by a hard link, where the disk has them); false if there is one. */
async function createWhole(path: string, text: string): Promise<boolean> {
  const own = `${path}.${randomUUID()}`
  try {
    await writeFile(own, text)
    await link(own, path).catch((error: NodeJS.ErrnoException) => {
      if (!NO_LINKS.has(error.code ?? '')) throw error
      return writeFile(path, text, { flag: 'wx' })
    })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw diskFailure(path, error)
  } finally {
    await rm(own, { force: true })
  }
}

/** Removes a stale lock, one taker at a time: a lock that has replaced it since it was read is left alone. */
async function removeStale(path: string, stale: string, text: string): Promise<void> {
  const guard = `${path}.takeover`
  if (await createWhole(guard, text)) {
    await release(path, stale)
    await rm(guard, { force: true })
    return
  }
  const taker = await readFile(guard, 'utf8').then(parseHolder, () => null)
  if (taker && (await isGone(taker))) await rm(guard, { force: true })
  else await new Promise((resolve) => setTimeout(resolve, WAIT_MILLISECONDS))
}

const isHeld = async (path: string, text: string): Promise<boolean> =>
  (await readFile(path, 'utf8').catch(() => null)) === text

/** Removes a lock if it still says `text`. */
async function release(path: string, text: string): Promise<void> {
  if (await isHeld(path, text)) await rm(path, { force: true })
}
