/** The page of hypergradients against retraining, from the record. */
import type { EstimateRow, HypergradientRecord, Name } from '../proofHypergradient.ts'
import type { Column, Comparison, Part, Told } from './compare.ts'
import { comparisonsOf, isTold, median, signsOf } from './compare.ts'

const NAMES: readonly Name[] = ['implicit', 'implicit-hessian', 'unrolled', 'unrolled-hessian', 'penalty']
const COLUMNS: readonly Column[] = [...NAMES, 'direct']
const PARTS: readonly Part[] = ['indirect', 'total']
const BEGAN: Readonly<Record<string, string>> = {
  shipped: 'with the weights of the shipped `digits-16` at the start,',
  fresh: 'with fresh weights at the start,',
}
/** A hypergradient whose sign is wrong in more than this share cannot be a default. */
const MOST_WRONG = 1 / 20
/** Of fewer comparisons nothing follows. */
const FEWEST = 20

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly string[]): string =>
  [line(head), line(head.map(() => '---')), ...rows].join('\n')

export function hypergradientPage(record: HypergradientRecord): string {
  const comparisons = comparisonsOf(record)
  const { beginning, steps, branchImages, estimateImages, shifts, commands } = record
  const moved = Object.entries(shifts).map(([name, shift]) => `${name} ± ${shift}`)
  return `# Hypergradients against retraining

What \`penalty\`, \`implicit\` and \`unrolled\` say of a training schedule, against what training says: from one state of the 16x16 network of \`quick\`, ${BEGAN[beginning]} after
${steps.toLocaleString('en')} steps of a run, two branches go on for K steps on the same minibatches, times and noise, one with a parameter of the schedule moved up, one with it moved down
(${moved.join(', ')}). The difference of their FID (moving average, DPM-Solver++, ten steps, ${branchImages} images of the same start noise) is the truth: *indirect* with the sampling schedule
where it was, *total* with it moved along (\`--learn tied\`). Each draw of minibatches and noise gives one pair; ± is one standard error, over draws. The hypergradients know nothing of the branches: other minibatches, other
start noise, ${estimateImages} images an evaluation (the default). \`implicit\` and \`unrolled\` are of
the Gauss-Newton matrix, \`-hessian\` of the Hessian itself (\`curvature\` of \`LinearSettings\`). A number in brackets is within two of its standard errors of 0. Point \`default\` is the default schedule, \`inner\`
one clear of all bounds (start .03, end .97, tau 1, epsilon .02).

## Signs

Where the truth is told from 0. *Unresolved*: the estimate itself is not told from 0, so that nothing is moved (in brackets: how many have the right sign all the same). \`direct\`: df/dq alone, by which \`--learn tied\` goes without z. *Size*: median of estimate / truth.
${signTable(comparisons)}

${verdict(comparisons)}

## Cost

In training steps (a step: forward, and both derivatives, of 64 images), without the steps that the network makes anyway. *Signal*: (estimate / its standard error)^2 for each 100 training steps of cost, in tau, total; median over seeds.
The error of \`penalty\` is that over the minibatches of its last difference alone: the noise of its pull is not in it, so its signal does not compare.
${costTable(record.estimates)}

## All comparisons
${PARTS.map((part) => `\n### ${part[0].toUpperCase()}${part.slice(1)}\n\n${allTable(comparisons, part)}`).join('\n')}

## How it was made

${commands.map(({ command, commit, machine }) => `- \`${command}\`, commit ${commit}, ${machine}`).join('\n')}

Everything is in \`hypergradient.json\` beside this page, each row with its seed and the index of its command.
`
}

const seedsAmong = (comparisons: readonly Comparison[]) => new Set(comparisons.map(({ seed }) => seed)).size

function signTable(comparisons: readonly Comparison[]): string {
  const horizons = [...new Set(comparisons.map(({ horizon }) => horizon))].sort((a, b) => a - b)
  const rows = COLUMNS.flatMap((name) =>
    PARTS.flatMap((part) =>
      [...horizons.map((k) => [k]), horizons].flatMap((wanted, i) => {
        const among = comparisons.filter(({ horizon }) => wanted.includes(horizon))
        const { compared, right, wrong, unresolved, unresolvedRight, size } = signsOf(among, name, part)
        if (compared === 0) return []
        const k = i < horizons.length ? wanted[0] : 'all'
        const open = unresolved === 0 ? '0' : `${unresolved} (${unresolvedRight})`
        return line([name, part, k, seedsAmong(among), compared, right, wrong, open, size.toFixed(2)])
      }),
    ),
  )
  return `\n${table(['hypergradient', 'part', 'K', 'seeds', 'compared', 'right', 'wrong', 'unresolved', 'size'], rows)}`
}

/** What the signs allow. */
function verdict(comparisons: readonly Comparison[]): string {
  const all = COLUMNS.map((name) => ({ name, signs: PARTS.map((part) => signsOf(comparisons, name, part)) }))
  const lines = all.flatMap(({ name, signs }) => {
    const compared = signs.reduce((sum, one) => sum + one.compared, 0)
    const wrong = signs.reduce((sum, one) => sum + one.wrong, 0)
    if (compared === 0) return []
    const may = wrong <= MOST_WRONG * compared
    const said = compared < FEWEST ? 'too few to say' : may ? 'it may be a default' : 'it cannot be a default'
    return `- \`${name}\`: wrong in ${wrong} of ${compared}: ${said} (at most 1 of 20, of ${FEWEST} at least).`
  })
  return lines.join('\n')
}

function costTable(estimates: readonly EstimateRow[]): string {
  const kinds = NAMES.flatMap((name) =>
    [...new Set(estimates.map(({ horizon }) => horizon))]
      .sort((a, b) => a - b)
      .map((horizon) => estimates.filter((row) => row.name === name && row.horizon === horizon)),
  ).filter((rows) => rows.length > 0)
  const rows = kinds.map((rows) => {
    const signals = rows.flatMap(({ gradient, error, cost }) =>
      error && error.tau > 0 ? (100 * (gradient.tau / error.tau) ** 2) / cost : [],
    )
    const solves = rows.flatMap(({ solve }) => solve ?? [])
    const early = solves.reduce((sum, { indefinite }) => sum + indefinite, 0)
    const systems = solves.reduce((sum, one) => sum + one.systems, 0)
    const left = solves.length === 0 ? '–' : median(solves.map(({ residual }) => residual)).toFixed(2)
    return line([
      rows[0].name,
      rows[0].horizon,
      median(rows.map(({ cost }) => cost)).toFixed(0),
      signals.length === 0 ? '–' : median(signals).toFixed(2),
      left,
      systems === 0 ? '–' : `${early} of ${systems}`,
    ])
  })
  const head = [
    'hypergradient',
    'K',
    'cost, training steps',
    'signal',
    'left of the linear system',
    'systems left early',
  ]
  return `\n${table(head, rows)}`
}

function text(told: Told | undefined): string {
  if (!told) return '–'
  const { value, error } = told
  const digits = Math.abs(value) < 10 ? 2 : 1
  const whole = `${value.toFixed(digits)}${error === null ? '' : ` ± ${error.toFixed(digits)}`}`
  return error === null || isTold(told) ? whole : `(${whole})`
}

function allTable(comparisons: readonly Comparison[], part: Part): string {
  const rows = comparisons.map(({ point, seed, parameter, horizon, draws, truth, estimates }) =>
    line([
      point,
      parameter,
      horizon,
      seed,
      draws,
      text(truth[part]),
      ...COLUMNS.map((name) => text(estimates[name]?.[part])),
    ]),
  )
  return table(['point', 'parameter', 'K', 'seed', 'draws', 'retraining', ...COLUMNS], rows)
}
