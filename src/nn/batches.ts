/**
 * Deterministic batches: epochs are random permutations, laid end to end and cut into batches. Batch k is a pure function of
 * (seed, k), so a resumed run sees what an uninterrupted one sees.
 */
import { inputError, MOST, randomStream } from '../base/index.ts'

/** How rows are drawn. `count`: rows there are; `batch`: rows per batch (may exceed `count`). */
export interface BatchOptions {
  readonly seed: number
  readonly batch: number
  readonly count: number
}

/** A function from step (0, 1, …) to the rows of its batch; keeps the permutation of the last epoch it needed. */
export function batches({ seed, batch, count }: BatchOptions): (step: number) => Int32Array {
  for (const [name, value] of Object.entries({ batch, count })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw inputError('data.batch', `${name} must be a positive integer, got ${value}`)
    }
  }
  if (batch > MOST.batch) throw inputError('data.batch', `batch must be at most ${MOST.batch}, got ${batch}`)
  let kept: { epoch: number; order: Int32Array } = { epoch: -1, order: new Int32Array(0) }
  const orderOf = (epoch: number): Int32Array => {
    if (kept.epoch !== epoch) {
      kept = { epoch, order: randomStream({ seed, purpose: 'data.batch', step: epoch }).permutation(count) }
    }
    return kept.order
  }
  return (step) =>
    Int32Array.from({ length: batch }, (_, i) => {
      const position = step * batch + i
      return orderOf(Math.floor(position / count))[position % count]
    })
}
