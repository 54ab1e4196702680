/** Runs a task in a thread of its own, from the main thread: bar, log lines, Ctrl-C. */
import { Worker } from 'node:worker_threads'
import { BilevelError } from '../base/index.ts'
import type { ProgressDisplay } from './progressDisplay.ts'
import type { Order, Report, Task } from './protocol.ts'
import type { TaskResult } from './tasks.ts'

const WORKER = new URL(`./worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url)

/** @throws the task's error; an internal one if the thread dies */
export async function runInWorker(task: Task, display: ProgressDisplay): Promise<TaskResult> {
  const worker = new Worker(WORKER, { workerData: task })
  const onInterrupt = interruptHandler(worker, display)
  for (const name of SIGNALS) process.on(name, onInterrupt)
  try {
    return await outcomeOf(worker, display)
  } finally {
    // The signals stay with us to the end: without a handler one that comes now would end the process without its exit code.
    display.end()
    await worker.terminate()
  }
}

/** Ctrl-C, a job scheduler's or shutdown's request, and a terminal that was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The first one stops the task with a checkpoint, the second one the process. */
function interruptHandler(worker: Worker, display: ProgressDisplay): () => void {
  let asked = false
  return () => {
    if (asked) endAtOnce()
    asked = true
    display.log('stopping with a checkpoint; once more: stop at once')
    worker.postMessage('stop' satisfies Order)
  }
}

/** By the signal itself, which shells count as 130: an orderly exit would take the engine down under threads that still run in it. */
function endAtOnce(): void {
  process.removeAllListeners('SIGINT')
  process.kill(process.pid, 'SIGINT')
}

function outcomeOf(worker: Worker, display: ProgressDisplay): Promise<TaskResult> {
  return new Promise((resolve, reject) => {
    worker.on('message', (report: Report) => {
      switch (report.kind) {
        case 'progress':
          return display.show(report.progress)
        case 'line':
          return display.log(report.line)
        case 'note':
          return display.log(`note: ${report.note}`)
        case 'done':
          return resolve(report)
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
