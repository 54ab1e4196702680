/** What is to be said of a run whose gradients had to leave something out, or were not what they are meant to be. */
import type { LearnSettings, TuningRecord } from '../../tuners/index.ts'

export const gradientNotes = (
  history: readonly TuningRecord[],
  settings: Pick<LearnSettings, 'learn' | 'z' | 'hypergradient'>,
): string[] => [...directNotes(settings), ...kinkNotes(history), ...solveNotes(history), ...unresolvedNotes(history)]

/** Where the distance had kinks in tuning: see `droppedDirections`. */
function kinkNotes(history: readonly TuningRecord[]): string[] {
  const dropped = history.flatMap(({ droppedDirections }) => droppedDirections ?? [])
  if (dropped.length === 0) return []
  return [
    `in ${dropped.length} of ${history.length} iterations the features of the generated images did not vary along some directions (up to ` +
      `${Math.max(...dropped)}) in which those of the real images do: the gradient of the distance leaves these out`,
  ]
}

/** A system is taken as solved where no more than this share of its right side is left. */
const SOLVED = 0.5

/** Linear systems of `implicit` that were left early, or are far from solved: conjugate gradients pass far above the right side's size on their way. */
function solveNotes(history: readonly TuningRecord[]): string[] {
  const solves = history.flatMap(({ solve }) => solve ?? [])
  const systems = solves.reduce((sum, solve) => sum + solve.systems, 0)
  const indefinite = solves.reduce((sum, solve) => sum + solve.indefinite, 0)
  const left = Math.max(0, ...solves.map(({ residual }) => residual))
  const notes: string[] = []
  if (indefinite > 0) {
    notes.push(
      `${indefinite} of ${systems} linear systems of hypergradient implicit were left before they were solved, as the loss curves downwards along a direction at the network ` +
        'it was taken at: more training steps before tuning help, or hypergradient unrolled, which solves no system',
    )
  }
  if (left > SOLVED) {
    notes.push(
      `the linear systems of hypergradient implicit are not solved: up to ${left.toPrecision(2)} times the right side was left, so take the size of the gradient for rough, and its sign for what its standard error allows`,
    )
  }
  return notes
}

/** A training schedule that stood still because no gradient in it was told from noise. */
function unresolvedNotes(history: readonly TuningRecord[]): string[] {
  const known = history.filter(({ unresolved }) => unresolved !== undefined)
  const names = Object.keys(known[0]?.gradientErrors ?? {})
  const still = names.filter((name) => known.every(({ unresolved = [] }) => unresolved.includes(name)))
  if (still.length === 0) return []
  return [
    `${still.join(', ')} stayed as at the start: in none of ${known.length} iterations was the gradient above two of its standard errors; more images (--tuning-samples) resolve more`,
  ]
}

/** One schedule for both by the direct part alone. Measured: docs/results/hypergradient. */
function directNotes({ learn, z, hypergradient }: Pick<LearnSettings, 'learn' | 'z' | 'hypergradient'>): string[] {
  if (learn !== 'tied' || z || hypergradient !== 'penalty') return []
  return [
    'the gradient is that of the sampling alone, without what comes through training: held against retraining of the 16x16 network it had the wrong sign in tau at the default ' +
      'schedule, for three seeds of three, and was several times too large elsewhere; --hypergradient implicit has both parts, and moves only what it resolves',
  ]
}
