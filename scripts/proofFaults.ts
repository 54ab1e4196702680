/**
 * Puts each published fault (faults.ts) into a copy of the sources and runs the tests that are to notice it there:
 *
 *     npm run proof:faults
 *     npm run proof:faults -- --only broadcast
 *
 * Exit code 1 if the tests pass with a fault in, or fail without one. Writes docs/results/faults.md unless only some were asked for.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Fault } from './faults.ts'
import { edited, FAULTS } from './faults.ts'

const RESULT = 'docs/results/faults.md'

/** What the tests read besides the sources; none of it is changed. */
const SHARED = ['node_modules', 'assets', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']

/** A vitest report, as far as it is read here. */
interface Report {
  readonly numTotalTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

interface Outcome {
  readonly failed: number
  readonly total: number
  readonly first: string | null
}

function copyOfSources(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bilevel-faults-'))
  cpSync('src', join(folder, 'src'), { recursive: true })
  for (const name of SHARED) symlinkSync(resolve(name), join(folder, name))
  return folder
}

/** Runs test files in the copy. @throws if one could not be run at all: that is no test that noticed something */
function testsIn(folder: string, tests: readonly string[]): Outcome {
  const output = join(folder, 'report.json')
  rmSync(output, { force: true })
  const vitest = join('node_modules', 'vitest', 'vitest.mjs')
  const { stderr } = spawnSync(
    process.execPath,
    [vitest, 'run', '--root', folder, '--reporter=json', `--outputFile=${output}`, ...tests],
    { cwd: folder, encoding: 'utf8' },
  )
  let report: Report
  try {
    report = JSON.parse(readFileSync(output, 'utf8'))
  } catch (cause) {
    throw new Error(`the tests ${tests.join(', ')} did not run: ${stderr}`, { cause })
  }
  const broken = report.testResults.find(({ assertionResults }) => assertionResults.length === 0)
  if (broken || report.testResults.length !== tests.length) {
    throw new Error(`of ${tests.join(', ')} not all could be run: ${broken?.message ?? stderr}`)
  }
  const noticed = report.testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed'),
  )
  return { failed: report.numFailedTests, total: report.numTotalTests, first: noticed[0]?.fullName.trim() ?? null }
}

/** Runs the tests with a fault in, and takes it out again. */
function prove(folder: string, { edits, tests }: Fault): Outcome {
  for (const edit of edits) {
    const path = join(folder, edit.file)
    writeFileSync(path, edited(readFileSync(path, 'utf8'), edit))
  }
  try {
    return testsIn(folder, tests)
  } finally {
    for (const { file } of edits) cpSync(file, join(folder, file))
  }
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function tableOf(rows: readonly (readonly [Fault, Outcome])[]): string {
  const lines = rows.map(([{ fault, place, tests }, { failed, total, first }]) => {
    const verdict = failed > 0 ? `${failed} of ${total} fail` : `**survives** (${total} pass)`
    const files = tests.map((file) => `\`${file.replace(/^src\//, '')}\``).join(', ')
    return `| ${cell(fault)} | ${cell(place)} | ${verdict} | ${files} | ${cell(first ?? '')} |`
  })
  return ['| fault | put into | tests | run | first to fail |', '| --- | --- | --- | --- | --- |', ...lines, ''].join(
    '\n',
  )
}

const { values } = parseArgs({ options: { only: { type: 'string' } } })
const wanted = FAULTS.filter(({ fault, place }) => `${fault} ${place}`.includes(values.only ?? ''))
const folder = copyOfSources()
try {
  const clean = testsIn(folder, [...new Set(wanted.flatMap(({ tests }) => tests))])
  if (clean.failed > 0) throw new Error(`without a fault ${clean.failed} of ${clean.total} tests fail: ${clean.first}`)
  const rows = wanted.map((fault) => {
    const outcome = prove(folder, fault)
    console.error(`${fault.place}: ${outcome.failed} of ${outcome.total} fail (${fault.fault})`)
    return [fault, outcome] as const
  })
  const survivors = rows.filter(([, { failed }]) => failed === 0)
  const table = tableOf(rows)
  console.log(table)
  if (values.only === undefined) {
    const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
    const head = [
      '# Published faults, put into the sources',
      '',
      `\`npm run proof:faults\` at ${commit}: each fault of published code is put into a copy of the sources, alone, and the tests named are`,
      `run there. Without a fault all ${clean.total} tests pass; with one they must fail. ${rows.length - survivors.length} of ${rows.length} are noticed.`,
      '',
      '',
    ].join('\n')
    writeFileSync(RESULT, head + table)
  }
  process.exitCode = survivors.length > 0 ? 1 : 0
} finally {
  rmSync(folder, { recursive: true, force: true })
}
