/** What the main thread and the one that works say to each other. Structured clones: plain data. */
import type { ErrorKind } from '../base/index.ts'
import type { EntropyConfig, SampleConfig, ScheduleConfig } from '../jobs/index.ts'
import type { Caller, SettingsLayer } from '../runs/index.ts'

/** What is to be done. */
export type Task =
  | {
      readonly name: 'schedule'
      readonly config: ScheduleConfig
      readonly folder: string
      readonly resume: boolean
      /** How the user called us. */
      readonly caller: Caller
    }
  | {
      readonly name: 'entropy'
      readonly config: EntropyConfig
      readonly folder: string
      readonly resume: boolean
      /** How the user called us. */
      readonly caller: Caller
    }
  | {
      readonly name: 'sample'
      readonly model: string
      readonly config: SampleConfig
      readonly folder: string
      readonly allowCode: boolean
    }
  /** The settings lie over those of the run, if the model is one. */
  | { readonly name: 'evaluate'; readonly model: string; readonly given: readonly SettingsLayer[] }

/** From the main thread: stop at the next step, with a checkpoint. */
export type Order = 'stop'

/** How far a task is, in network evaluations. */
export interface TaskProgress {
  readonly phase: string
  readonly done: number
  readonly total: number
  readonly detail: string
}

export interface ErrorReport {
  readonly kind: ErrorKind
  readonly code: string
  readonly message: string
  readonly stack: string | undefined
}

/** From the worker. */
export type Report =
  | { readonly kind: 'progress'; readonly progress: TaskProgress }
  /** What happened, for a person. */
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'note'; readonly note: string }
  /** `json` is what `--json` prints, `text` what a person reads. */
  | { readonly kind: 'done'; readonly json: unknown; readonly text: string }
  | { readonly kind: 'error'; readonly error: ErrorReport }
