/** A job at a terminal: its progress and log lines are shown, and Ctrl-C stops it. */
import type { Job, JobRequest, JobResult, JobTelling } from '../jobs/index.ts'
import type { Settings } from '../runs/index.ts'
import type { ProgressDisplay } from './progressDisplay.ts'
import type { Terminal } from './terminal.ts'

/** @throws the job's error */
export async function runOnTerminal(
  job: Job,
  request: JobRequest<Settings>,
  { display, work, onInterrupt }: Terminal,
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
  // To the end of the process: without a handler a signal that comes late would end it without its exit code.
  onInterrupt(interruptHandler(stop, display))
  try {
    return await work({ job: job.name, request }, telling)
  } finally {
    display.end()
  }
}

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
