/** The thread that works: one job from beginning to end. The calling thread keeps bar and signals, since a program run blocks its thread. */
import { parentPort, workerData } from 'node:worker_threads'
import { BilevelError, internalError } from '../../base/index.ts'
import type { JobTelling } from '../job.ts'
import { jobNamed } from '../jobs.ts'
import type { ErrorReport, Order, Report, Task } from './protocol.ts'

/** Milliseconds between progress messages. */
const PROGRESS_EVERY = 100

const port = parentPort
if (!port) throw internalError('the worker must be started as a thread')
const tell = (report: Report): void => port.postMessage(report)

const stop = new AbortController()
port.on('message', (order: Order) => {
  if (order === 'stop') stop.abort()
})

let toldAt = Number.NEGATIVE_INFINITY
const telling: JobTelling = {
  signal: stop.signal,
  onProgress(progress) {
    const now = performance.now()
    if (now - toldAt < PROGRESS_EVERY && progress.done < progress.total) return
    toldAt = now
    tell({ kind: 'progress', progress })
  },
  onLine: (line) => tell({ kind: 'line', line }),
  onNote: (note) => tell({ kind: 'note', note }),
}

try {
  const { job, request } = workerData as Task
  tell({ kind: 'done', ...(await jobNamed(job).run(request, telling)) })
} catch (error) {
  tell({ kind: 'error', error: reportOf(error) })
} finally {
  port.close()
}

/** An error of another class is a bug, or a missing dependency that its own message names. */
function reportOf(error: unknown): ErrorReport {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  if (error instanceof BilevelError) return { kind: error.kind, code: error.code, message, stack }
  if (stop.signal.aborted) return { kind: 'interrupted', code: 'interrupted', message: 'interrupted', stack }
  return { kind: 'internal', code: 'internal', message, stack }
}
