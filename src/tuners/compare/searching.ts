/** A search by asking and telling as a method of a comparison. */
import { throwIfInterrupted } from '../../base/index.ts'
import type { Outcome, SearchMethod, SearchSpace, Trial } from '../../search/index.ts'
import { Search } from '../../search/index.ts'
import type { Contestant } from './contestant.ts'

/** What is searched. */
export interface Searched<S> {
  readonly space: SearchSpace
  readonly start: readonly number[]
  /** Network evaluations of a share of a whole measurement. */
  cost(share: number): number
  /** On the same noise for the same seed. */
  measure(
    point: readonly number[],
    share: number,
    seed: number,
  ): Promise<Outcome & { readonly seen?: Readonly<Record<string, number>> }>
  solution(point: readonly number[]): S
}

/** @param words what it does, for the report */
export function searching<S>(method: SearchMethod, words: string, searched: Searched<S>): Contestant<S> {
  const { space, start, cost, measure, solution } = searched
  return {
    name: method.name,
    words,
    minimum: cost(1),
    async run(turn) {
      const { seed, signal } = turn
      const search = new Search(method, { space, seed, start }, (turn.at.state as readonly Trial[] | null) ?? [])
      let best = turn.at.incumbents.length > 0 ? (search.best?.id ?? null) : null
      for (;;) {
        throwIfInterrupted(signal)
        const trial = await search.ask()
        // One at a time, so there is nothing to wait for.
        if (trial === null || trial === 'wait') return
        const needed = cost(trial.share)
        if (!turn.affords(needed)) return
        const { value, standardError, seen } = await measure(trial.point, trial.share, seed)
        search.tell(trial.id, { value, standardError })
        const now = search.best
        const isNew = now !== null && now.id !== best
        best = now?.id ?? null
        await turn.done({
          cost: needed,
          state: search.study.trials,
          trials: [
            {
              parameters: Object.fromEntries(space.map(({ name }, i) => [name, trial.point[i]])),
              share: trial.share,
              value: Number.isFinite(value) ? value : null,
              standardError,
              evaluations: turn.at.evaluations + needed,
              ...(seen && { seen }),
            },
          ],
          ...(isNew && { incumbent: { solution: solution(now.point), value: now.outcome?.value ?? null } }),
        })
      }
    },
  }
}
