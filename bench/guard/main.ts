/**
 * Compares this machine's figures with the committed ones of its class, and fails where something takes a tenth more than it did:
 *
 *     npm run bench:guard
 *     npm run bench:guard -- --rounds 5
 *     npm run bench:guard -- --write            # makes the figures of this class anew
 *
 * Processor time, in units of matrix products of the same run (docs/results/bench-guard.json). Exit code 1 where something is slower, 3 where there
 * are no figures of this class of machine.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine } from '../report.ts'
import type { GuardFigures, GuardRun } from './guard.ts'
import { ALLOWED, guardFigures, guardRows } from './guard.ts'

const RESULT = 'docs/results/bench-guard.json'
const PARTS = ['sample', 'trainStep', 'tuneIteration', 'smallSample', 'smallTrainStep', 'guided']

interface Committed {
  readonly command: string
  /** By class of machine. */
  readonly classes: Readonly<Record<string, { readonly commit: string | null; readonly figures: GuardFigures }>>
}

function main([script, ...args]: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '3' }, write: { type: 'boolean', default: false } },
  })
  const rounds = Number(values.rounds)
  if (!(Number.isInteger(rounds) && rounds >= 1)) {
    process.stderr.write(`bench:guard: --rounds must be a whole number from 1, got ${values.rounds}\n`)
    return 2
  }
  const { commit, processor, cores, platform } = machine()
  const kind = `${processor}, ${cores} cores, ${platform}`
  const committed = readCommitted()
  if (!values.write && !(kind in committed.classes)) {
    process.stderr.write(`bench:guard: ${RESULT} has no figures of ${kind}; --write makes them\n`)
    return 3
  }
  const figures = guardFigures(Array.from({ length: rounds }, () => benchRun(join(dirname(script), 'bench.mjs'))))
  if (values.write) {
    const rounded = Object.fromEntries(Object.entries(figures).map(([part, value]) => [part, +value.toPrecision(4)]))
    const classes = { ...committed.classes, [kind]: { commit, figures: rounded } }
    writeFileSync(RESULT, `${JSON.stringify({ ...committed, classes }, null, 1)}\n`)
    return 0
  }
  const rows = guardRows(figures, committed.classes[kind].figures)
  for (const { part, now, before, ratio, slower } of rows) {
    const verdict = slower ? 'SLOWER' : 'holds'
    process.stdout.write(
      `${ratio.toFixed(2)}  ${verdict}  ${part}: ${now.toPrecision(3)} for ${before.toPrecision(3)}\n`,
    )
  }
  const slower = rows.filter((row) => row.slower)
  if (slower.length > 0) {
    const names = slower.map(({ part }) => part).join(', ')
    process.stderr.write(`bench:guard: more than ${100 * ALLOWED} % above the committed figures: ${names}\n`)
  }
  return slower.length > 0 ? 1 : 0
}

function readCommitted(): Committed {
  try {
    return JSON.parse(readFileSync(RESULT, 'utf8')) as Committed
  } catch {
    return { command: 'npm run bench:guard -- --write', classes: {} }
  }
}

function benchRun(bench: string): GuardRun {
  const argv = [bench, '--json', '--clock', 'cpu', '--only', PARTS.join()]
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`bench must end with 0, got ${status}: ${stderr.trim()}`)
  const { gemmGflops, small, ...rest } = JSON.parse(stdout)
  const parts = { ...rest, smallSample: small.sample, smallTrainStep: small.trainStep }
  const seconds = Object.fromEntries(PARTS.map((part) => [part, parts[part].seconds as number]))
  return { gemmGflops, seconds }
}

process.exitCode = main(process.argv.slice(1))
