/** What is to be said of a run whose gradients had to leave something out. */
import type { TuningRecord } from '../../tuners/index.ts'

/** A note where the distance had kinks in tuning: see `droppedDirections`. */
export function kinkNotes(history: readonly TuningRecord[]): string[] {
  const dropped = history.flatMap(({ droppedDirections }) => droppedDirections ?? [])
  if (dropped.length === 0) return []
  return [
    `in ${dropped.length} of ${history.length} iterations the features of the generated images did not vary along some directions (up to ` +
      `${Math.max(...dropped)}) in which those of the real images do: the gradient of the distance leaves these out`,
  ]
}
