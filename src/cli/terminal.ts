/** Where the command line writes: data to stdout, everything else to stderr. */
import { writeSync } from 'node:fs'
import type { ProgressDisplay } from './progressDisplay.ts'

export interface Terminal {
  readonly display: ProgressDisplay
  /** Data. */
  out(text: string): void
}

const STDOUT = 1

/** Writes all of it before it returns, also into a pipe that is slow to empty. */
export function writeOut(text: string): void {
  const bytes = Buffer.from(text)
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(STDOUT, bytes, written)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') return
      if (code !== 'EAGAIN') throw error
    }
  }
}
