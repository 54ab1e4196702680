/**
 * Flips one bit at a time in every file of run folders, finished ones and ones that were killed, and goes on with each folder: resumes it,
 * samples from it, evaluates it. What comes out must be the same, or an error or warning must name the file; never may it silently differ:
 *
 *     npm run build && npm run proof:flips
 *     npm run proof:flips -- --flips 20 --seed 7 --only both
 *
 * Exit code 1 if a result silently differs, or an error does not name the file. Writes docs/results/flips.json unless only some were asked for.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { randomStream } from '../src/base/index.ts'
import type { Finished, Scenario } from './tinyRuns.ts'
import { bilevel, differences, factsOf, filesIn, prepare, SCENARIOS, start } from './tinyRuns.ts'

const RESULT = 'docs/results/flips.json'

const { values } = parseArgs({
  options: {
    flips: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '2' },
  },
})
const wanted = Number(values.flips)

/** A run folder that is damaged, and what is done with it then. */
interface Subject {
  readonly name: string
  readonly folder: string
  readonly commands: readonly Scenario[]
}

/** The name under which a damaged copy is used. */
const COPY = 'copy'
const SAMPLES = 'samples-of-copy'

const resume = (command: string): Scenario => ({ name: 'resume', kind: 'run', args: [command, '--resume', COPY] })
const sample: Scenario = { name: 'sample', kind: 'images', args: ['sample', COPY, '--count', '4', '--out', SAMPLES] }
const evaluate: Scenario = {
  name: 'evaluate',
  kind: 'numbers',
  args: ['evaluate', COPY, '--samples', '72', '--seeds', '11', '--json'],
}

const scenarioNamed = (name: string): Scenario => {
  const found = SCENARIOS.find((scenario) => scenario.name === name)
  if (!found) throw new Error(`there is no scenario ${name}`)
  return found
}

/** Runs a scenario to its end. */
async function finishedRun(name: string, work: string, commands: readonly Scenario[]): Promise<Subject> {
  const folder = `done-${name.replace(/\W+/g, '-')}`
  await bilevel([...scenarioNamed(name).args, '--out', folder], work)
  return { name: `${name}, done`, folder, commands }
}

/** Runs a scenario and kills it once it has two checkpoints, and its lock with it. */
async function killedRun(name: string, work: string, extra: readonly string[] = []): Promise<Subject> {
  const folder = `killed-${name.replace(/\W+/g, '-')}`
  const { args } = scenarioNamed(name)
  const { child, finished } = start([...args, ...extra, '--out', folder], work)
  const checkpoints = join(work, folder, 'checkpoints')
  const timer = setInterval(() => {
    const names = existsSync(checkpoints) ? readdirSync(checkpoints).filter((one) => /^\d+$/.test(one)) : []
    if (names.length > 1) child.kill('SIGKILL')
  }, 1)
  const { code, stderr } = await finished
  clearInterval(timer)
  if (code !== 'SIGKILL') throw new Error(`${name} was to be killed and ended with ${code}: ${stderr}`)
  return { name: `${name}, killed`, folder, commands: [resume(args[0])] }
}

/** What a command gives on a copy of a folder, with or without damage. */
async function outcomeOf(
  work: string,
  { folder }: Subject,
  command: Scenario,
  damage: (copy: string) => void = () => undefined,
): Promise<{ readonly finished: Finished; readonly facts: Readonly<Record<string, string>> }> {
  for (const name of [COPY, SAMPLES]) rmSync(join(work, name), { recursive: true, force: true })
  cpSync(join(work, folder), join(work, COPY), { recursive: true })
  damage(join(work, COPY))
  const finished = await start(command.args, work).finished
  const left = join(work, command.kind === 'images' ? SAMPLES : COPY)
  return { finished, facts: finished.code === 0 ? factsOf(command, left, finished) : {} }
}

interface Flip {
  readonly subject: string
  readonly command: string
  readonly file: string
  readonly byte: number
  readonly bit: number
}

const VERDICTS = [
  'same',
  'same, with a warning',
  'refused, naming the file',
  'another result, with a warning',
  'SILENTLY DIFFERENT',
  'FAILED WITHOUT NAMING THE FILE',
] as const
type Verdict = (typeof VERDICTS)[number]

/** A checkpoint is named by its folder: `checkpoints/31`. */
const nameOf = (file: string): string => (file.startsWith('checkpoints/') ? dirname(file) : file)

function verdictOf(file: string, { code, stderr }: Finished, differing: readonly string[]): Verdict {
  const named = stderr.includes(`${COPY}/${nameOf(file)}`) && !stderr.includes('this is a bug')
  if (code !== 0) return named ? 'refused, naming the file' : 'FAILED WITHOUT NAMING THE FILE'
  if (differing.length === 0) return named ? 'same, with a warning' : 'same'
  return named ? 'another result, with a warning' : 'SILENTLY DIFFERENT'
}

/** Flips one bit of a file of a subject and does one of its commands. */
async function flipOne(work: string, { subject, file }: Place, number: number, references: References) {
  const random = randomStream({ seed: Number(values.seed), purpose: 'proof.flips', step: number })
  const below = (n: number): number => Math.floor(n * random.uniform())
  const size = readFileSync(join(work, subject.folder, file)).length
  const [byte, bit] = [below(size), below(8)]
  const command = subject.commands[below(subject.commands.length)]
  const reference = references.get(keyOf(subject, command)) ?? {}
  const { finished, facts } = await outcomeOf(work, subject, command, (copy) => {
    const bytes = readFileSync(join(copy, file))
    bytes[byte] ^= 1 << bit
    writeFileSync(join(copy, file), bytes)
  })
  const differing = differences(reference, facts)
  const verdict = verdictOf(file, finished, differing)
  const flip: Flip = { subject: subject.name, command: command.name, file, byte, bit }
  const said = finished.stderr.split('\n').find((line) => line.includes(`${COPY}/${nameOf(file)}`))
  return {
    ...flip,
    verdict,
    ...(verdict !== 'same' && { said: said ?? finished.stderr.trim().split('\n').at(-1) }),
    differing,
  }
}

/** A file of a subject. */
interface Place {
  readonly subject: Subject
  readonly file: string
}

const keyOf = (subject: Subject, command: Scenario): string => `${subject.name}: ${command.name}`

type References = ReadonlyMap<string, Readonly<Record<string, string>>>

/** What each command gives without damage. */
async function referencesIn(work: string, subjects: readonly Subject[]): Promise<References> {
  const known = new Map<string, Readonly<Record<string, string>>>()
  for (const subject of subjects) {
    for (const command of subject.commands) {
      const key = keyOf(subject, command)
      if (known.has(key)) continue
      const { finished, facts } = await outcomeOf(work, subject, command)
      if (finished.code !== 0) throw new Error(`${key} ended with ${finished.code}: ${finished.stderr}`)
      known.set(key, facts)
    }
  }
  return known
}

async function subjectsIn(work: string): Promise<Subject[]> {
  const both = await killedRun('schedule, both levels', work, ['--iterations', '4'])
  return [
    { name: 'schedule, done', folder: 'base', commands: [sample, evaluate, sample, evaluate, resume('schedule')] },
    both,
    await finishedRun('schedule, ONNX file', work, [sample, evaluate]),
    await finishedRun('entropy, guided', work, [sample]),
    await killedRun('entropy, guided', work),
  ]
}

const work = mkdtempSync(join(tmpdir(), 'bilevel-flips-'))
const began = performance.now()
await prepare(work)
const subjects = (await subjectsIn(work)).filter(({ name }) => name.includes(values.only))
const references = await referencesIn(work, subjects)
const places: Place[] = subjects.flatMap((subject) =>
  filesIn(join(work, subject.folder))
    .filter((file) => readFileSync(join(work, subject.folder, file)).length > 0)
    .map((file) => ({ subject, file })),
)
// Every file once before any a second time.
const flips: Awaited<ReturnType<typeof flipOne>>[] = []
let next = 0
async function flipBits(lane: string): Promise<void> {
  while (next < wanted) {
    const number = next++
    const flip = await flipOne(lane, places[number % places.length], number, references)
    flips.push(flip)
    const where = `bit ${flip.bit} of byte ${flip.byte} of ${flip.file}`
    const said = flip.said ? ` (${flip.said})` : ''
    console.error(
      `${flips.length}/${wanted} ${number}: ${flip.subject}, ${flip.command}: ${where}: ${flip.verdict}${said}`,
    )
  }
}
const lanes = Array.from({ length: Number(values.jobs) }, (_, i) => `${work}-${i}`)
for (const lane of lanes) cpSync(work, lane, { recursive: true })
await Promise.all(lanes.map(flipBits))
for (const folder of [work, ...lanes]) rmSync(folder, { recursive: true, force: true })
const count = (of: typeof flips) =>
  Object.fromEntries(VERDICTS.map((verdict) => [verdict, of.filter((flip) => flip.verdict === verdict).length]))
const bad = flips.filter(({ verdict }) => verdict === verdict.toUpperCase())
const result = {
  command: `npm run proof:flips -- --flips ${wanted} --seed ${values.seed}${values.only && ` --only '${values.only}'`}`,
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  machine: { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version },
  flips: flips.length,
  files: places.length,
  verdicts: count(flips),
  bySubject: Object.fromEntries(
    subjects.map(({ name }) => [name, count(flips.filter(({ subject }) => subject === name))]),
  ),
  bad,
  minutes: Math.round((performance.now() - began) / 6000) / 10,
}
console.log(JSON.stringify(result, null, 2))
if (values.only === '') writeFileSync(RESULT, `${JSON.stringify(result, null, 2)}\n`)
process.exitCode = bad.length > 0 ? 1 : 0
