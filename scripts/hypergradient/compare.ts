/** Estimates beside the truth: sign, size and what they cost. */
import type { EstimateRow, HypergradientRecord, Name, TruthRow } from '../proofHypergradient.ts'
import { slopesOf } from './branches.ts'

export type Part = 'indirect' | 'total'

/** A hypergradient, or df/dq alone, which is what moves `--learn tied` without z. */
export type Column = Name | 'direct'

/** A number with its standard error; null where it is one draw. */
export interface Told {
  readonly value: number
  readonly error: number | null
}

/** One place, parameter and horizon. */
export interface Comparison {
  readonly point: string
  readonly seed: number
  readonly parameter: string
  readonly horizon: number
  readonly draws: number
  readonly truth: Readonly<Record<Part, Told>>
  readonly estimates: Readonly<Partial<Record<Column, Readonly<Partial<Record<Part, Told>>>>>>
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function groupsOf<T>(rows: readonly T[], keyOf: (row: T) => string): T[][] {
  const groups = new Map<string, T[]>()
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row])
  return [...groups.values()]
}

/** Every comparison there is; the spread of draws is taken to be that of all seeds, for each point, parameter and horizon. */
export function comparisonsOf({ truths, estimates }: HypergradientRecord): Comparison[] {
  const kinds = groupsOf(truths, ({ point, parameter, horizon }) => [point, parameter, horizon].join())
  return kinds
    .flatMap((kind) => {
      const seeds = groupsOf(kind, ({ seed }) => String(seed))
      const spread = { indirect: spreadOf(seeds, 'indirect'), total: spreadOf(seeds, 'total') }
      return seeds.map((rows) => {
        const { point, seed, parameter, horizon } = rows[0]
        const told = (part: Part): Told => ({
          value: mean(rows.map((row) => slopeOf(row, part))),
          error: spread[part] === null ? null : spread[part] / Math.sqrt(rows.length),
        })
        const here = estimates.filter(
          (row) => row.point === point && row.seed === seed && row.horizon === horizon && parameter in row.gradient,
        )
        return {
          ...{ point, seed, parameter, horizon, draws: rows.length },
          truth: { indirect: told('indirect'), total: told('total') },
          estimates: { ...directOf(here, parameter), ...estimatesOf(here, parameter) },
        }
      })
    })
    .sort(
      (a, b) =>
        a.point.localeCompare(b.point) ||
        a.parameter.localeCompare(b.parameter) ||
        a.horizon - b.horizon ||
        a.seed - b.seed,
    )
}

const slopeOf = (row: TruthRow, part: Part): number => slopesOf(row, row.parameter)[part]

/** Standard deviation of one draw about the mean of its seed, over all seeds; null where no seed has two. */
function spreadOf(seeds: readonly (readonly TruthRow[])[], part: Part): number | null {
  const about = seeds.map((rows) => {
    const middle = mean(rows.map((row) => slopeOf(row, part)))
    return rows.reduce((sum, row) => sum + (slopeOf(row, part) - middle) ** 2, 0)
  })
  const freedom = seeds.reduce((sum, rows) => sum + rows.length - 1, 0)
  return freedom === 0 ? null : Math.sqrt(about.reduce((sum, one) => sum + one, 0) / freedom)
}

const estimatesOf = (rows: readonly EstimateRow[], parameter: string) =>
  Object.fromEntries(rows.map((row) => [row.name, estimateOf(row, parameter)]))

/** At the averaged network, as `implicit` and `unrolled` take it; of one estimate, so without an error. */
function directOf(rows: readonly EstimateRow[], parameter: string) {
  const row = rows.find(({ name }) => name !== 'penalty')
  return row && { direct: { total: { value: row.direct[parameter], error: null } } }
}

const estimateOf = (
  { indirect, indirectError, gradient, error }: EstimateRow,
  parameter: string,
): Record<Part, Told> => ({
  indirect: { value: indirect[parameter], error: indirectError?.[parameter] ?? null },
  total: { value: gradient[parameter], error: error?.[parameter] ?? null },
})

/** Whether a number is told from 0. */
export const isTold = ({ value, error }: Told): boolean => error !== null && Math.abs(value) >= 2 * error

/** Whether a step would be taken: where no error is known, always. */
const moves = (told: Told): boolean => told.error === null || isTold(told)

/** How an estimate's signs agree with the truth, where the truth is told from 0. */
export interface Signs {
  readonly compared: number
  readonly right: number
  readonly wrong: number
  /** The estimate itself is not told from 0, so that no step would be taken; and how many of these have the right sign all the same. */
  readonly unresolved: number
  readonly unresolvedRight: number
  /** Median of estimate / truth. */
  readonly size: number
}

export function signsOf(comparisons: readonly Comparison[], name: Column, part: Part): Signs {
  const pairs = comparisons.flatMap(({ truth, estimates }) => {
    const estimate = estimates[name]?.[part]
    return estimate && isTold(truth[part]) ? [{ truth: truth[part], estimate }] : []
  })
  const agrees = ({ truth, estimate }: (typeof pairs)[number]) => Math.sign(truth.value) === Math.sign(estimate.value)
  const told = pairs.filter(({ estimate }) => moves(estimate))
  const rest = pairs.filter(({ estimate }) => !moves(estimate))
  return {
    compared: pairs.length,
    right: told.filter(agrees).length,
    wrong: told.filter((pair) => !agrees(pair)).length,
    unresolved: rest.length,
    unresolvedRight: rest.filter(agrees).length,
    size: pairs.length === 0 ? Number.NaN : median(pairs.map(({ truth, estimate }) => estimate.value / truth.value)),
  }
}
