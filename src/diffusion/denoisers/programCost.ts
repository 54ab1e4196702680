/**
 * What running a network costs, before anything runs: from counts over its graph, which are proportional to pixels, images and steps,
 *
 *     seconds of a run = (perRun + perOperation operations + perElement elements) / rate
 *     resident memory  = base + perByte (live bytes of all programs)
 *
 * operations: floating point operations of convolutions and matrix products; elements: what all nodes write; live bytes: the most that is
 * alive at once. rate: operations per second of large matrix products on the machine at hand. The coefficients are fitted to measured runs
 * (`npm run bench:cost`; docs/performance.md has the fit), in units of operations, so that a faster machine is faster by its rate.
 */
import { filled } from '../../base/index.ts'
import type { Graph } from '../../graph/index.ts'
import { liveBytes, matmul, operationCount, trace, writtenElements } from '../../graph/index.ts'
import type { DenoisingNetwork } from '../../nn/index.ts'
import { adamw } from '../../nn/index.ts'
import { compile, splitGraph } from '../../runtime/index.ts'
import { denoiseGraph, denoiseVjpGraph, trainStepGraph } from './programs.ts'

/** The counts that cost follows from, of one run of a program. */
export interface ProgramSize {
  readonly operations: number
  readonly elements: number
  readonly bytes: number
}

/** A prediction; its vector-Jacobian product, the forward pass recomputed; a training step. */
export const PROGRAM_KINDS = ['predict', 'derivative', 'trainStep'] as const
export type ProgramKind = (typeof PROGRAM_KINDS)[number]

/** A straight line in the counts, in units of operations. */
export interface CostLine {
  readonly perRun: number
  readonly perOperation: number
  readonly perElement: number
}

export interface CostFit extends Readonly<Record<ProgramKind, CostLine>> {
  readonly memory: { readonly baseMiB: number; readonly perByte: number }
}

/** As measured: docs/results/bench-cost.json. */
export const COST_FIT: CostFit = {
  predict: { perRun: 364_800_000, perOperation: 0.7713, perElement: 17.22 },
  derivative: { perRun: 585_700_000, perOperation: 0.7993, perElement: 32.75 },
  trainStep: { perRun: 665_700_000, perOperation: 0.7872, perElement: 91.87 },
  memory: { baseMiB: 284, perByte: 2.517 },
}

/** Bytes that programs of a file work with, from the graph in it: weights, and what is alive at once. */
export interface ProgramBytes {
  /** Of a prediction of all images of a call that run at the same time. */
  readonly predict: number
  /** Of its derivative. */
  readonly derivative: number
  /** What a prediction of a whole call keeps for its derivative, where it keeps it. */
  readonly kept: number
}

const sizeOfGraph = (graph: Graph): ProgramSize => ({
  operations: operationCount(graph),
  elements: writtenElements(graph),
  bytes: liveBytes(graph),
})

/** Counts of a network's programs at a batch. Tracing a training step takes a second. */
export function programSize(network: DenoisingNetwork, kind: ProgramKind, batch: number): ProgramSize {
  switch (kind) {
    case 'predict':
      return sizeOfGraph(denoiseGraph(network, batch))
    case 'derivative':
      return sizeOfGraph(denoiseVjpGraph(network, batch, { weights: false }))
    case 'trainStep':
      return sizeOfGraph(trainStepGraph(network, batch, adamw(), 1))
  }
}

/** Bytes that a pullback keeps of one image: what the derivative of a prediction needs of its forward pass. */
export function activationBytes(network: DenoisingNetwork): number {
  // What two images keep beyond one: parts of the weights, inputs here, are kept once.
  const [one, two] = [1, 2].map((batch) => {
    const graph = denoiseVjpGraph(network, batch, { weights: false, prediction: true })
    return splitGraph(graph, ['cotangent']).keptBytes
  })
  return two - one
}

/** Seconds of one run. @param rate operations per second of large matrix products, see `measureRate` */
export function secondsOfRun(kind: ProgramKind, size: ProgramSize, rate: number, fit: CostFit = COST_FIT): number {
  const { perRun, perOperation, perElement } = fit[kind]
  return (perRun + perOperation * size.operations + perElement * size.elements) / rate
}

/** Resident MiB of a process that holds these programs. */
export function memoryOfPrograms(sizes: readonly Pick<ProgramSize, 'bytes'>[], { memory }: CostFit = COST_FIT): number {
  return memory.baseMiB + (memory.perByte * sizes.reduce((sum, { bytes }) => sum + bytes, 0)) / 2 ** 20
}

/** Side of the matrices: 2 GFLOP. Smaller ones pay for the call, larger ones for memory. */
const SIDE = 1024
/** The fastest of a few is the machine's; all take a fraction of a second. */
const RUNS = 8

/** A product of float32 matrices, one of them constant as the weights of a frozen network are: what the rate is measured with. */
export interface MatrixProduct {
  /** Floating point operations of one run. */
  readonly operations: number
  run(): Promise<unknown>
  dispose(): Promise<void>
}

export async function matrixProduct(side: number = SIDE): Promise<MatrixProduct> {
  const type = { dtype: 'float32', shape: [side, side] } as const
  const product = trace({ a: type, b: type }, ({ a, b }) => ({ y: matmul(a, b) }))
  const program = await compile(product, { constants: { b: filled([side, side], 0.25) } })
  const a = filled([side, side], 0.5)
  return { operations: 2 * side ** 3, run: () => program.run({ a }), dispose: () => program.dispose() }
}

/** Operations per second of float32 matrix products on this machine, now. */
export async function measureRate(): Promise<number> {
  const product = await matrixProduct()
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < RUNS; run++) {
    const start = performance.now()
    await product.run()
    best = Math.min(best, performance.now() - start)
  }
  await product.dispose()
  return product.operations / (best / 1000)
}
