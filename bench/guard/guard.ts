/** Whether anything became slower: figures as multiples of what their arithmetic takes at the rate of matrix products of the same run. */

/** What `bench --json` gives, as far as it is read. */
export interface GuardRun {
  readonly gemmGflops: number
  /** Seconds by part. */
  readonly seconds: Readonly<Record<string, number>>
}

/** By part: seconds times the rate of matrix products in GFLOP/s, so billions of operations that would have taken as long. */
export type GuardFigures = Readonly<Record<string, number>>

/** The least of all runs: what else goes on on a machine only ever makes a figure larger. */
export function guardFigures(runs: readonly GuardRun[]): GuardFigures {
  const parts = Object.keys(runs[0].seconds)
  return Object.fromEntries(
    parts.map((part) => [part, Math.min(...runs.map(({ seconds, gemmGflops }) => seconds[part] * gemmGflops))]),
  )
}

/** What a part may be above its committed figure. */
export const ALLOWED = 0.1

export interface GuardRow {
  readonly part: string
  readonly now: number
  readonly before: number
  /** now / before. */
  readonly ratio: number
  readonly slower: boolean
}

/** Parts that both have. */
export const guardRows = (now: GuardFigures, before: GuardFigures): GuardRow[] =>
  Object.keys(now)
    .filter((part) => part in before)
    .map((part) => {
      const ratio = now[part] / before[part]
      return { part, now: now[part], before: before[part], ratio, slower: ratio > 1 + ALLOWED }
    })
