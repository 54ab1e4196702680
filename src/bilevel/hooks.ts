/** How a tuning job goes on, reports and is stopped: the same for the driver, for learning a schedule and for the entropy search. */

/** Progress in network evaluations, so that one bar shows all of a job: `done` rises to `total`, after a resume too. */
export interface TuningProgress<Phase extends string> {
  readonly phase: Phase
  readonly done: number
  readonly total: number
  /** What is being done, in a few words. */
  readonly detail: string
}

/** Of a job with checkpoints C, events E and progress P. */
export interface Hooks<C, E, P> {
  /** Where to go on: a checkpoint of the same job. Default: at the start. */
  readonly from?: C
  /** Called wherever the job could go on from, after the events that led there; awaited. */
  readonly onCheckpoint?: (checkpoint: C) => void | Promise<void>
  /** Called when something happened; awaited. */
  readonly onEvent?: (event: E) => void | Promise<void>
  readonly onProgress?: (progress: P) => void
  /** Stops the job before its next step, with an error `interrupted`. */
  readonly signal?: AbortSignal
}
