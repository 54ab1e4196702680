/** What the command line has around it: data goes to stdout, everything else to stderr, and the work into a thread of its own. */
import { runInThread } from '../jobs/index.ts'
import type { ProgressDisplay } from './progressDisplay.ts'
import { progressDisplay } from './progressDisplay.ts'
import type { Streams } from './streams.ts'

export interface Terminal extends Streams {
  readonly display: ProgressDisplay
  /** Does a job that evaluates networks. */
  readonly work: typeof runInThread
  /** Calls back whenever someone asks for the end, from now on. */
  onInterrupt(heard: () => void): void
}

/** Ctrl-C, a job scheduler's or shutdown's request, and a terminal that was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The terminal that this process runs in. */
export const processTerminal = (streams: Streams): Terminal => ({
  ...streams,
  display: progressDisplay(process.stderr),
  work: runInThread,
  onInterrupt(heard) {
    for (const name of SIGNALS) process.on(name, heard)
  },
})
