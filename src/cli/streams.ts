/** Standard output and standard error of this process. */
import { writeSync } from 'node:fs'
import { failure } from '../base/index.ts'

export interface Streams {
  /** Data. */
  out(text: string): void
  /** What went wrong. */
  err(text: string): void
}

const STDOUT = 1

export function processStreams(): Streams {
  surviveClosedStreams()
  return { out: writeOut, err: (text) => process.stderr.write(text) }
}

/** A terminal, pipe or disk that takes no more words is no reason to end a run of hours: what is written there is lost, the run goes on. */
function surviveClosedStreams(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
}

/**
 * Writes all of it before it returns, also into a pipe that is slow to empty. A reader that has gone wants no more of it.
 * @throws `cli.output` where it cannot be written (a full disk)
 */
function writeOut(text: string): void {
  const bytes = Buffer.from(text)
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(STDOUT, bytes, written)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EPIPE') return
      if (code === 'EAGAIN') continue
      const { message } = error as Error
      throw failure('cli.output', `standard output must take the result, but: ${message}`, { cause: error })
    }
  }
}
