/**
 * Ours against the real libraries, which users never need: everything that reports print for diffusers is run by diffusers itself.
 *
 *     npm run interop                             # makes a virtual environment in .cache/ first
 *     npm run interop -- --only 'eta'             # some cases, by a part of their name; writes nothing
 *     npm run interop -- --quick                  # those that take seconds, and the gold that they measure
 *     npm run interop -- --check                  # writes nothing
 *     INTEROP_VENV=/path/to/venv npm run interop  # an environment that exists
 *
 * Exit code 1 if a case is farther apart than its bound, 3 if there is no such environment and none can be made. Writes docs/results/interop.json and interop.md, and what the real libraries gave into
 * test/gold/interop.json, to which the tests hold us where there is no Python; with --check nothing is written.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Case, Outcome, Workplace } from './case.ts'
import { CASES } from './cases.ts'
import { pinnedPython, versionsOf } from './environment.ts'

const HERE = resolve('scripts/interop')
const RESULT = 'docs/results/interop'
const GOLD = 'test/gold/interop.json'

async function environment() {
  const python = await pinnedPython()
  return { python, versions: await versionsOf(python) }
}

/** A folder of its own for a case. */
function workplace(folder: string, python: string): Workplace {
  const env = { ...process.env, HF_HUB_OFFLINE: '1', ORT_DISABLE_TELEMETRY: '1' }
  const run = (command: string, args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(command, args, {
      cwd: folder,
      env,
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    })
    if (status === 0) return stdout
    throw new Error(
      `${command} ${args.join(' ')} exits with ${status}: ${stderr.trim().split('\n').slice(-8).join('\n')}`,
    )
  }
  const main = resolve('dist/cli/main.js')
  return {
    folder,
    bilevel: (args) => run(process.execPath, [main, ...args]),
    shell: (command) => run('sh', ['-c', command]),
    python: (file, args) =>
      JSON.parse(
        run(python, [join(HERE, file), ...args])
          .trim()
          .split('\n')
          .at(-1) ?? '',
      ),
  }
}

interface Row extends Omit<Case, 'run'> {
  readonly passed: boolean
  readonly outcome: Outcome | null
  readonly error: string | null
}

async function rowOf({ name, about, bound, run }: Case, python: string): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'bilevel-interop-'))
  try {
    const outcome = await run(workplace(folder, python))
    return { name, about, bound, passed: outcome.largest <= bound, outcome, error: null }
  } catch (error) {
    return { name, about, bound, passed: false, outcome: null, error: (error as Error).message }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What it measured is gold of the tests; the report says how far apart it is. */
function withoutMeasured({ outcome, ...row }: Row) {
  if (!outcome) return { ...row, outcome }
  const { measured: _, ...told } = outcome
  return { ...row, outcome: told }
}

/** By case. A number a line would be most of the file. */
function goldOf(rows: readonly Row[], versions: Readonly<Record<string, string>>): string {
  const about = 'what the real libraries gave for files that this project wrote; written by npm run interop'
  const measured = rows.flatMap(({ name, outcome }) => (outcome?.measured ? [[name, outcome.measured] as const] : []))
  const gold = { about, versions, ...Object.fromEntries(measured) }
  const text = JSON.stringify(gold, null, 1)
  return `${text.replace(/\[[^[\]{}]*\]/g, (list) => list.replace(/\s+/g, ' '))}\n`
}

const short = (value: number | undefined) => (value === undefined ? '–' : String(Number(value.toPrecision(2))))

function tableOf(rows: readonly Row[], versions: Readonly<Record<string, string>>, commit: string): string {
  const lines = rows.map(({ name, about, outcome, bound, passed, error }) => {
    const numbers = outcome ? `${short(outcome.largest)} | ${short(outcome.rms)}` : `${error} | –`
    return `| ${name} | ${about} | ${outcome?.facts.class ?? '–'} | ${numbers} | ${bound} | ${passed ? 'yes' : 'no'} |`
  })
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `# Ours against the real library

\`npm run interop\` at ${commit.slice(0, 7)}, with ${names.join(', ')}.

Of runs: the Python that a report (or \`bilevel sample --print python\`) prints, run as printed by diffusers from our noise, against the images of the \`bilevel sample\` command that goes with it, in units of pixels in [-1, 1]. The runs are
those of the preset \`tiny\`, whose images are noise. Every field of a scheduler's config is written (none is left to diffusers' defaults), and nothing warns. Of the other cases the second column says what the difference is of.

| case | what | scheduler | largest difference | RMS | bound | passed |
| --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}
`
}

const { values } = parseArgs({
  options: { only: { type: 'string' }, check: { type: 'boolean' }, quick: { type: 'boolean' } },
})
const chosen = CASES.filter(({ name, quick }) => name.includes(values.only ?? '') && (quick || !values.quick))
if (chosen.length === 0)
  throw new Error(`--only must be part of a case's name: ${CASES.map(({ name }) => name).join('; ')}`)
const { python, versions } = await environment().catch((error: Error) => {
  process.stderr.write(`interop needs python3 with the packages of ${HERE}/requirements.txt: ${error.message}\n`)
  process.exit(3)
})
const rows: Row[] = []
for (const one of chosen) {
  const row = await rowOf(one, python)
  rows.push(row)
  const { outcome, error } = row
  process.stderr.write(
    `${row.passed ? 'ok  ' : 'FAIL'} ${row.name}: ${outcome ? short(outcome.largest) : error} (bound ${row.bound})\n`,
  )
}
const passed = rows.every((row) => row.passed)
const written = values.only === undefined && !values.check
if (written && passed) await writeFile(GOLD, goldOf(rows, versions))
if (written && !values.quick) {
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
  const machine = `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores`
  const result = { command: 'npm run interop', commit, machine, versions, cases: rows.map(withoutMeasured) }
  // Commands name the checkout that they were run from; results are read elsewhere.
  const elsewhere = (text: string) => text.replaceAll(process.execPath, 'node').replaceAll(`${process.cwd()}/`, '')
  await writeFile(`${RESULT}.json`, elsewhere(`${JSON.stringify(result, null, 1)}\n`))
  await writeFile(`${RESULT}.md`, elsewhere(tableOf(rows, versions, commit)))
}
process.exitCode = passed ? 0 : 1
