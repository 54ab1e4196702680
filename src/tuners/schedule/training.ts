/** The training phases: the run that both sides share, and the default side trained on by what tuning cost. */
import { internalError } from '../../base/index.ts'
import type { TrainedState } from '../../diffusion/index.ts'
import { train } from '../../diffusion/index.ts'
import { trainingStepCost } from './cost.ts'
import type { Job } from './job.ts'
import { trainedHere } from './subject.ts'

/**
 * Trains from `from` (null: the start) to `steps` steps in all, under the schedule that nothing has been learned of yet.
 * @param onState called after every step with the state to go on from, which stays as it is until the next call is over
 */
export async function trainTo(
  job: Job,
  from: TrainedState | null,
  steps: number,
  onState: (state: TrainedState, loss: number) => Promise<void>,
): Promise<TrainedState> {
  const { trainer, trainedOn: schedule, rate, settings, signal } = job
  if (!trainer) throw internalError('a job without a trainer was asked to train')
  const start = from ?? startOf(job)
  return train(trainer, {
    steps,
    schedule,
    rate,
    maxDecay: settings.emaDecay,
    ...(start && { from: start }),
    ...(signal && { signal }),
    passing: true,
    onStep: ({ loss }, state) => onState(state, loss),
  })
}

/** A run that starts from given weights instead of fresh ones: their own average, zero moments. */
function startOf({ subject, trainer }: Job): TrainedState | undefined {
  const state = trainedHere(subject)?.state
  if (!state || !trainer) return undefined
  const { weights, statistics } = state
  return { training: { ...trainer.initialState(), weights, statistics }, ema: weights.slice() }
}

/** Training steps that cost as much as `evaluations`, rounded to the nearest: what the default side trains on. */
export function equalSteps({ settings }: Job, evaluations: number): number {
  return Math.round(evaluations / trainingStepCost(settings))
}
