/** `result.json` of a user's own problem: equal runs give equal bytes, so it holds no times. */
import type { BilevelProblem, PenaltyState } from '../../bilevel/index.ts'
import { blockNames, byParameter } from '../../bilevel/index.ts'
import type { ProblemRecord } from './record.ts'
import type { ProblemConfig } from './settings.ts'

export interface ProblemJson {
  readonly name: string
  /** Steps that were made. */
  readonly iterations: number
  /** The upper objective as it was last measured, before the last step, and at the first; null where it was not. */
  readonly value: { readonly first: number | null; readonly last: number | null }
  /** Where each upper variable started and ended, and its box; by name, with several blocks as `block.parameter`. */
  readonly parameters: Readonly<Record<string, ParameterJson>>
  readonly networkEvaluations: number
  readonly settings: ProblemConfig
  readonly versions: Readonly<Record<string, string>>
  readonly history: readonly ProblemRecord[]
}

export interface ParameterJson {
  readonly start: number
  readonly end: number
  readonly low: number
  readonly high: number
}

export function problemJson<B extends string, S, Batch>(
  { blocks }: BilevelProblem<B, S, Batch>,
  { upper, iteration, evaluations }: PenaltyState<B, S>,
  history: readonly ProblemRecord[],
  { settings, versions }: Pick<ProblemJson, 'settings' | 'versions'>,
): ProblemJson {
  const of = (key: 'initial' | 'low' | 'high') =>
    byParameter(
      blocks,
      Object.fromEntries(blockNames(blocks).map((block) => [block, blocks[block][key]])) as typeof upper,
    )
  const [start, low, high] = [of('initial'), of('low'), of('high')]
  const parameters = Object.entries(byParameter(blocks, upper)).map(([name, end]): [string, ParameterJson] => [
    name,
    { start: start[name], end, low: low[name], high: high[name] },
  ])
  const values = history.flatMap(({ value }) => value ?? [])
  return {
    name: String(settings.name),
    iterations: iteration,
    value: { first: values[0] ?? null, last: values[values.length - 1] ?? null },
    parameters: Object.fromEntries(parameters),
    networkEvaluations: evaluations,
    settings,
    versions,
    history,
  }
}
