/**
 * This project against PyTorch on the same cores, in turn, and the ratios:
 *
 *     npm run bench:peer                                    # makes a virtual environment in .cache/ first
 *     npm run bench:peer -- --rounds 5 --only smallSample,smallTrainStep --forms eager,compiled
 *     PYTHON=/usr/bin/python3 npm run bench:peer            # another PyTorch, such as Debian's
 *
 * First the networks are compared with their PyTorch forms on the same weights, outputs and derivatives. Each round is ours, then PyTorch eager, with
 * channels last in memory, compiled (which needs g++), and both; the fastest of the four is the peer. Variables that change threads, allocator or
 * instructions are taken away from both. Writes docs/results/bench-peer.json. By the clock it needs an idle machine; --clock cpu with one core
 * (taskset -c 0) tells something on a busy one. Exit code 3 without PyTorch.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import '../../src/runtime/node/index.ts'
import { pinnedPython } from '../../scripts/interop/environment.ts'
import { BilevelError, exitCodeOf, failure, inputError } from '../../src/base/index.ts'
import { flatSize } from '../../src/nn/index.ts'
import { machine } from '../report.ts'
import type { Clock } from '../settings.ts'
import { paperNetwork, realNetwork, smallNetwork } from '../subjects.ts'
import type { Case, Form } from './cases.ts'
import { CASES, FORMS, TINY_CASES } from './cases.ts'
import type { Check } from './exported.ts'
import { exportedFile, GRADIENT_TOLERANCE, TOLERANCE } from './exported.ts'
import { writeCheck, writeJobData } from './files.ts'
import type { Python } from './python.ts'
import { plainEnvironment, pythonAmong, runPeer } from './python.ts'
import type { Raced } from './race.ts'
import { race } from './race.ts'

const RESULT = 'docs/results/bench-peer.json'

interface Options {
  readonly cases: readonly Case[]
  readonly rounds: number
  readonly clock: Clock
  readonly forms: readonly Form[]
  readonly out: string
}

/** @throws `bench.flag` */
function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '7' },
      only: { type: 'string' },
      clock: { type: 'string', default: 'wall' },
      forms: { type: 'string', default: FORMS.join() },
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
  const forms = values.forms.split(',')
  if (forms.some((form) => !FORMS.includes(form as Form))) {
    throw inputError('bench.flag', `--forms must be a list of ${FORMS.join(', ')}, got ${values.forms}`)
  }
  return {
    forms: forms as Form[],
    cases: known.filter(({ name }) => names.includes(name)),
    rounds: Number(values.rounds),
    clock: values.clock,
    out: values.out,
  }
}

/** The networks on the same weights: as many parameters, the same outputs and derivatives. @throws `bench.peer` */
async function checkNetworks(python: Python, folder: string, cases: readonly Case[]): Promise<Check[]> {
  const sizes = { base: 16, size: 28, tiny: false }
  const checks: Check[] = []
  const programs = [
    ['paper', paperNetwork(sizes)],
    ['small', smallNetwork(sizes)],
    ['real', realNetwork({ tiny: false })],
  ] as const
  for (const [program, network] of programs) {
    const path = `bench/peer/pytorch/${program}.py`
    if (!cases.some(({ peer }) => peer[0] === path)) continue
    const compared = runPeer<Omit<Check, 'network'>>(python, [path, 'check', await writeCheck(network, folder)])
    const { parameters, error, gradientError } = compared
    const fits = error <= TOLERANCE && gradientError <= GRADIENT_TOLERANCE
    if (parameters !== flatSize(network.parameters) || !fits) {
      const ours = flatSize(network.parameters)
      const rule = `${network.kind} in PyTorch must have our ${ours} parameters, outputs within ${TOLERANCE}, derivatives within ${GRADIENT_TOLERANCE}`
      throw failure('bench.peer', `${rule}, got ${parameters}, ${error} and ${gradientError}; repair ${path}`)
    }
    checks.push({ network: `${network.kind} (${program})`, parameters, error, gradientError })
  }
  return checks
}

function line({ what, ratio, spread, ratios, best, memory, required, holds }: Raced): string {
  const others = Object.entries(ratios).map(([form, value]) => `${form} ${value.toFixed(2)}`)
  const range = spread.map((value) => value.toFixed(2)).join(' to ')
  const verdict = holds ? 'holds' : 'MISSES'
  return `${ratio.toFixed(2)} x (${range}; ${verdict} ${required.toFixed(2)}; memory ${memory.toFixed(2)})  ${what}, against ${best}: ${others.join(', ')}`
}

async function main([script, ...args]: readonly string[]): Promise<void> {
  const { cases, rounds, clock, forms, out } = optionsOf(args)
  const { PYTHON } = process.env
  const python = pythonAmong([PYTHON ?? (await pinnedPython())])
  process.env = plainEnvironment()
  const folder = mkdtempSync(join(tmpdir(), 'bilevel-peer-'))
  try {
    const checks = await checkNetworks(python, folder, cases)
    const exports = cases.some(({ exported }) => exported)
    const exported = exports ? await exportedFile(python, folder) : null
    if (exported) checks.push(exported.compared)
    const data = await writeJobData(folder)
    const { torch, build } = python
    const about = { command: 'npm run bench:peer', machine: { ...machine(), torch, build }, checks }
    for (const one of cases) {
      const result = race(one, {
        ...{ python, script: join(dirname(script), 'bench.mjs'), data, rounds, clock, forms },
        ...(exported && { exported: exported.path }),
      })
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
