/** A job and all that it said on the way. */
import { expect } from 'vitest'
import type { LearnCheckpoint } from './checkpoint.ts'
import type { LearnEvent, LearnProgress } from './events.ts'
import type { LearnedModel } from './learn.ts'
import { learnSchedule } from './learn.ts'
import type { LearnOptions } from './options.ts'

/** Everything that must repeat: all but the seconds. */
export const lasting = ({ result: { seconds: _, ...result }, ...learned }: LearnedModel) => {
  const { model, defaultModel, trainingSchedule, steps, ...rest } = learned
  return {
    ...rest,
    result,
    steps: steps.map(({ result: { seconds: _, ...one }, ...other }) => ({ ...other, result: one })),
    state: model?.state,
    defaultState: defaultModel?.state,
    defaultTraining: defaultModel?.trainingSchedule.logSnr,
    training: trainingSchedule.logSnr,
  }
}

export interface Recorded {
  readonly learned: LearnedModel
  readonly checkpoints: readonly LearnCheckpoint[]
  readonly progress: readonly LearnProgress[]
  readonly events: readonly LearnEvent[]
}

export async function recorded(options: LearnOptions): Promise<Recorded> {
  const checkpoints: LearnCheckpoint[] = []
  const progress: LearnProgress[] = []
  const events: LearnEvent[] = []
  const learned = await learnSchedule({
    ...options,
    // As a file would: what happens later must not reach it.
    onCheckpoint: (checkpoint) => void checkpoints.push(structuredClone(checkpoint)),
    onProgress: (at) => void progress.push(at),
    onEvent: (event) => void events.push(event),
  })
  return { learned, checkpoints, progress, events }
}

/** Progress rises from `from` at least, in evaluations and in share, and never passes its total. */
export function expectRising(progress: readonly LearnProgress[], from: number): void {
  expect(progress[0].done).toBeGreaterThanOrEqual(from)
  progress.forEach(({ done, total }, i) => {
    expect(done).toBeLessThanOrEqual(total)
    if (i === 0) return
    expect(done).toBeGreaterThanOrEqual(progress[i - 1].done)
    expect(done / total).toBeGreaterThanOrEqual(progress[i - 1].done / progress[i - 1].total)
  })
}
