/** What the calling thread and the one that works say to each other. Structured clones: plain data. */
import type { ErrorKind } from '../../base/index.ts'
import type { Settings } from '../../runs/index.ts'
import type { JobProgress, JobRequest } from '../job.ts'

/** What is to be done: a job by its name. */
export interface Task {
  readonly job: string
  readonly request: JobRequest<Settings>
}

/** From the calling thread: stop at the next step, with a checkpoint. */
export type Order = 'stop'

export interface ErrorReport {
  readonly kind: ErrorKind
  readonly code: string
  readonly message: string
  readonly stack: string | undefined
}

/** From the worker. */
export type Report =
  | { readonly kind: 'progress'; readonly progress: JobProgress }
  /** What happened, for a person. */
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'note'; readonly note: string }
  /** `json` is what `--json` prints, `text` what a person reads. */
  | { readonly kind: 'done'; readonly json: unknown; readonly text: string; readonly answers?: true }
  | { readonly kind: 'error'; readonly error: ErrorReport }
