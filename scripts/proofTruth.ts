/**
 * Whether the interval of lambda holds the truth, on problems that nobody tuned to (`truth/problems.ts`) with answers by quadrature
 * (`test/gold/lambdaTruth.json`): each problem from many seeds, through the public options and result of `tuneEntropyStrength` alone.
 *
 *     npm run proof:truth
 *     npm run proof:truth -- --problems bump,flat --seeds 8 --jobs 1 --out /tmp/truth
 *     npm run proof:truth -- --seeds 0                the page alone, from what is there
 *
 * Goes on where it was cut off, as long as neither the program nor what is asked of the search has changed. Writes a file per problem and README.md.
 */
import type { ChildProcess } from 'node:child_process'
import { execFileSync, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Attempt, Effort } from './truth/attempt.ts'
import { attempt } from './truth/attempt.ts'
import { goldOf, readGold } from './truth/gold.ts'
import type { TruthProblem } from './truth/problem.ts'
import { PROBLEMS, problemNamed } from './truth/problems.ts'
import { truthPage } from './truth/table.ts'

/** What is recorded of a problem. */
export interface TruthRecord {
  readonly command: string
  readonly commit: string
  /** Files that were not as in the commit. */
  readonly changed: readonly string[]
  /** SHA-256 of the program that ran, all but packages. */
  readonly program: string
  readonly machine: string
  readonly name: string
  readonly effort: Effort
  readonly runs: readonly Attempt[]
}

interface Task {
  readonly name: string
  readonly seed: number
  readonly effort: Effort
}

const gold = readGold()

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      problems: { type: 'string', default: '' },
      seeds: { type: 'string', default: '24' },
      jobs: { type: 'string', default: String(availableParallelism()) },
      out: { type: 'string', default: 'docs/results/truth' },
      tolerance: { type: 'string' },
      'max-evaluations': { type: 'string' },
    },
  })
  const seeds = Number(values.seeds)
  const named = values.problems ? values.problems.split(',').map(problemNamed) : PROBLEMS
  const asked = seeds > 0 ? named : []
  for (const problem of asked) goldOf(gold, problem)
  const effort: Effort = {
    ...(values.tolerance !== undefined && { tolerance: Number(values.tolerance) }),
    ...(values['max-evaluations'] !== undefined && { maxEvaluations: Number(values['max-evaluations']) }),
  }
  mkdirSync(values.out, { recursive: true })
  const records = new Map(asked.map((problem) => [problem.name, opened(values.out, problem, effort)]))
  const tasks = asked.flatMap(({ name }) => {
    const done = new Set(records.get(name)?.runs.map(({ seed }) => seed))
    return Array.from({ length: seeds }, (_, seed) => ({ name, seed, effort })).filter(({ seed }) => !done.has(seed))
  })
  const wanted = asked.length * seeds
  let ended = wanted - tasks.length
  if (ended > 0) console.error(`${ended} of ${wanted} are there`)
  await eachOf(tasks, Number(values.jobs), ({ name }, run) => {
    const record = records.get(name)!
    const runs = [...record.runs, run].sort((a, b) => a.seed - b.seed)
    records.set(name, { ...record, runs })
    save(values.out, { ...record, runs })
    console.error(`${++ended} of ${wanted}: ${name}, seed ${run.seed}: ${told(run)}`)
  })
  const everything = PROBLEMS.flatMap(({ name }) => records.get(name) ?? recordAt(values.out, name) ?? [])
  const page = truthPage(everything, gold)
  writeFileSync(join(values.out, 'README.md'), page)
  console.log(page)
}

function told({ value, low, high, resolved, holds, reason, regret, evaluations, seconds }: Attempt): string {
  const interval = [low, value, high].map((lambda) => lambda.toPrecision(4)).join(' < ')
  const outcome = resolved ? `resolved, ${holds ? 'holds' : 'MISSES'}` : `open: ${reason}`
  return `${interval}, ${outcome}; regret ${regret.toFixed(3)}, ${evaluations} evaluations, ${seconds.toFixed(1)} s`
}

/** The record to go on with: the one that is there if it was made in just this way, else a new one. */
function opened(out: string, { name }: TruthProblem, effort: Effort): TruthRecord {
  const git = (...args: string[]) => execFileSync('git', args, { encoding: 'utf8' }).trim()
  const fresh: TruthRecord = {
    command: `npm run proof:truth ${process.argv.length > 2 ? `-- ${process.argv.slice(2).join(' ')}` : ''}`.trim(),
    commit: git('rev-parse', 'HEAD'),
    changed: git('status', '--porcelain', 'src', 'scripts', 'package-lock.json').split('\n').filter(Boolean),
    program: createHash('sha256').update(readFileSync(process.argv[1])).digest('hex'),
    machine: `${cpus().length} x ${cpus()[0].model}, Node ${process.version}`,
    ...{ name, effort, runs: [] },
  }
  const known = recordAt(out, name)
  const same = known && known.program === fresh.program && JSON.stringify(known.effort) === JSON.stringify(effort)
  return same ? { ...known, command: fresh.command } : fresh
}

const fileOf = (out: string, name: string): string => join(out, `${name}.json`)

function recordAt(out: string, name: string): TruthRecord | null {
  return existsSync(fileOf(out, name)) ? JSON.parse(readFileSync(fileOf(out, name), 'utf8')) : null
}

/** Whole or not at all. */
function save(out: string, record: TruthRecord): void {
  const file = fileOf(out, record.name)
  const { runs, ...rest } = record
  const rows = runs.map((run) => `  ${JSON.stringify(run)}`).join(',\n')
  writeFileSync(`${file}.part`, `${JSON.stringify(rest, null, 1).slice(0, -2)},\n "runs": [\n${rows}\n ]\n}\n`)
  renameSync(`${file}.part`, file)
}

/** Gives the tasks to so many processes, one at a time each. */
async function eachOf(tasks: readonly Task[], jobs: number, onDone: (task: Task, run: Attempt) => void): Promise<void> {
  const ahead = [...tasks]
  const workers = Array.from({ length: Math.min(jobs, ahead.length) }, () => fork(process.argv[1]))
  const work = async (worker: ChildProcess) => {
    for (let task = ahead.shift(); task; task = ahead.shift()) onDone(task, await answerOf(worker, task))
    worker.disconnect()
  }
  await Promise.all(workers.map(work))
}

function answerOf(worker: ChildProcess, task: Task): Promise<Attempt> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`the process for ${task.name} ended with ${code}`))
    worker.once('exit', ended)
    worker.once('message', (run) => {
      worker.off('exit', ended)
      resolve(run as Attempt)
    })
    worker.send(task)
  })
}

if (process.send) {
  process.on('message', async ({ name, seed, effort }: Task) => {
    const problem = problemNamed(name)
    process.send?.(await attempt(problem, goldOf(gold, problem), seed, effort))
  })
} else await main()
