/** The result of a comparison as JSON: what `--json` prints and `result.json` holds. */

import type { Json } from '../../../runs/index.ts'
import type { Contestant, Entry, Figures } from '../../../tuners/index.ts'
import { budgetOf, standings } from '../../../tuners/index.ts'
import type { CompareConfig } from '../settings.ts'

/** How a figure is told. */
export interface FigureWords {
  readonly name: string
  readonly label: string
  readonly better: 'lower' | 'higher'
}

/** What all reports of a comparison need beside its entries. */
export interface CompareContext {
  readonly run: string
  /** The command: `compare schedule`. */
  readonly command: string
  readonly config: CompareConfig & { readonly [key: string]: unknown }
  readonly contestants: readonly Pick<Contestant<unknown>, 'name' | 'words'>[]
  /** The first is the one that counts. */
  readonly figures: readonly FigureWords[]
  /** How it was measured, a sentence each. */
  readonly protocol: readonly string[]
  readonly notes: readonly string[]
  readonly versions: Readonly<Record<string, string>>
  readonly sources: Readonly<Record<string, Json>>
  /** What trials saw beside their value and is drawn against each other, [across, up]; null: nothing. */
  readonly tradeOff: readonly [string, string] | null
}

export interface MethodJson {
  readonly name: string
  readonly words: string
  /** Mean over seeds, errors over seeds and images; of one seed over its images. */
  readonly figures: Figures
  /** Spent, mean over seeds. */
  readonly networkEvaluations: number
  readonly seconds: number
  readonly trials: number
  readonly runs: readonly {
    readonly seed: number
    readonly networkEvaluations: number
    readonly figures: Figures
    /** Best so far, as it was later measured. */
    readonly path: readonly { readonly evaluations: number; readonly value: number }[]
  }[]
}

export interface CompareJson {
  readonly command: string
  readonly run: string
  readonly budget: { readonly kind: 'evaluations' | 'seconds'; readonly most: number }
  readonly seeds: readonly number[]
  readonly comparedBy: string
  /** The best first. */
  readonly methods: readonly MethodJson[]
  /** Points that no other is better than in both, of those that were tried whole; null: nothing is traded off. */
  readonly front: readonly { readonly method: string; readonly across: number; readonly up: number }[] | null
  readonly protocol: readonly string[]
  readonly notes: readonly string[]
  readonly settings: { readonly [key: string]: unknown }
  readonly sources: Readonly<Record<string, Json>>
  readonly versions: Readonly<Record<string, string>>
}

export function compareJson(entries: readonly Entry<unknown>[], context: CompareContext): CompareJson {
  const { command, run, config, contestants, figures, protocol, notes, versions, sources } = context
  const [first] = figures
  const sign = first.better === 'lower' ? 1 : -1
  const rows = standings(entries).map((row): MethodJson => {
    const own = entries.filter(({ method }) => method === row.method)
    return {
      name: row.method,
      words: contestants.find(({ name }) => name === row.method)?.words ?? '',
      figures: row.figures,
      networkEvaluations: row.evaluations,
      seconds: row.seconds,
      trials: own.reduce((sum, { standing }) => sum + standing.trials.length, 0) / own.length,
      runs: own.map(({ seed, standing, figures: found, path }) => ({
        seed,
        networkEvaluations: standing.evaluations,
        figures: found ?? {},
        path: path ?? [],
      })),
    }
  })
  return {
    command,
    run,
    budget: budgetOf(config.budget),
    seeds: config.seeds,
    comparedBy: first.label,
    methods: rows.toSorted((a, b) => sign * (a.figures[first.name].mean - b.figures[first.name].mean)),
    front: context.tradeOff && frontOf(tradedOff(entries, context.tradeOff)),
    protocol,
    notes,
    settings: config,
    sources,
    versions,
  }
}

export interface TradedOff {
  readonly method: string
  readonly across: number
  readonly up: number
}

/** Every whole trial as a point of the trade-off. */
export function tradedOff(entries: readonly Entry<unknown>[], [across, up]: readonly [string, string]): TradedOff[] {
  return entries.flatMap(({ method, standing }) =>
    standing.trials.flatMap(({ seen, share }) =>
      share === 1 && seen && across in seen && up in seen ? [{ method, across: seen[across], up: seen[up] }] : [],
    ),
  )
}

/** Those that no other is at least as good as in both and better in one; larger is better; by the first. */
export function frontOf(points: readonly TradedOff[]): TradedOff[] {
  const sorted = points.toSorted((a, b) => b.across - a.across || b.up - a.up)
  let best = Number.NEGATIVE_INFINITY
  const front = sorted.filter(({ up }) => {
    if (up <= best) return false
    best = up
    return true
  })
  return front.reverse()
}
