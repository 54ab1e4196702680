/** What `npm run bench` gives: a JSON object for programs, a table for people. */
import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus } from 'node:os'
import type { Figure } from './figure.ts'
import type { CompileFigures } from './runtime/compile.ts'
import { gemmRate } from './runtime/gemm.ts'
import type { BenchSettings, Clock } from './settings.ts'
import { fixedSizes } from './settings.ts'
import { secondsOf } from './timing.ts'
import type { JobFigures } from './tuners/job.ts'

/** All that was measured; parts that were not asked for are absent. */
export interface Measured {
  readonly gemm: Figure
  readonly sample?: Figure
  readonly trainStep?: Figure
  readonly tuneIteration?: Figure
  readonly smallSample?: Figure
  readonly smallTrainStep?: Figure
  readonly guided?: Figure
  readonly curve?: Figure
  readonly frechet64?: Figure
  readonly frechet2048?: Figure
  readonly compile?: CompileFigures
  /** A tuning iteration of the paper's UNet. */
  readonly upperIteration?: Figure
  readonly realForward?: Figure
  readonly realDerivative?: Figure
  readonly realTrainStep?: Figure
  readonly exportForward?: Figure
  readonly exportDerivative?: Figure
  readonly job?: JobFigures
}

/** Two digits more than repeat. */
const rounded = (value: number): number => Number(value.toPrecision(5))

/** A figure as JSON: images a second where it makes images, seconds, and how far from the floor (1: at the floor). */
function figureJson(figure: Figure, rate: number, clock: Clock) {
  const seconds = secondsOf(figure.timing, clock)
  const floorSeconds = figure.operations === null ? null : figure.operations / rate
  return {
    ...(figure.images !== undefined && { imagesPerSecond: rounded(figure.images / seconds) }),
    seconds: rounded(seconds),
    ...(floorSeconds !== null && {
      floorSeconds: rounded(floorSeconds),
      shareOfFloor: rounded(floorSeconds / seconds),
    }),
    runs: { wall: figure.timing.wall.map(rounded), cpu: figure.timing.cpu.map(rounded) },
  }
}

/** Where it was measured. */
export function machine() {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    commit: commit(),
  }
}

function commit(): string | null {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return null
  }
}

/** The whole result. Shares are of the floor: operations / the rate of matrix products measured in the same run, by the same clock. */
export function benchJson(settings: BenchSettings, measured: Measured) {
  const { clock, only, base, size, batch, samplingSteps, runs, tiny } = settings
  const rate = gemmRate(measured.gemm, clock)
  const json = (figure: Figure | undefined) => (figure ? figureJson(figure, rate, clock) : undefined)
  const { smallSample, smallTrainStep, frechet64, frechet2048, compile, job } = measured
  const frechet = frechet64 && frechet2048 && [frechet64, frechet2048].map((figure) => figureJson(figure, rate, clock))
  return {
    settings: { clock, only, base, size, batch, samplingSteps, runs, tiny, ...fixedSizes(settings) },
    machine: machine(),
    gemmGflops: rounded(rate / 1e9),
    sample: json(measured.sample),
    trainStep: json(measured.trainStep),
    tuneIteration: json(measured.tuneIteration),
    ...((smallSample || smallTrainStep) && {
      small: { sample: json(smallSample), trainStep: json(smallTrainStep) },
    }),
    guided: json(measured.guided),
    curve: json(measured.curve),
    upperIteration: json(measured.upperIteration),
    realForward: json(measured.realForward),
    realDerivative: json(measured.realDerivative),
    realTrainStep: json(measured.realTrainStep),
    exportForward: json(measured.exportForward),
    exportDerivative: json(measured.exportDerivative),
    /** Of this process, all that it measured together. */
    residentMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    ...(job && { job: { trainSeconds: rounded(job.train[clock]), tuneSeconds: rounded(job.tune[clock]) } }),
    ...(frechet && {
      frechet: {
        d64: frechet[0].seconds,
        d2048: frechet[1].seconds,
        shareOfFloor: { d64: frechet[0].shareOfFloor, d2048: frechet[1].shareOfFloor },
      },
    }),
    ...(compile && {
      compile: {
        coldSeconds: rounded(compile.cold.seconds[clock]),
        cachedSeconds: rounded(compile.cached.seconds[clock]),
      },
      peakMemoryMiB: Math.round(compile.cold.peakMemoryMiB),
    }),
  }
}

const milliseconds = (seconds: number): string => {
  const ms = 1000 * seconds
  return ms >= 100 ? ms.toFixed(0) : ms >= 10 ? ms.toFixed(1) : ms.toFixed(2)
}

/** The same as lines: milliseconds, images a second, share of the floor. */
export function benchTable(settings: BenchSettings, measured: Measured): string {
  const { clock } = settings
  const rate = gemmRate(measured.gemm, clock)
  const { compile, job, gemm: _, ...rest } = measured
  const rows = (Object.values(rest) as Figure[]).map((figure) => {
    const seconds = secondsOf(figure.timing, clock)
    const images = figure.images === undefined ? '' : (figure.images / seconds).toFixed(1)
    const share = figure.operations === null ? '' : `${((100 * figure.operations) / rate / seconds).toFixed(0)} %`
    return [milliseconds(seconds), images, share, figure.what]
  })
  if (job) {
    rows.push([milliseconds(job.train[clock]), '', '', 'the main job: training'])
    rows.push([milliseconds(job.tune[clock]), '', '', 'the main job: tuning'])
  }
  if (compile) {
    rows.push([milliseconds(compile.cold.seconds[clock]), '', '', "compile the paper's training program, cold"])
    rows.push([milliseconds(compile.cached.seconds[clock]), '', '', 'the same, another process with its cache'])
    const memory = `${compile.cold.peakMemoryMiB.toFixed(0)} MiB`
    rows.push(['', '', '', `peak memory of that process, two steps included: ${memory}`])
  }
  const heads = [clock === 'wall' ? 'ms' : 'CPU ms', 'images/s', 'of floor', 'what']
  const widths = [0, 1, 2].map((column) => Math.max(...[heads, ...rows].map((row) => row[column].length)))
  const lines = [heads, ...rows].map((row) =>
    row.map((cell, column) => (column < 3 ? cell.padStart(widths[column]) : cell)).join('  '),
  )
  return `${lines.join('\n')}\nfloor: operations at ${(rate / 1e9).toFixed(0)} GFLOP/s, the rate of matrix products in this run\n`
}
