/** A job at a terminal: its progress and log lines are shown, and Ctrl-C stops it. */
import type { Job, JobRequest, JobResult, JobTelling } from '../jobs/index.ts'
import { runInThread } from '../jobs/index.ts'
import type { Settings } from '../runs/index.ts'
import type { ProgressDisplay } from './progressDisplay.ts'

/** @throws the job's error */
export async function runOnTerminal(
  job: Job,
  request: JobRequest<Settings>,
  display: ProgressDisplay,
): Promise<JobResult> {
  const stop = new AbortController()
  const telling: JobTelling = {
    signal: stop.signal,
    onProgress: (progress) => display.show(progress),
    onLine: (line) => display.log(line),
    onNote: (note) => display.log(`note: ${note}`),
  }
  // What evaluates no network blocks nothing.
  if (!job.plan) return job.run(request, telling)
  const onInterrupt = interruptHandler(stop, display)
  for (const name of SIGNALS) process.on(name, onInterrupt)
  try {
    return await runInThread({ job: job.name, request }, telling)
  } finally {
    // The signals stay with us to the end: without a handler one that comes now would end the process without its exit code.
    display.end()
  }
}

/** Ctrl-C, a job scheduler's or shutdown's request, and a terminal that was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The first one stops the job with a checkpoint, the second one the process. */
function interruptHandler(stop: AbortController, display: ProgressDisplay): () => void {
  let asked = false
  return () => {
    if (asked) endAtOnce()
    asked = true
    display.log('stopping with a checkpoint; once more: stop at once')
    stop.abort()
  }
}

/** By the signal itself, which shells count as 130: an orderly exit would take the engine down under threads that still run in it. */
function endAtOnce(): void {
  process.removeAllListeners('SIGINT')
  process.kill(process.pid, 'SIGINT')
}
