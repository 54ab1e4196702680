/** The loop of training around its step, with the moving average of the weights. */
import { releaseMemory, throwIfInterrupted } from '../../base/index.ts'
import { emaDecay, updateEma } from '../../nn/index.ts'
import type { Trainer, TrainingState } from './trainer.ts'
import type { TrainingSchedule } from './trainingSchedule.ts'

/** What `train` reports after each step. */
export interface TrainingProgress {
  readonly step: number
  readonly loss: number
}

/** State of training and the moving average (EMA) of its weights, which is what is deployed. */
export interface TrainedState {
  readonly training: TrainingState
  readonly ema: Float32Array
}

/**
 * Runs training to `steps` in all, with EMA of decay min(maxDecay, (k+1)/(k+10)).
 * @param options.from   where to go on; default a fresh start. At `steps` steps or more: returned as it is
 * @param options.rate   learning rate of a step, 0-based
 * @param options.onStep called after every step with the state to go on from; awaited
 * @param options.passing whether a state that `onStep` was given is read no more once the next call of it is over: its memory is
 *   given back then, where the collector would take a tenth of the time from the step. Default false: states stay as they are
 * @throws `training.nan`; `interrupted` through `signal`, once the step under way is finished
 */
export async function train(
  trainer: Trainer,
  options: {
    readonly steps: number
    readonly schedule: TrainingSchedule
    readonly rate: (step: number) => number
    readonly from?: TrainedState
    readonly maxDecay?: number
    readonly onStep?: (progress: TrainingProgress, state: TrainedState) => void | Promise<void>
    readonly passing?: boolean
    readonly signal?: AbortSignal
  },
): Promise<TrainedState> {
  const { steps, schedule, rate, from, maxDecay = 0.995, onStep, passing = false, signal } = options
  let state: TrainingState = from?.training ?? trainer.initialState()
  let ema = from?.ema ?? state.weights
  let loss: number | null = null
  /** What `onStep` was given last. */
  let last: TrainedState | null = null
  const finishStep = async () => {
    if (loss === null) return
    const progress = { step: state.step, loss }
    loss = null
    // A new vector every step: the states handed out are values that stay as they are.
    ema = ema.slice()
    updateEma(ema, state.weights, emaDecay(state.step, maxDecay))
    const now = { training: state, ema }
    await onStep?.(progress, now)
    if (last && passing) releaseState(last, now)
    last = now
  }
  let minibatch = state.step < steps ? trainer.draw(state.step) : null
  while (minibatch && state.step < steps) {
    if (signal?.aborted) await finishStep()
    throwIfInterrupted(signal)
    const stepping = trainer.step(state, schedule, minibatch, rate(state.step))
    // While the lanes are at work: the rest of the step before, and what the next one needs.
    await settled(stepping, finishStep)
    minibatch = trainer.draw(state.step + 1)
    const { loss: came, ...next } = await stepping
    state = next
    loss = came
  }
  await finishStep()
  return { training: state, ema }
}

/** Frees the memory of a state, but for what the next one has of it. */
function releaseState(state: TrainedState, next: TrainedState): void {
  const kept = new Set(vectorsOf(next))
  releaseMemory(vectorsOf(state).filter((vector) => !kept.has(vector)))
}

const vectorsOf = ({ training: { weights, statistics, slots }, ema }: TrainedState): Float32Array[] => [
  weights,
  statistics,
  ...Object.values(slots),
  ema,
]

/** Runs `meanwhile` to its end, whatever becomes of what is under way; where it fails itself, waits for that before it says so. */
async function settled(underWay: Promise<unknown>, meanwhile: () => Promise<void>): Promise<void> {
  const over = underWay.catch(() => undefined)
  try {
    await meanwhile()
  } catch (error) {
    await over
    throw error
  }
}
