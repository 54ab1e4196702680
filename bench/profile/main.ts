/**
 * Where the time of a training step and of a tuning iteration goes, by pass and operator, by ONNX Runtime's own profiler:
 *
 *     npm run bench:profile
 *     npm run bench:profile -- --only smallTrainStep --runs 30 --nodes 20
 *
 * Programs of one lane at a time, so lanes do not wait for each other; each call's least time of all runs. Beside it the whole step by the clock, all
 * lanes at once: what is left is the host's algebra, copies, and the lanes' wait for memory and each other.
 */
import { parseArgs } from 'node:util'
import '../../src/runtime/node/index.ts'
import { BilevelError, exitCodeOf, inputError } from '../../src/base/index.ts'
import { measureTrainStep } from '../diffusion/trainStep.ts'
import { fixedSizes } from '../settings.ts'
import { paperNetwork, realNetwork, smallNetwork } from '../subjects.ts'
import { secondsOf } from '../timing.ts'
import { measureTuneIteration } from '../tuners/tuneIteration.ts'
import { nodeTimes } from './nodeTimes.ts'
import type { Pass } from './passes.ts'
import { PASSES } from './passes.ts'
import type { ProfiledProgram } from './programs.ts'
import { trainingPrograms, tuningPrograms } from './programs.ts'

const SUBJECTS = ['smallTrainStep', 'trainStep', 'tuneIteration', 'realTrainStep'] as const
type Subject = (typeof SUBJECTS)[number]

interface Measured {
  readonly what: string
  readonly programs: readonly ProfiledProgram[]
  /** Milliseconds of the whole by the clock. */
  readonly whole: () => Promise<number>
}

const PAPER = { base: 64, size: 28, batch: 64, tiny: false } as const

async function subject(name: Subject, runs: number): Promise<Measured> {
  const sizes = fixedSizes(PAPER)
  const training = async (
    network: ReturnType<typeof smallNetwork>,
    batch: number,
    clip: number | null,
    what: string,
  ): Promise<Measured> => ({
    what,
    programs: await trainingPrograms(network, batch, clip),
    whole: async () =>
      1000 * secondsOf((await measureTrainStep(network, { batch, clip, average: false, runs })).timing, 'wall'),
  })
  switch (name) {
    case 'smallTrainStep':
      return training(smallNetwork(PAPER), sizes.smallTrainBatch, 1, 'UNet2DModel 16/32/64: training step of 64')
    case 'trainStep':
      return training(paperNetwork(PAPER), PAPER.batch, null, "the paper's UNet, base 64: training step of 64")
    case 'realTrainStep':
      return training(
        realNetwork(PAPER),
        sizes.realBatch,
        null,
        'the architecture of ddpm-cifar10-32: training step of 8',
      )
    case 'tuneIteration': {
      const network = smallNetwork(PAPER)
      const options = { images: sizes.tuneImages, steps: sizes.tuneSteps, chunk: sizes.tuneChunk }
      return {
        what: 'UNet2DModel 16/32/64: tuning iteration, 256 images, 10 steps',
        programs: await tuningPrograms(network, options),
        whole: async () =>
          1000 *
          secondsOf((await measureTuneIteration(network, { ...options, runs: Math.min(runs, 7) })).timing, 'wall'),
      }
    }
  }
}

interface Options {
  readonly only: readonly Subject[]
  readonly runs: number
  /** Slowest calls to list. */
  readonly nodes: number
}

/** @throws `bench.flag` */
function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: SUBJECTS.slice(0, 3).join() },
      runs: { type: 'string', default: '20' },
      nodes: { type: 'string', default: '0' },
    },
  })
  const only = values.only.split(',').map((name) => {
    const known = SUBJECTS.find((one) => one === name)
    if (known) return known
    throw inputError('bench.flag', `--only must be a list of ${SUBJECTS.join(', ')}, got ${name}`)
  })
  const whole = (flag: 'runs' | 'nodes', least: number) => {
    const value = Number(values[flag])
    if (Number.isInteger(value) && value >= least) return value
    throw inputError('bench.flag', `--${flag} must be a whole number from ${least}, got ${values[flag]}`)
  }
  return { only, runs: whole('runs', 1), nodes: whole('nodes', 0) }
}

/** Operators with a column of their own; the others are added up. */
const SHOWN = 12

async function profile(name: Subject, { runs, nodes: listed }: Options): Promise<string> {
  const { what, programs, whole } = await subject(name, runs)
  const table = new Map<string, Map<Pass, number>>()
  const counts = new Map<Pass, number>()
  const slowest: { line: string; milliseconds: number }[] = []
  let inEngine = 0
  for (const { model, feeds, settings, passOf, times } of programs) {
    const { nodes, runMilliseconds } = await nodeTimes(model, feeds, settings, runs)
    inEngine += times * runMilliseconds
    for (const { index, operator, milliseconds, shapes } of nodes) {
      const pass = passOf(index)
      const row = table.get(operator) ?? new Map<Pass, number>()
      row.set(pass, (row.get(pass) ?? 0) + times * milliseconds)
      table.set(operator, row)
      counts.set(pass, (counts.get(pass) ?? 0) + 1)
      slowest.push({ line: `${operator} ${pass} ${shapes}`, milliseconds })
    }
  }
  const clock = await whole()
  const lines = [`${what}: ${clock.toFixed(1)} ms by the clock, programs of one lane ${inEngine.toFixed(1)}`]
  lines.push(...tableLines(table, counts))
  for (const { line, milliseconds } of slowest.toSorted((a, b) => b.milliseconds - a.milliseconds).slice(0, listed)) {
    lines.push(`  ${milliseconds.toFixed(3)} ${line}`)
  }
  return lines.join('\n')
}

function tableLines(
  table: ReadonlyMap<string, ReadonlyMap<Pass, number>>,
  counts: ReadonlyMap<Pass, number>,
): readonly string[] {
  const sum = (row: ReadonlyMap<Pass, number>) => [...row.values()].reduce((total, value) => total + value, 0)
  const sorted = [...table].toSorted(([, a], [, b]) => sum(b) - sum(a))
  const passes = PASSES.filter((pass) => counts.has(pass))
  const rowsOf = (rows: typeof sorted) =>
    passes.map((pass) => rows.reduce((total, [, row]) => total + (row.get(pass) ?? 0), 0))
  const line = (title: string, values: readonly number[]) => {
    const cells = [...values, values.reduce((total, value) => total + value, 0)].map((value) => value.toFixed(2))
    return `| ${title} | ${cells.join(' | ')} |`
  }
  return [
    `| ms | ${passes.join(' | ')} | all |`,
    `| --- |${' --- |'.repeat(passes.length + 1)}`,
    ...sorted.slice(0, SHOWN).map(([operator, row]) => line(operator, rowsOf([[operator, row]]))),
    line('others', rowsOf(sorted.slice(SHOWN))),
    line('all', rowsOf(sorted)),
    `| calls | ${passes.map((pass) => counts.get(pass)).join(' | ')} | ${[...counts.values()].reduce((a, b) => a + b, 0)} |`,
  ]
}

try {
  const options = optionsOf(process.argv.slice(2))
  for (const name of options.only) process.stdout.write(`${await profile(name, options)}\n\n`)
} catch (error) {
  process.stderr.write(
    error instanceof BilevelError ? `bench:profile: ${error.message}\n` : `${(error as Error).stack}\n`,
  )
  process.exitCode = exitCodeOf(error)
}
