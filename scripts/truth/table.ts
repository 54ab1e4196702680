/** The page of `npm run proof:truth`: a table of problems, and how often intervals hold the truth altogether. */
import type { Attempt } from './attempt.ts'
import type { GoldTruth } from './gold.ts'
import { goldOf } from './gold.ts'
import type { TruthProblem } from './problem.ts'
import { problemNamed } from './problems.ts'

/** The runs of one problem. */
export interface ProblemRuns {
  readonly name: string
  readonly command: string
  readonly commit: string
  readonly changed: readonly string[]
  readonly machine: string
  readonly runs: readonly Attempt[]
}

/** Regret from which a value counts as a bad one. */
const BAD = 0.1

const HEAD = [
  ...['problem', 'truth', 'median value', 'resolved', 'of them hold', 'why not resolved', 'regret: median, most'],
  ...[`resolved with regret > ${BAD}`, 'median evaluations', 'median high/low', 'seconds a run'],
]

export function truthPage(records: readonly ProblemRuns[], gold: ReadonlyMap<string, GoldTruth>): string {
  const known = records.filter(({ runs }) => runs.length > 0)
  const rows = known.map((record) => rowOf(record, goldOf(gold, record)))
  const commits = [
    ...new Set(known.map(({ commit, changed }) => commit.slice(0, 12) + (changed.length > 0 ? ' and changes' : ''))),
  ]
  const commands = [...new Set(known.map(({ command }) => `\`${command}\``))]
  const [first] = known
  return `# Does the interval of lambda hold the truth?

Problems with an answer by quadrature of the chain's own Markov operator (\`test/gold/lambdaTruth.json\`), at the default tolerance and evaluations. "Hold":
the best lambda of the whole range lies in the interval; where no lambda is best, nothing that is resolved holds. Regret: how much worse
the value is than the best, over the spread between worst and best in the range. Evaluations: without the trade-off curve.
High/low: of resolved intervals.

Command: ${commands.join(', ')}; commit ${commits.join(', ')}; ${first?.machine ?? ''}.

${[HEAD, ...rows].map((row, i) => `| ${row.join(' | ')} |${i === 0 ? `\n|${' --- |'.repeat(row.length)}` : ''}`).join('\n')}

${totals(known)}
`
}

function rowOf({ name, runs }: ProblemRuns, truth: GoldTruth): string[] {
  const resolved = runs.filter((run) => run.resolved)
  const bad = resolved.filter(({ regret }) => regret > BAD)
  const median = (values: readonly number[], digits: number) =>
    values.length > 0 ? medianOf(values).toPrecision(digits) : '–'
  return [
    name,
    truthInWords(truth),
    median(
      runs.map(({ value }) => value),
      3,
    ),
    `${resolved.length} of ${runs.length}`,
    `${resolved.filter(({ holds }) => holds).length} of ${resolved.length}`,
    reasonsOf(runs),
    `${medianOf(runs.map(({ regret }) => regret)).toFixed(3)}, ${Math.max(...runs.map(({ regret }) => regret)).toFixed(3)}`,
    String(bad.length),
    String(Math.round(medianOf(runs.map(({ evaluations }) => evaluations)))),
    median(
      resolved.map(({ low, high }) => high / low),
      3,
    ),
    medianOf(runs.map(({ seconds }) => seconds)).toFixed(1),
  ]
}

function truthInWords({ optima: [best, ...others] }: GoldTruth): string {
  if (!best) return 'none'
  const end = best.kind === 'inside' ? '' : `, ${best.kind} end`
  const more = others.length > 0 ? ` (also ${others.map(({ lambda }) => lambda.toPrecision(3)).join(', ')})` : ''
  return `${best.lambda.toPrecision(4)}${end}${more}`
}

/** Reasons without their numbers, the most frequent first. */
function reasonsOf(runs: readonly Attempt[]): string {
  const counts = new Map<string, number>()
  for (const { reason, resolved } of runs) {
    if (resolved) continue
    const [words] = (reason ?? 'no reason')
      .replace(/'[^']*'/g, '…')
      .replace(/\[[^\]]*\]/g, '[…]')
      .split(/[;:] /)
    const plain = words.replace(/\d[\d.]*(e[+-]?\d+)?/g, '#').replaceAll('|', '/')
    counts.set(plain, (counts.get(plain) ?? 0) + 1)
  }
  const most = [...counts].sort((a, b) => b[1] - a[1])
  return most.map(([words, count]) => `${count} x ${words}`).join('; ')
}

function totals(records: readonly ProblemRuns[]): string {
  const line = (what: string, include: (problem: TruthProblem) => boolean) => {
    const runs = records.filter(({ name }) => include(problemNamed(name))).flatMap((record) => record.runs)
    if (runs.length === 0) return []
    const resolved = runs.filter((run) => run.resolved)
    const held = resolved.filter(({ holds }) => holds).length
    const share = resolved.length > 0 ? ` (${((100 * held) / resolved.length).toFixed(1)} %)` : ''
    const bad = resolved.filter(({ regret }) => regret > BAD).length
    return [
      `- ${what}: ${resolved.length} of ${runs.length} runs resolved, ${held} of them hold${share}, ${bad} of them with a regret above ${BAD}`,
    ]
  }
  const targets = ['guided', 'tilt', 'penalty'] as const
  return [
    ...line('All', () => true),
    ...targets.flatMap((target) => line(`Target ${target}`, (problem) => problem.target === target)),
  ].join('\n')
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}
