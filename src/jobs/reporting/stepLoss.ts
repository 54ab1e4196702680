/** The losses of training, as the events of a run tell them. */
import type { TimedEvent } from '../../runs/index.ts'

/** The loss of one training step. */
export interface StepLoss {
  /** `train`: the run that both sides share; `continue`: the default side, trained on by what tuning cost. */
  readonly phase: 'train' | 'continue'
  /** From 1, over both phases. */
  readonly step: number
  readonly loss: number
}

/** The training steps among the events of a run. */
export function lossesOf(events: readonly TimedEvent[]): StepLoss[] {
  return events.flatMap(({ type, step, loss }) =>
    (type === 'train' || type === 'continue') && typeof loss === 'number' ? [{ phase: type, step, loss }] : [],
  )
}
