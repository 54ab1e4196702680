/** Runs a job in a thread of its own: a program run blocks its thread, and whoever asked has signals, a bar or a page to keep alive. */
import { Worker } from 'node:worker_threads'
import { BilevelError } from '../../base/index.ts'
import type { JobResult, JobTelling } from '../job.ts'
import type { Order, Report, Task } from './protocol.ts'

const WORKER = new URL(`./worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

/** An aborted `signal` stops the job at its next step, with a checkpoint. @throws the job's error; an internal one if the thread dies */
export async function runInThread(task: Task, telling: JobTelling): Promise<JobResult> {
  const worker = new Worker(WORKER, { workerData: task })
  const stop = () => worker.postMessage('stop' satisfies Order)
  telling.signal.addEventListener('abort', stop)
  if (telling.signal.aborted) stop()
  try {
    return await outcomeOf(worker, telling)
  } finally {
    telling.signal.removeEventListener('abort', stop)
    await worker.terminate()
  }
}

function outcomeOf(worker: Worker, { onProgress, onLine, onNote }: JobTelling): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    worker.on('message', (report: Report) => {
      switch (report.kind) {
        case 'progress':
          return onProgress(report.progress)
        case 'line':
          return onLine(report.line)
        case 'note':
          return onNote(report.note)
        case 'done':
          return resolve({ json: report.json, text: report.text, ...(report.answers && { answers: true }) })
        case 'error': {
          const { kind, code, message, stack } = report.error
          const error = new BilevelError(kind, code, message)
          if (stack !== undefined) error.stack = stack
          return reject(error)
        }
      }
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`the working thread ended early (code ${code})`)))
  })
}
