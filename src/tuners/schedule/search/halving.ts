/**
 * Successive halving (Jamieson & Talwalkar 2016, arXiv 1502.07943) of things that are compared by a number: all of them on few samples, the
 * better part on more, the last on all. Which ones go on is decided on the same noise.
 */

/** A round: on how many samples, and how many of the best go on. */
export interface Round {
  readonly samples: number
  readonly entrants: number
}

/** Shares of the samples of a round, and the share of entrants that goes on to the next. */
const SHARES = [1 / 8, 1 / 4, 1 / 2, 1] as const
const GO_ON = 1 / 3
/** The fewest that are compared on all samples, and the fewest samples that say anything. */
const FINALISTS = 4
const LEAST_SAMPLES = 16

/** A last round of the best few on more samples, where what is near together has to be told apart. */
export interface Final {
  /** Samples of that round, in those of the round before. */
  readonly times: number
  readonly entrants: number
}

/** The rounds of so many entrants on at most so many samples, and of the final, if there is more than one to choose from. */
export function roundsOf(entrants: number, samples: number, final?: Final): Round[] {
  const rounds: Round[] = []
  let left = entrants
  for (const share of SHARES) {
    const drawn = Math.min(samples, Math.max(LEAST_SAMPLES, Math.ceil(samples * share)))
    const last = rounds.at(-1)
    // Few entrants go to the last round at once.
    if (left <= FINALISTS && drawn < samples) continue
    if (last?.samples === drawn) continue
    rounds.push({ samples: drawn, entrants: left })
    left = Math.max(Math.min(left, FINALISTS), Math.ceil(left * GO_ON))
  }
  if (final && entrants > 1) {
    rounds.push({ samples: final.times * samples, entrants: Math.min(entrants, final.entrants) })
  }
  return rounds
}

/** Samples of all rounds together, counted once an entrant. */
export const samplesOfRounds = (entrants: number, samples: number, final?: Final): number =>
  roundsOf(entrants, samples, final).reduce((sum, round) => sum + round.samples * round.entrants, 0)

/** An entrant with its number of the last round that it was in. */
export interface Ranked<T> {
  readonly entrant: T
  readonly value: number
  /** Samples of that round: numbers of different rounds do not compare. */
  readonly samples: number
}

/**
 * Ranks the entrants, the best first: by the last round they were in, then by its value. Values that are not numbers come last.
 * @param measure a number of an entrant on so many samples, smaller being better
 */
export async function halved<T>(
  entrants: readonly T[],
  rounds: readonly Round[],
  measure: (entrant: T, samples: number) => Promise<number>,
  onRanked?: (ranked: Ranked<T>) => void | Promise<void>,
): Promise<Ranked<T>[]> {
  let left: readonly T[] = entrants
  let out: Ranked<T>[] = []
  for (const [i, { samples: drawn }] of rounds.entries()) {
    const ranked: Ranked<T>[] = []
    for (const entrant of left) {
      ranked.push({ entrant, value: await measure(entrant, drawn), samples: drawn })
      await onRanked?.(ranked[ranked.length - 1])
    }
    ranked.sort((a, b) => order(a.value) - order(b.value))
    const next = rounds[i + 1]?.entrants ?? ranked.length
    left = ranked.slice(0, next).map(({ entrant }) => entrant)
    out = i + 1 < rounds.length ? [...ranked.slice(next), ...out] : [...ranked, ...out]
  }
  return out
}

const order = (value: number): number => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value)
