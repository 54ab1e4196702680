/**
 * Fits the cost model of src/diffusion/denoisers/programCost.ts: seconds of a prediction, of its derivative and of a training step, and the memory of a
 * process that holds all three, over three image sizes, two widths, two batches and both networks; each in a process of its own.
 *
 *     npm run bench:cost [-- --clock cpu]
 *
 * Writes docs/results/bench-cost.json: the points, the lines, how well they fit. The lines go into COST_FIT (a test holds both together).
 */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import '../../src/runtime/node/index.ts'
import { BilevelError, exitCodeOf, failure, float32, inputError } from '../../src/base/index.ts'
import type { ProgramKind, ProgramSize } from '../../src/diffusion/denoisers/programCost.ts'
import { PROGRAM_KINDS, programSize } from '../../src/diffusion/denoisers/programCost.ts'
import { compileDenoiser } from '../../src/diffusion/index.ts'
import type { DenoisingNetwork } from '../../src/nn/index.ts'
import { initialState, shuffleUnet, unet } from '../../src/nn/index.ts'
import { openTrainer } from '../diffusion/trainStep.ts'
import { machine } from '../report.ts'
import { gemmRate, measureGemm } from '../runtime/gemm.ts'
import type { Clock } from '../settings.ts'
import { trainingSchedule } from '../subjects.ts'
import type { Timing } from '../timing.ts'
import { secondsOf, timed } from '../timing.ts'
import { fitLine } from './fit.ts'

const RESULT = 'docs/results/bench-cost.json'
const RUNS = 4

/** A network by its first width: twice as wide has twice the channels everywhere. */
interface Subject {
  readonly kind: 'unet' | 'shuffle'
  readonly size: number
  readonly width: number
  readonly batch: number
}

const SUBJECTS: readonly Subject[] = [
  { kind: 'unet', size: 16, width: 16, batch: 64 },
  { kind: 'unet', size: 16, width: 16, batch: 16 },
  { kind: 'unet', size: 16, width: 32, batch: 32 },
  { kind: 'unet', size: 24, width: 16, batch: 64 },
  { kind: 'unet', size: 32, width: 16, batch: 32 },
  { kind: 'unet', size: 32, width: 32, batch: 16 },
  { kind: 'shuffle', size: 16, width: 32, batch: 64 },
  { kind: 'shuffle', size: 28, width: 32, batch: 32 },
  { kind: 'shuffle', size: 28, width: 64, batch: 32 },
]

interface Point extends Subject {
  readonly sizes: Readonly<Record<ProgramKind, ProgramSize>>
  readonly timings: Readonly<Record<ProgramKind, Timing>>
  readonly peakMiB: number
  /** Operations per second of matrix products, measured in the same process. */
  readonly rate: Readonly<Record<Clock, number>>
}

const networkOf = ({ kind, size, width }: Subject): DenoisingNetwork =>
  kind === 'unet'
    ? unet({ size, channels: [width, 2 * width, 4 * width] })
    : shuffleUnet({ sample_size: size, base_dim: width })

/** The work of a process. */
async function measure(subject: Subject): Promise<Point> {
  const { batch } = subject
  const network = networkOf(subject)
  const gemm = await measureGemm({ tiny: false })
  const denoiser = await compileDenoiser({ network, state: initialState(network, 0), batch, binding: 'bound' })
  const shape = [batch, ...network.imageShape]
  const x = float32(new Float32Array(shape.reduce((a, b) => a * b)).fill(0.3), shape)
  const trainer = await openTrainer(network, batch, 1)
  let state = trainer.initialState()
  const timings = {
    predict: await timed(() => denoiser.predict(x, 500), RUNS),
    derivative: await timed(() => denoiser.vjp(x, 500, undefined, x), RUNS),
    trainStep: await timed(async () => {
      state = await trainer.step(state, trainingSchedule, trainer.draw(state.step), 1e-3)
    }, RUNS),
  }
  await Promise.all([denoiser.dispose(), trainer.dispose()])
  const peakMiB = process.resourceUsage().maxRSS / 1024
  const sizes = Object.fromEntries(PROGRAM_KINDS.map((kind) => [kind, programSize(network, kind, batch)]))
  return {
    ...subject,
    sizes: sizes as Point['sizes'],
    timings,
    peakMiB,
    rate: { wall: gemmRate(gemm, 'wall'), cpu: gemmRate(gemm, 'cpu') },
  }
}

function measured(script: string, subject: Subject): Point {
  const argv = [script, '--subject', JSON.stringify(subject)]
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  if (status === 0) return JSON.parse(stdout) as Point
  throw failure('bench.cost', `measuring ${JSON.stringify(subject)} must end with 0, got ${status}: ${stderr.trim()}`)
}

const rounded = (value: number): number => Number(value.toPrecision(4))

/** Seconds in units of operations, so that the machine's rate drops out. */
function fitOf(points: readonly Point[], kind: ProgramKind, clock: Clock) {
  const rows = points.map(({ sizes }) => [1, sizes[kind].operations, sizes[kind].elements])
  const y = points.map(({ timings, rate }) => secondsOf(timings[kind], clock) * rate[clock])
  const { coefficients, rSquared, meanRelativeError } = fitLine(rows, y)
  const [perRun, perOperation, perElement] = coefficients.map(rounded)
  return {
    perRun,
    perOperation,
    perElement,
    rSquared: rounded(rSquared),
    meanRelativeError: rounded(meanRelativeError),
  }
}

function memoryFit(points: readonly Point[]) {
  const bytes = ({ sizes }: Point) => PROGRAM_KINDS.reduce((sum, kind) => sum + sizes[kind].bytes, 0)
  const rows = points.map((point) => [1, bytes(point) / 2 ** 20])
  const { coefficients, rSquared, meanRelativeError } = fitLine(
    rows,
    points.map(({ peakMiB }) => peakMiB),
  )
  const [baseMiB, perByte] = coefficients.map(rounded)
  return { baseMiB, perByte, rSquared: rounded(rSquared), meanRelativeError: rounded(meanRelativeError) }
}

function row(point: Point, clock: Clock) {
  const { timings, sizes, rate, ...rest } = point
  const seconds = Object.fromEntries(PROGRAM_KINDS.map((kind) => [kind, rounded(secondsOf(timings[kind], clock))]))
  return { ...rest, peakMiB: Math.round(point.peakMiB), gflops: rounded(rate[clock] / 1e9), seconds, sizes }
}

async function main([script, ...args]: readonly string[]): Promise<void> {
  const options = { clock: { type: 'string', default: 'wall' }, subject: { type: 'string' } } as const
  const { values } = parseArgs({ args: [...args], options })
  const { clock, subject } = values
  if (clock !== 'wall' && clock !== 'cpu') {
    throw inputError('bench.flag', `--clock must be wall or cpu, got ${clock}`)
  }
  if (subject !== undefined) {
    process.stdout.write(JSON.stringify(await measure(JSON.parse(subject) as Subject)))
    return
  }
  const points = SUBJECTS.map((one) => {
    const point = measured(script, one)
    process.stderr.write(`${JSON.stringify(row(point, clock))}\n`)
    return point
  })
  const lines = Object.fromEntries(PROGRAM_KINDS.map((kind) => [kind, fitOf(points, kind, clock)]))
  const fit = { ...lines, memory: memoryFit(points) }
  const rows = points.map((point) => row(point, clock))
  const record = { command: 'npm run bench:cost', clock, machine: machine(), fit, points: rows }
  writeFileSync(RESULT, `${JSON.stringify(record, null, 1)}\n`)
  process.stderr.write(`${JSON.stringify(fit, null, 1)}\n`)
}

try {
  await main(process.argv.slice(1))
} catch (error) {
  process.stderr.write(error instanceof BilevelError ? `bench:cost: ${error.message}\n` : `${(error as Error).stack}\n`)
  process.exitCode = exitCodeOf(error)
}
