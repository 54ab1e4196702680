/**
 * Tuning of the entropy strength on problems with a known answer, through the real sampler: how often the interval covers the truth, and
 * what it costs to come near it, against the published loop, grid and random search. Slow, so a command of its own:
 *
 *     npm run proof:entropy -- --seeds 100 --parts coverage,cost,bridging
 *
 * `bridging`: on digits, the curve from a pool of paths against direct sampling at scales that were not drawn. Writes
 * docs/results/entropy-gaussian/{coverage,cost,bridging}.json and the tables of its README.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { randomStream } from '../src/base/index.ts'
import { openEntropyInputs } from '../src/jobs/entropy/open.ts'
import { resolveEntropyConfig } from '../src/jobs/index.ts'
import { PathPool } from '../src/tuners/entropy/estimators/pool.ts'
import type { GaussianJob } from '../src/tuners/entropy/gaussianJob.fixture.ts'
import { ETA_1, etaOneRecursion, gaussianJob } from '../src/tuners/entropy/gaussianJob.fixture.ts'
import { EntropyRun } from '../src/tuners/entropy/run.ts'
import type { RatedImages, Trace } from '../src/tuners/entropy/search/baselines.ts'
import { gridSearch, publishedLoop, randomSearch } from '../src/tuners/entropy/search/baselines.ts'
import { Draws } from '../src/tuners/entropy/search/draws.ts'
import { explore } from '../src/tuners/entropy/search/explore.ts'
import { methodOf } from '../src/tuners/entropy/search/methods.ts'
import { refine } from '../src/tuners/entropy/search/refine.ts'
import { tuneEntropyStrength } from '../src/tuners/entropy/tune.ts'

const RESULTS = 'docs/results/entropy-gaussian'
const NEAR = 0.1
/** Share of seeds that must be near for a method to have arrived. */
const MOST_SEEDS = 0.8
/** Seeds of the comparison of costs. */
const COST_SEEDS = 50
const RANGE = [0.01, 10] as const

interface Problem extends GaussianJob {
  readonly name: string
  readonly tolerance: number
}

const exact = { steps: 10, tolerance: 1.12 }
const COVERAGE: readonly Problem[] = [
  { name: 'DDPM large, a 1, b 1', a: 1, b: 1, ...exact },
  { name: 'DDIM eta 1, a 1, b 1.5', a: 1, b: 1.5, sampler: ETA_1, ...exact },
  { name: 'rough, DDPM large, a .5, b 2', a: 0.5, b: 2, rough: true, steps: 3, tolerance: 1.12 },
  { name: 'rough, DDIM eta 1, a 1, b 1.5', a: 1, b: 1.5, rough: true, sampler: ETA_1, steps: 6, tolerance: 1.12 },
  { name: 'rough, DDPM large, a 1, b 1', a: 1, b: 1, rough: true, steps: 2, tolerance: 1.2 },
  { name: 'rough, DDPM large, a .5, b 2, default tolerance', a: 0.5, b: 2, rough: true, steps: 3, tolerance: 2 },
]

/** lambda* of a problem: a/b, times the mean of the chain at s a = 1 where that is not 1. */
function truthOf(problem: Problem): number {
  const { schedule } = gaussianJob(problem)
  const mean = problem.sampler === ETA_1 ? etaOneRecursion(schedule).mean : 1
  return (problem.a * mean) / problem.b
}

async function coverageOf(problem: Problem, seeds: number) {
  const truth = truthOf(problem)
  const runs: { readonly low: number; readonly value: number; readonly high: number; readonly resolved: boolean }[] = []
  let evaluations = 0
  for (let seed = 0; seed < seeds; seed++) {
    const settings = { tolerance: problem.tolerance, seed, maxEvaluations: 20_000_000, curvePaths: 8, gridImages: 1 }
    const job = { ...gaussianJob({ ...problem, settings }), features: null }
    const { entropyStrength, networkEvaluations } = await tuneEntropyStrength(job)
    const { low, value, high, resolved } = entropyStrength
    runs.push({ low, value, high, resolved })
    evaluations += (networkEvaluations.total - networkEvaluations.curve) / seeds
  }
  const count = (holds: (run: (typeof runs)[number]) => boolean) => runs.filter(holds).length
  const { name, tolerance, steps } = problem
  return {
    ...{ name, tolerance, steps, truth, seeds },
    covered: count(({ low, high }) => low <= truth && truth <= high),
    resolved: count(({ resolved }) => resolved),
    withinFivePercent: count(({ value }) => Math.abs(value / truth - 1) <= 0.05),
    meanRatio: runs.reduce((sum, { low, high }) => sum + high / low / seeds, 0),
    /** Network evaluations to find and confirm, over the number of sampling steps: guided paths count 3. */
    meanEvaluationsPerStep: evaluations / steps,
    runs,
  }
}

/** Images of the base model, or guided at scale s: exact draws of the chain's law, N(s a, 1), so that hundreds of loops take minutes. */
function drawFrom({ a, b, rough = false }: Problem, scale: number, seed: number) {
  return (count: number, batch: number): RatedImages => {
    const u = randomStream({ seed, purpose: 'proof.u', step: batch }).normal(new Float64Array(count))
    const v = randomStream({ seed, purpose: 'proof.v', step: batch }).normal(new Float64Array(count))
    const x = u.map((noise) => noise + scale * a)
    return { upper: x.map((own, i) => -((own - b) ** 2) * (rough ? v[i] ** 2 : 1)), lower: x.map((own) => a * own) }
  }
}

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length
const isNear = (lambda: number, truth: number) => Math.abs(lambda / truth - 1) <= NEAR

/**
 * Least evaluations, in units of the number of steps, after which most seeds are near: on the mean over that point and the `steady` - 1
 * that follow. Null: never.
 */
function arrival(traces: readonly (readonly Trace[])[], truth: number, steady: number): number | null {
  const { length } = traces[0]
  const share = (i: number) => traces.filter((trace) => isNear(trace[i].lambda, truth)).length / traces.length
  const shares = Array.from({ length }, (_, i) => share(i))
  for (let i = 0; i + steady <= length; i++) {
    const kept = shares.slice(i, i + steady).reduce((sum, value) => sum + value / steady, 0)
    if (kept >= MOST_SEEDS) return traces[0][i].evaluations
  }
  return null
}

const seedsOf = Array.from({ length: COST_SEEDS }, (_, seed) => seed)
const least = (values: readonly (number | null)[]) =>
  values.reduce((best, value) => (value !== null && (best === null || value < best) ? value : best), null)

/** Best of five step sizes, of two penalty constants and of three starts. */
function costOfLoop(problem: Problem, truth: number) {
  const starts = [0.1, Math.sqrt(RANGE[0] * RANGE[1]), 1]
  return starts.map((start) => ({
    start,
    evaluations: least(
      [10, 100].flatMap((gamma) =>
        [0.01, 0.1, 1, 10, 100].map((step) => {
          const rest = { evaluationsPerImage: 1, start, range: RANGE, gamma, step, batch: 256, iterations: 300 }
          const traces = seedsOf.map((seed) => publishedLoop({ ...rest, draw: drawFrom(problem, 0, seed) }))
          return arrival(traces, truth, 10)
        }),
      ),
    ),
  }))
}

/** Best of six sizes. Guided images cost 3 a step. `common`: the same noise at every lambda. */
function costOfSearch(problem: Problem, truth: number, kind: 'grid' | 'random', common: boolean) {
  return least(
    [30, 100, 300, 1000, 3000, 10_000].map((count) => {
      const traces = seedsOf.map((seed) => {
        const measure = (lambda: number, images: number, trial: number) =>
          mean(drawFrom(problem, 1 / lambda, seed)(images, common ? 0 : trial).upper)
        const options = { measure, evaluationsPerImage: 3, range: RANGE, count }
        const stream = randomStream({ seed, purpose: 'proof.random' })
        return kind === 'grid'
          ? gridSearch(options, 6)
          : randomSearch(options, { trials: 120, uniform: () => stream.uniform() })
      })
      return arrival(traces, truth, 1)
    }),
  )
}

/** Best of six tolerances: until the search has its lambda, and until fresh paths have confirmed an interval about it. */
async function costOfTuning(problem: Problem, truth: number) {
  const costs = { search: [] as (number | null)[], confirmed: [] as (number | null)[] }
  for (const tolerance of [3, 2, 1.6, 1.35, 1.2, 1.12]) {
    const near = { search: 0, confirmed: 0 }
    const spent = { search: 0, confirmed: 0 }
    for (const seed of seedsOf) {
      const few = { explorePaths: 8, chunk: 8, curvePaths: 8, gridImages: 1, maxEvaluations: 20_000_000 }
      const job = { ...gaussianJob({ ...problem, settings: { tolerance, seed, ...few } }), features: null }
      const run = new EntropyRun(job)
      const method = methodOf('paired-differences', job, run.draws)
      const found = await refine(run, method, (await explore(run, method)).basins[0])
      near.search += Number(isNear(Math.exp(found.centre), truth))
      spent.search += run.draws.evaluations
      const { entropyStrength, networkEvaluations } = await tuneEntropyStrength(job)
      near.confirmed += Number(isNear(entropyStrength.value, truth))
      spent.confirmed += networkEvaluations.total - networkEvaluations.curve
    }
    for (const stage of ['search', 'confirmed'] as const) {
      const arrived = near[stage] >= MOST_SEEDS * COST_SEEDS
      costs[stage].push(arrived ? spent[stage] / COST_SEEDS / problem.steps : null)
    }
  }
  return { search: least(costs.search), confirmed: least(costs.confirmed) }
}

const COST: readonly Problem[] = [
  { name: 'a 1, b 1.4', a: 1, b: 1.4, steps: 2, tolerance: 2 },
  { name: 'a .5, b 2', a: 0.5, b: 2, steps: 2, tolerance: 2 },
  { name: 'a 2, b .7', a: 2, b: 0.7, steps: 2, tolerance: 2 },
  { name: 'rough, a 1, b 1.4', a: 1, b: 1.4, rough: true, steps: 2, tolerance: 2 },
  { name: 'rough, a .5, b 2', a: 0.5, b: 2, rough: true, steps: 2, tolerance: 2 },
]

async function costOf(problem: Problem) {
  const truth = truthOf(problem)
  return {
    name: problem.name,
    truth,
    tuning: await costOfTuning(problem, truth),
    loop: costOfLoop(problem, truth),
    grid: costOfSearch(problem, truth, 'grid', false),
    gridCommonNoise: costOfSearch(problem, truth, 'grid', true),
    random: costOfSearch(problem, truth, 'random', false),
    randomCommonNoise: costOfSearch(problem, truth, 'random', true),
  }
}

/** Scales a factor 1.5 apart are drawn, and those between them for comparison. */
const POOL_SCALES = [5, 7.5, 11.25, 16.875, 25.3125]
const POOL_PATHS = 96
const DIRECT_PATHS = 192

/** Ink chased on the digits model that comes with the project, typicality judging: the pool's curve at scales that were not drawn. */
async function bridging() {
  const config = resolveEntropyConfig([
    { source: 'this script', values: { preset: 'quick', reward: 'ink', judge: 'typicality@features' } },
  ])
  const inputs = await openEntropyInputs(config)
  const draws = new Draws(inputs.subject)
  for (const scale of POOL_SCALES) await draws.paths(scale, { first: 0, count: POOL_PATHS }, 'explore')
  const pool = draws.pool()
  const rows = []
  for (const [i, scale] of POOL_SCALES.slice(1).entries()) {
    const between = Math.sqrt(scale * POOL_SCALES[i])
    const items = { first: 100_000, count: DIRECT_PATHS }
    const direct = PathPool.of([await draws.paths(between, items, 'curve')])
    const told = (from: PathPool) => {
      const [ink, typicality] = [from.mean('guided', between, 'lower'), from.mean('guided', between, 'upper')]
      return { ink, typicality, kl: from.kl('guided', between) }
    }
    const [weighted, drawn] = [told(pool.near(between, 2)), told(direct)]
    const away = (what: 'ink' | 'typicality' | 'kl') =>
      (weighted[what].mean - drawn[what].mean) / Math.hypot(weighted[what].standardError, drawn[what].standardError)
    rows.push({
      scale: between,
      weighted,
      drawn,
      away: { ink: away('ink'), typicality: away('typicality'), kl: away('kl') },
    })
  }
  await inputs.close()
  return rows
}

type Coverage = Awaited<ReturnType<typeof coverageOf>>
type Cost = Awaited<ReturnType<typeof costOf>>

const table = (rows: readonly (readonly (string | number)[])[]) =>
  rows
    .flatMap((row, i) => [`| ${row.join(' | ')} |`, ...(i === 0 ? [`|${' --- |'.repeat(row.length)}`] : [])])
    .join('\n')

function coverageTable(rows: readonly Coverage[]): string {
  const head = [
    'problem',
    'tolerance',
    'lambda*',
    'covered',
    'resolved',
    'within 5 %',
    'mean high/low',
    'evaluations/steps',
  ]
  return table([
    head,
    ...rows.map((row) => [
      ...[
        row.name,
        row.tolerance,
        row.truth.toFixed(3),
        ...[row.covered, row.resolved].map((n) => `${n} of ${row.seeds}`),
      ],
      ...[`${row.withinFivePercent} of ${row.seeds}`, row.meanRatio.toFixed(3), Math.round(row.meanEvaluationsPerStep)],
    ]),
  ])
}

function costTable(rows: readonly Cost[]): string {
  const of = (value: number | null, own: number | null) =>
    value === null ? 'never' : `${Math.round(value)}${own === null ? '' : ` (${(value / own).toFixed(1)} x)`}`
  return table([
    [
      ...[
        'problem',
        'lambda*',
        'here, search',
        'here, confirmed interval',
        'loop from .1',
        'loop from .32',
        'loop from 1',
      ],
      ...['grid', 'grid, common noise', 'random', 'random, common noise'],
    ],
    ...rows.map(({ name, truth, tuning, loop, ...rest }) => {
      const own = least([tuning.search, tuning.confirmed])
      return [
        ...[name, truth.toFixed(3), of(tuning.search, null), of(tuning.confirmed, null)],
        ...loop.map(({ evaluations }) => of(evaluations, own)),
        ...[rest.grid, rest.gridCommonNoise, rest.random, rest.randomCommonNoise].map((value) => of(value, own)),
      ]
    }),
  ])
}

function bridgingTable(rows: Awaited<ReturnType<typeof bridging>>): string {
  const told = ({ mean: value, standardError }: { readonly mean: number; readonly standardError: number }) =>
    `${value.toFixed(3)} ± ${standardError.toFixed(3)}`
  return table([
    [
      '1/lambda',
      'ink, weighted',
      'ink, drawn',
      'typicality, weighted',
      'typicality, drawn',
      'effective paths',
      'standard errors apart',
    ],
    ...rows.map(({ scale, weighted, drawn, away }) => [
      ...[scale.toFixed(2), told(weighted.ink), told(drawn.ink), told(weighted.typicality), told(drawn.typicality)],
      ...[Math.round(weighted.ink.effectiveSampleSize), `${away.ink.toFixed(1)}, ${away.typicality.toFixed(1)}`],
    ]),
  ])
}

/** Puts a table between its marks in the README. */
function intoReadme(mark: string, text: string): void {
  const path = join(RESULTS, 'README.md')
  const begin = `<!-- ${mark} -->`
  const end = `<!-- /${mark} -->`
  const known = existsSync(path) ? readFileSync(path, 'utf8') : `${begin}\n${end}\n`
  const [before, rest = `\n${end}\n`] = known.split(begin)
  writeFileSync(path, `${before}${begin}\n${text}\n${end}${rest.split(end)[1] ?? '\n'}`)
}

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '100' }, parts: { type: 'string', default: 'coverage,cost,bridging' } },
})
mkdirSync(RESULTS, { recursive: true })
const record = (part: string, rows: unknown) => {
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
  const machine = `${cpus().length} x ${cpus()[0].model}, Node ${process.version}`
  const command = `npm run proof:entropy -- --seeds ${values.seeds} --parts ${part}`
  writeFileSync(join(RESULTS, `${part}.json`), `${JSON.stringify({ command, commit, machine, rows }, null, 1)}\n`)
}
for (const part of values.parts.split(',')) {
  if (part === 'coverage') {
    const rows: Coverage[] = []
    for (const problem of COVERAGE) {
      rows.push(await coverageOf(problem, Number(values.seeds)))
      const { runs: _, ...told } = rows[rows.length - 1]
      console.error(JSON.stringify(told))
    }
    record(part, rows)
    intoReadme(part, coverageTable(rows))
  } else if (part === 'cost') {
    const rows: Cost[] = []
    for (const problem of COST) {
      rows.push(await costOf(problem))
      console.error(JSON.stringify(rows[rows.length - 1]))
    }
    record(part, rows)
    intoReadme(part, costTable(rows))
  } else if (part === 'bridging') {
    const rows = await bridging()
    console.error(JSON.stringify(rows.map(({ scale, away }) => ({ scale, away }))))
    record(part, rows)
    intoReadme(part, bridgingTable(rows))
  } else throw new Error(`parts are coverage, cost and bridging, got ${part}`)
}
