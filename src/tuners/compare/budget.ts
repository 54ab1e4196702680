/** What each method of a comparison may spend: network evaluations of one image, as `schedule/cost.ts` counts them, or time. */
import { inputError } from '../../base/index.ts'

export type Budget =
  | { readonly kind: 'evaluations'; readonly most: number }
  | { readonly kind: 'seconds'; readonly most: number }

/** What was spent. */
export interface Spent {
  readonly evaluations: number
  readonly seconds: number
}

export const NOTHING_SPENT: Spent = { evaluations: 0, seconds: 0 }

/** `200000`: network evaluations; `20m`: minutes. @throws `compare.budget` */
export function budgetOf(words: string | number): Budget {
  const found = /^(\d+(?:\.\d+)?)(m?)$/.exec(String(words))
  const most = Number(found?.[1])
  if (!found || !(most > 0) || (found[2] === '' && !Number.isSafeInteger(most))) {
    throw inputError(
      'compare.budget',
      `a budget is a number of network evaluations (200000), or minutes (20m), above 0; got ${words}`,
    )
  }
  return found[2] === 'm' ? { kind: 'seconds', most: 60 * most } : { kind: 'evaluations', most }
}

export const budgetText = ({ kind, most }: Budget): string =>
  kind === 'evaluations' ? `${most.toLocaleString('en')} network evaluations` : `${most / 60} min`

/** Whether a piece of work fits into what is left. Of time, where something was done: at the pace so far. */
export function affords(budget: Budget, { evaluations, seconds }: Spent, cost: number): boolean {
  if (budget.kind === 'evaluations') return evaluations + cost <= budget.most
  const expected = evaluations > 0 ? (seconds / evaluations) * cost : 0
  return seconds + expected <= budget.most
}
