/** Files written whole or not at all: a temporary neighbour, flushed to disk, then renamed over the target. */
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BilevelError } from '../base/index.ts'
import { failure } from '../base/index.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** What the disk refused, as a failure of the run. */
export function diskFailure(path: string, cause: unknown): BilevelError {
  const { code, message } = cause as NodeJS.ErrnoException
  const why = FULL.has(code ?? '') ? 'the disk is full; free some space' : `${message}; make the folder writable`
  return failure('runs.disk', `${path} could not be written: ${why} and continue with --resume`, { cause })
}

/** The name under which a file is written before it is renamed. */
export const partialName = (path: string): string => `${path}.${process.pid}.partial`

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

/** Writes a file whole or not at all, making its folder if needed. @throws `runs.disk` */
export async function writeAtomically(path: string, data: string | Uint8Array): Promise<void> {
  const partial = partialName(path)
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFlushed(partial, data)
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    throw diskFailure(path, error)
  }
}
