/**
 * This project against PyTorch on the same cores, in turn, and the ratios:
 *
 *     npm run bench:peer
 *     npm run bench:peer -- --rounds 5 --only smallSample,smallTrainStep
 *
 * First both networks are compared with their PyTorch forms on the same weights. Writes docs/results/bench-peer.json. By the clock it
 * needs an idle machine; --clock cpu with one core (taskset -c 0) tells something on a busy one. Exit code 3 without PyTorch.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import '../../src/runtime/node/index.ts'
import { BilevelError, exitCodeOf, failure, inputError } from '../../src/base/index.ts'
import { flatSize } from '../../src/nn/index.ts'
import { machine } from '../report.ts'
import type { Clock } from '../settings.ts'
import { paperNetwork, smallNetwork } from '../subjects.ts'
import type { Case } from './cases.ts'
import { CASES, TINY_CASES } from './cases.ts'
import { writeCheck, writeJobData } from './files.ts'
import type { Python } from './python.ts'
import { findPython, runPeer } from './python.ts'
import type { Raced } from './race.ts'
import { race } from './race.ts'

const RESULT = 'docs/results/bench-peer.json'
/** Largest difference, relative to the largest output, that rounding explains. */
const TOLERANCE = 1e-4

interface Options {
  readonly cases: readonly Case[]
  readonly rounds: number
  readonly clock: Clock
  readonly out: string
}

/** @throws `bench.flag` */
function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      only: { type: 'string' },
      clock: { type: 'string', default: 'wall' },
      out: { type: 'string', default: RESULT },
      tiny: { type: 'boolean', default: false },
    },
  })
  const known = values.tiny ? TINY_CASES : CASES
  const names = values.only?.split(',') ?? known.map(({ name }) => name as string)
  const unknown = names.find((name) => !known.some((one) => one.name === name))
  if (unknown) {
    throw inputError(
      'bench.flag',
      `--only must be a list of ${known.map(({ name }) => name).join(', ')}, got ${unknown}`,
    )
  }
  if (!/^[1-9]\d*$/.test(values.rounds)) {
    throw inputError('bench.flag', `--rounds must be a whole number from 1, got ${values.rounds}`)
  }
  if (values.clock !== 'wall' && values.clock !== 'cpu') {
    throw inputError('bench.flag', `--clock must be wall or cpu, got ${values.clock}`)
  }
  return {
    cases: known.filter(({ name }) => names.includes(name)),
    rounds: Number(values.rounds),
    clock: values.clock,
    out: values.out,
  }
}

/** Both networks on the same weights: as many parameters, the same outputs. @throws `bench.peer` */
async function checkNetworks(python: Python, folder: string) {
  const sizes = { base: 16, size: 28, tiny: false }
  const checks: { network: string; parameters: number; error: number }[] = []
  for (const [program, network] of [
    ['paper', paperNetwork(sizes)],
    ['small', smallNetwork(sizes)],
  ] as const) {
    const argv = [`bench/peer/pytorch/${program}.py`, 'check', await writeCheck(network, folder)]
    const { parameters, error } = runPeer<{ parameters: number; error: number }>(python, argv)
    if (parameters !== flatSize(network.parameters) || !(error <= TOLERANCE)) {
      const ours = flatSize(network.parameters)
      const rule = `${network.kind} in PyTorch must have our ${ours} parameters and outputs within ${TOLERANCE}`
      throw failure('bench.peer', `${rule}, got ${parameters} and ${error}; repair bench/peer/pytorch/${program}.py`)
    }
    checks.push({ network: network.kind, parameters, error })
  }
  return checks
}

function line({ what, ratio, required, holds, rounds }: Raced): string {
  const rows = rounds.map(({ ours, peer }) => `${ours.toPrecision(3)} s / ${peer.toPrecision(3)} s`).join(', ')
  return `${ratio.toFixed(2)} x (${holds ? 'holds' : 'MISSES'} ${required.toFixed(2)})  ${what}: ${rows}`
}

async function main([script, ...args]: readonly string[]): Promise<void> {
  const { cases, rounds, clock, out } = optionsOf(args)
  const python = findPython()
  if (!/openblas|mkl|inside/.test(python.blas)) {
    process.stderr.write(
      `PyTorch multiplies matrices with ${python.blas}, a slow library: install libopenblas0 for a fair race\n`,
    )
  }
  const folder = mkdtempSync(join(tmpdir(), 'bilevel-peer-'))
  try {
    const checks = await checkNetworks(python, folder)
    const data = await writeJobData(folder)
    const { torch, blas } = python
    const about = { command: 'npm run bench:peer', machine: { ...machine(), torch, blas }, checks }
    for (const one of cases) {
      const result = race(one, { python, script: join(dirname(script), 'bench.mjs'), data, rounds, clock })
      process.stderr.write(`${line(result)}\n`)
      // At once: the next case may take long and be given up.
      writeFileSync(out, `${JSON.stringify({ ...about, cases: merged(out, result) }, null, 1)}\n`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The cases of the file, this one in its place among them. */
function merged(path: string, raced: Raced): readonly Raced[] {
  let before: readonly Raced[] = []
  try {
    before = (JSON.parse(readFileSync(path, 'utf8')) as { cases: readonly Raced[] }).cases
  } catch {
    // No file yet.
  }
  const all = new Map([...before, raced].map((one) => [one.name, one]))
  return CASES.flatMap(({ name }) => all.get(name) ?? [])
}

try {
  await main(process.argv.slice(1))
} catch (error) {
  process.stderr.write(error instanceof BilevelError ? `bench:peer: ${error.message}\n` : `${(error as Error).stack}\n`)
  process.exitCode = exitCodeOf(error)
}
