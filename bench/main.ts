/**
 * How fast this machine runs what the library is made of, each figure beside the least time its arithmetic could take:
 *
 *     npm run bench
 *     npm run --silent bench -- --json --base 64 --batch 64 --sampling-steps 20 --only sample,trainStep
 *
 * A table on stderr; with --json one object on stdout. Other work on the machine spoils times by the clock: see --clock.
 */
import '../src/runtime/node/index.ts'
import { BilevelError, exitCodeOf } from '../src/base/index.ts'
import { measureCall, measureFile } from './diffusion/call.ts'
import { measureGuided } from './diffusion/guided.ts'
import { measureSample } from './diffusion/sample.ts'
import { measureTrainStep } from './diffusion/trainStep.ts'
import { measureFrechet } from './metrics/frechet.ts'
import type { Measured } from './report.ts'
import { benchJson, benchTable } from './report.ts'
import { measureCompile, probe } from './runtime/compile.ts'
import { measureGemm } from './runtime/gemm.ts'
import type { BenchSettings, Section } from './settings.ts'
import { benchSettings, fixedSizes, USAGE } from './settings.ts'
import { paperNetwork, realNetwork, smallNetwork } from './subjects.ts'
import { measureCurve } from './tuners/curve.ts'
import { measureJob } from './tuners/job.ts'
import { measureTuneIteration } from './tuners/tuneIteration.ts'

/** The slowest distance takes seconds; a few runs tell it. */
const MOST_FRECHET_RUNS = 3

/** Each part by name. */
function parts(settings: BenchSettings, script: string): Readonly<Record<Section, () => Promise<Partial<Measured>>>> {
  const { batch, samplingSteps: steps, runs } = settings
  const fixed = fixedSizes(settings)
  const paper = paperNetwork(settings)
  const small = smallNetwork(settings)
  const few = Math.min(runs, MOST_FRECHET_RUNS)
  const real = () => realNetwork(settings)
  const { realBatch } = fixed
  const ofFile = (derivative: boolean) =>
    measureFile(settings.file as string, { batch: fixed.exportBatch, runs, derivative })
  return {
    sample: async () => ({ sample: await measureSample(paper, { images: batch, steps, runs }) }),
    trainStep: async () => ({
      trainStep: await measureTrainStep(paper, { batch, clip: null, average: false, runs }),
    }),
    tuneIteration: async () => ({
      tuneIteration: await measureTuneIteration(small, {
        images: fixed.tuneImages,
        steps: fixed.tuneSteps,
        chunk: fixed.tuneChunk,
        runs,
      }),
    }),
    smallSample: async () => ({
      smallSample: await measureSample(small, { images: fixed.smallSampleImages, steps, runs }),
    }),
    smallTrainStep: async () => ({
      smallTrainStep: await measureTrainStep(small, { batch: fixed.smallTrainBatch, clip: 1, average: true, runs }),
    }),
    guided: async () => ({ guided: await measureGuided(paper, { images: batch, steps: fixed.guidedSteps, runs }) }),
    curve: async () => ({ curve: await measureCurve(settings) }),
    frechet: async () => ({
      frechet64: await measureFrechet(fixed.frechet.d64, few),
      frechet2048: await measureFrechet(fixed.frechet.d2048, few),
    }),
    compile: async () => ({ compile: measureCompile(settings, script) }),
    upperIteration: async () => ({
      upperIteration: await measureTuneIteration(paper, {
        images: fixed.upperImages,
        steps: fixed.tuneSteps,
        chunk: Math.ceil(fixed.upperImages / 2),
        runs,
      }),
    }),
    realForward: async () => ({
      realForward: await measureCall(real(), { batch: realBatch, runs, derivative: false }),
    }),
    realDerivative: async () => ({
      realDerivative: await measureCall(real(), { batch: realBatch, runs, derivative: true }),
    }),
    realTrainStep: async () => ({
      realTrainStep: await measureTrainStep(real(), { batch: realBatch, clip: null, average: false, runs }),
    }),
    exportForward: async () => ({ exportForward: await ofFile(false) }),
    exportDerivative: async () => ({ exportDerivative: await ofFile(true) }),
    job: async () => ({ job: await measureJob(settings) }),
  }
}

async function main([script, ...argv]: readonly string[]): Promise<void> {
  const probing = argv.includes('--probe')
  const settings = benchSettings(argv.filter((flag) => flag !== '--probe'))
  if (settings === null) {
    process.stdout.write(USAGE)
    return
  }
  if (probing) {
    process.stdout.write(`${JSON.stringify(await probe(settings))}\n`)
    return
  }
  const all = parts(settings, script)
  let measured: Measured = { gemm: await measureGemm(settings) }
  for (const section of settings.only) measured = { ...measured, ...(await all[section]()) }
  process.stderr.write(benchTable(settings, measured))
  if (settings.json) process.stdout.write(`${JSON.stringify(benchJson(settings, measured))}\n`)
}

try {
  await main(process.argv.slice(1))
} catch (error) {
  process.stderr.write(error instanceof BilevelError ? `bench: ${error.message}\n` : `${(error as Error).stack}\n`)
  process.exitCode = exitCodeOf(error)
}
