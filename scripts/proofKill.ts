/**
 * Kills runs of every command with SIGKILL, those that resume too, at moments drawn from a seed: after a part of the time they take, of the
 * time since they first wrote something, or right after the n-th change in their folder, where files are being written. Each chain is then
 * run to its end, and must leave what a run leaves that was never killed, byte by byte, and nothing else:
 *
 *     npm run build && npm run proof:kill
 *     npm run proof:kill -- --kills 20 --seed 7 --only entropy
 *
 * Exit code 1 if a chain differs. Writes docs/results/kill.json unless only some were asked for.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { randomStream } from '../src/base/index.ts'
import { readEvents } from '../src/runs/index.ts'
import { encodeTensorBoard } from '../src/runs/tensorboard.ts'
import type { Finished, Scenario } from './tinyRuns.ts'
import { differences, factsOf, filesIn, prepare, SCENARIOS, start } from './tinyRuns.ts'

const RESULT = 'docs/results/kill.json'
const MOST_KILLS = 4

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '2' },
  },
})
const wanted = Number(values.kills)
const seed = Number(values.seed)

/** Draws of a chain, the same whatever runs beside it. */
interface Draws {
  uniform(): number
}
const below = (random: Draws, n: number): number => Math.floor(n * random.uniform())

/** How long a command takes and how often its folder changes, when nobody disturbs it. */
interface Measure {
  readonly milliseconds: number
  /** Of them, since it first wrote something. */
  readonly writing: number
  readonly changes: number
}

/** Calls back at every change below a folder, from when it is made. @returns what ends it */
function onChanges(folder: string, changed: () => void): () => void {
  let close = () => {}
  const timer = setInterval(() => {
    if (!existsSync(folder)) return
    clearInterval(timer)
    try {
      const watcher = watch(folder, { recursive: true }, changed)
      watcher.on('error', () => undefined)
      close = () => watcher.close()
      changed()
    } catch {
      // The folder is gone again: there is nothing to see.
    }
  }, 1)
  return () => {
    clearInterval(timer)
    close()
  }
}

async function measured(args: readonly string[], work: string, out: string): Promise<[Finished, Measure]> {
  let [changes, first] = [0, 0]
  const began = performance.now()
  const end = onChanges(join(work, out), () => {
    if (changes++ === 0) first = performance.now()
  })
  const finished = await start(args, work).finished
  end()
  if (finished.code !== 0) throw new Error(`bilevel ${args.join(' ')} ended with ${finished.code}: ${finished.stderr}`)
  const now = performance.now()
  return [finished, { milliseconds: now - began, writing: changes > 0 ? now - first : 0, changes }]
}

/** A kill that came in time. */
interface Kill {
  readonly of: 'start' | 'resume'
  /** `612 ms`, `612 ms after the first change`, or `change 31`. */
  readonly at: string
}

/** Starts a command and kills it. @returns at what moment; null: it had ended before */
async function killed(
  { args, out }: { readonly args: readonly string[]; readonly out: string },
  work: string,
  measure: Measure,
  random: Draws,
): Promise<string | null> {
  const folder = join(work, out)
  const how = measure.changes === 0 || random.uniform() < 0.2 ? 'ms' : random.uniform() < 0.5 ? 'since' : 'change'
  const most = { ms: measure.milliseconds, since: measure.writing, change: measure.changes }[how]
  const at = 1 + below(random, most)
  // Of a folder that is there, the first call tells that alone.
  let changes = existsSync(folder) ? -1 : 0
  const { child, finished } = start(args, work)
  const kill = () => child.kill('SIGKILL')
  const timers = how === 'ms' ? [setTimeout(kill, at)] : []
  const end = onChanges(folder, () => {
    changes++
    if (how === 'since' && changes === 1) timers.push(setTimeout(kill, at))
    if (how === 'change' && changes === at) kill()
  })
  const { code } = await finished
  end()
  timers.forEach(clearTimeout)
  if (code !== 'SIGKILL') return null
  return { ms: `${at} ms`, since: `${at} ms after the first change`, change: `change ${at}` }[how]
}

/** What a person would type next: resume where there is a run, else the same again. */
function nextArgs({ args, kind }: Scenario, work: string, out: string): readonly string[] {
  if (kind === 'numbers') return args
  const isRun = kind === 'run' && ['config.yaml', 'manifest.json'].every((name) => existsSync(join(work, out, name)))
  return isRun ? [args[0], '--resume', out] : [...args, '--out', out]
}

/** Records of an event file, in hex: 16 bytes of lengths and sums around each one's data. */
function recordsOf(file: Uint8Array): string[] {
  const bytes = Buffer.from(file)
  const records: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 16 + Number(bytes.readBigUInt64LE(at))
    records.push(bytes.subarray(at, end).toString('hex'))
    at = end
  }
  return records
}

/** What is wrong with a run folder besides its results: leftovers, and a page of TensorBoard that tells something else than the events. */
async function faultsOfFolder(folder: string): Promise<string[]> {
  const files = filesIn(folder)
  const left = files.filter((path) => /\.partial|\.replaced|(^|\/)lock/.test(path)).map((path) => `left over: ${path}`)
  const { created, resumed, status } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
  const newest = files.filter((path) => basename(path).includes('tfevents')).at(-1) ?? 'tensorboard/'
  const board = encodeTensorBoard(
    Date.parse(created) / 1000,
    await readEvents(join(folder, 'events.jsonl')),
    resumed.length > 0,
  )
  // What a finished run comes to (images, settings) is told beside the events.
  const told = recordsOf(readFileSync(join(folder, newest)))
  const missing = recordsOf(board).find((record) => told.splice(0, told.indexOf(record) + 1).length === 0)
  return [
    ...left,
    ...(missing === undefined ? [] : [`${newest} is not its events`]),
    ...(status === 'done' ? [] : [`status ${status}`]),
  ]
}

interface Chain {
  readonly scenario: string
  readonly kills: readonly Kill[]
  /** What differs from a run that was never killed; none: nothing. */
  readonly faults: readonly string[]
}

async function chainOf(scenario: Scenario, work: string, number: number, reference: Reference): Promise<Chain> {
  const out = folderOf(scenario.name, String(number))
  const random = randomStream({ seed, purpose: 'proof.kill', step: number })
  const kills: Kill[] = []
  for (let n = 1 + below(random, MOST_KILLS); kills.length < n; ) {
    const args = nextArgs(scenario, work, out)
    const at = await killed({ args, out }, work, reference.measure, random)
    if (at === null) break
    kills.push({ of: args.includes('--resume') ? 'resume' : 'start', at })
  }
  const finished = await start(nextArgs(scenario, work, out), work).finished
  const folder = join(work, out)
  const faults =
    finished.code === 0
      ? [
          ...differences(reference.facts, factsOf(scenario, folder, finished)).map((name) => `differs: ${name}`),
          ...(scenario.kind === 'run' ? await faultsOfFolder(folder) : []),
        ]
      : [`ended with ${finished.code}: ${finished.stderr.trim().split('\n').at(-1)}`]
  if (faults.length === 0) rmSync(folder, { recursive: true, force: true })
  return { scenario: scenario.name, kills, faults }
}

interface Reference {
  readonly facts: Readonly<Record<string, string>>
  readonly measure: Measure
}

const folderOf = (name: string, suffix: string): string => `${name.replace(/\W+/g, '-')}-${suffix}`

async function referenceOf(scenario: Scenario, work: string): Promise<Reference> {
  const out = folderOf(scenario.name, 'whole')
  const [finished, measure] = await measured(nextArgs(scenario, work, out), work, out)
  return { facts: factsOf(scenario, join(work, out), finished), measure }
}

function summaryOf(chains: readonly Chain[]) {
  const names = [...new Set(chains.map(({ scenario }) => scenario))]
  return names.map((name) => {
    const own = chains.filter(({ scenario }) => scenario === name)
    const kills = own.flatMap((chain) => chain.kills)
    return {
      scenario: name,
      chains: own.length,
      kills: kills.length,
      killsOfResume: kills.filter(({ of }) => of === 'resume').length,
      killsWhileWriting: kills.filter(({ at }) => at.startsWith('change')).length,
      identical: own.filter(({ faults }) => faults.length === 0).length,
    }
  })
}

const work = mkdtempSync(join(tmpdir(), 'bilevel-kill-'))
const began = performance.now()
await prepare(work)
const scenarios = SCENARIOS.filter(({ name }) => name.includes(values.only))
const references: Reference[] = []
for (const scenario of scenarios) references.push(await referenceOf(scenario, work))
const chains: Chain[] = []
let kills = 0
let next = 0
async function killChains(): Promise<void> {
  while (kills < wanted) {
    const number = next++
    const i = number % scenarios.length
    const chain = await chainOf(scenarios[i], work, number, references[i])
    chains.push(chain)
    kills += chain.kills.length
    const at = chain.kills.map((kill) => `${kill.of} at ${kill.at}`).join(', ')
    const outcome = chain.faults.join('; ') || 'same'
    console.error(`${kills}/${wanted} ${number}: ${chain.scenario}: killed ${at || 'not in time'}: ${outcome}`)
  }
}
await Promise.all(Array.from({ length: Number(values.jobs) }, killChains))
const differing = chains.filter(({ faults }) => faults.length > 0)
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
const result = {
  command: `npm run proof:kill -- --kills ${wanted} --seed ${values.seed}${values.only && ` --only '${values.only}'`}`,
  commit,
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version },
  kills,
  killsOfResume: chains.flatMap((chain) => chain.kills).filter(({ of }) => of === 'resume').length,
  chains: chains.length,
  identical: chains.length - differing.length,
  differing,
  scenarios: summaryOf(chains),
  minutes: Math.round((performance.now() - began) / 6000) / 10,
}
console.log(JSON.stringify(result, null, 2))
if (values.only === '') writeFileSync(RESULT, `${JSON.stringify(result, null, 2)}\n`)
if (differing.length === 0) rmSync(work, { recursive: true, force: true })
else console.error(`what differs is left in ${work}`)
process.exitCode = differing.length > 0 ? 1 : 0
