/** What the command line has around it: data goes to stdout, everything else to stderr, and the work into a thread of its own. */
import { writeSync } from 'node:fs'
import { failure } from '../base/index.ts'
import { runInThread } from '../jobs/index.ts'
import type { ProgressDisplay } from './progressDisplay.ts'
import { progressDisplay } from './progressDisplay.ts'

export interface Terminal {
  readonly display: ProgressDisplay
  /** Data. */
  out(text: string): void
  /** What went wrong. */
  err(text: string): void
  /** Does a job that evaluates networks. */
  readonly work: typeof runInThread
  /** Calls back whenever someone asks for the end, from now on. */
  onInterrupt(heard: () => void): void
}

const STDOUT = 1

/** Ctrl-C, a job scheduler's or shutdown's request, and a terminal that was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The terminal that this process runs in. */
export function processTerminal(): Terminal {
  surviveClosedStreams()
  return {
    display: progressDisplay(process.stderr),
    out: writeOut,
    err: (text) => process.stderr.write(text),
    work: runInThread,
    onInterrupt(heard) {
      for (const name of SIGNALS) process.on(name, heard)
    },
  }
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
