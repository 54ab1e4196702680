/** The programs of a training step and of a tuning iteration, as they are compiled, each call with its pass. */
import type { Tensor } from '../../src/base/index.ts'
import { float32, randomStream, sizeOf, tensor } from '../../src/base/index.ts'
import {
  denoiseVjpGraph,
  lossGradientGraph,
  trainStepGraph,
  updateGraph,
} from '../../src/diffusion/denoisers/programs.ts'
import type { Graph, Node } from '../../src/graph/index.ts'
import { bind, liveBytes, simplify } from '../../src/graph/index.ts'
import type { DenoisingNetwork } from '../../src/nn/index.ts'
import { adamw, flatSize, initialState } from '../../src/nn/index.ts'
import { encode } from '../../src/onnx/index.ts'
import { findBlockSize } from '../../src/runtime/blockSize.ts'
import { LARGE } from '../../src/runtime/compile.ts'
import type { SessionSettings } from '../../src/runtime/engine.ts'
import { usedEngine } from '../../src/runtime/engine.ts'
import { engineOrder } from '../../src/runtime/engineOrder.ts'
import { lanesFor, mostLanes, recompute, splitGraph } from '../../src/runtime/index.ts'
import { lowerForCpu } from '../../src/runtime/lower/index.ts'
import type { Pass } from './passes.ts'
import { passesOf } from './passes.ts'

/** A program of a lane as the engine gets it. */
export interface ProfiledProgram {
  readonly model: Uint8Array
  readonly feeds: Readonly<Record<string, Tensor>>
  readonly settings: SessionSettings
  /** Of the call at that place of the file. */
  readonly passOf: (index: number) => Pass
  /** Runs of it in one step or iteration, lane after lane left out. */
  readonly times: number
}

/** Plausible values: small positive numbers, and times that are whole. */
function feedsOf(graph: Graph): Record<string, Tensor> {
  const random = randomStream({ seed: 0, purpose: 'bench.profile' })
  return Object.fromEntries(
    Object.entries(graph.inputs).map(([name, { dtype, shape }]) => {
      const count = sizeOf(shape)
      if (dtype === 'int64') {
        return [
          name,
          tensor(
            'int64',
            shape,
            BigInt64Array.from({ length: count }, () => BigInt(random.integer(1000))),
          ),
        ]
      }
      return [
        name,
        float32(
          Float32Array.from({ length: count }, () => 0.01 + 0.5 * random.uniform()),
          shape,
        ),
      ]
    }),
  )
}

interface Form {
  readonly threads: number
  readonly times?: number
  readonly frozen?: boolean
  /** Passes by call, told from the lowered graph. */
  readonly passes: (lowered: Graph) => (node: Node | undefined) => Pass
}

async function program(graph: Graph, { threads, times = 1, frozen = false, passes }: Form): Promise<ProfiledProgram> {
  const block = await findBlockSize(usedEngine())
  const lowered = recompute(lowerForCpu(frozen ? simplify(graph) : graph, block))
  let listed: readonly Node[] = []
  const model = encode(lowered, {
    order(nodes) {
      listed = engineOrder(nodes)
      return listed
    },
  })
  const passOfNode = passes(lowered)
  const settings = { device: 'cpu', threads, optimize: frozen, memoryPattern: liveBytes(graph) < LARGE } as const
  return { model, feeds: feedsOf(graph), settings, times, passOf: (index) => passOfNode(listed[index]) }
}

const always = (pass: Pass) => () => () => pass

/** Loss, gradient and update: in lanes where the batch is divided, in one program where it is not. */
export async function trainingPrograms(
  network: DenoisingNetwork,
  batch: number,
  clip: number | null,
): Promise<readonly ProfiledProgram[]> {
  const lanes = network.statistics.length === 0 ? lanesFor(batch) : 1
  const parameters = flatSize(network.parameters)
  const passes = (lowered: Graph) => {
    const known = passesOf(lowered, parameters)
    return (node: Node | undefined) => (node && known.get(node)) ?? 'optimizer'
  }
  const threads = mostLanes()
  if (lanes === 1) return [await program(trainStepGraph(network, batch, adamw(), clip), { threads, passes })]
  const ofLane = Math.max(1, Math.floor(threads / lanes))
  return Promise.all([
    program(lossGradientGraph(network, batch / lanes, lanes), { threads: ofLane, passes }),
    program(updateGraph(network, lanes, adamw(), clip), { threads, passes: always('optimizer') }),
  ])
}

/** The prediction that keeps its activations, and the derivative from there, of a chunk of the images at fixed weights. */
export async function tuningPrograms(
  network: DenoisingNetwork,
  { chunk, images, steps }: { readonly chunk: number; readonly images: number; readonly steps: number },
): Promise<readonly ProfiledProgram[]> {
  const lanes = lanesFor(chunk)
  const { weights, statistics } = initialState(network, 0)
  const graph = denoiseVjpGraph(network, chunk / lanes, { weights: false, prediction: true })
  const constants: Record<string, Tensor> = {
    weights: float32(weights),
    ...('statistics' in graph.inputs && { statistics: float32(statistics) }),
  }
  const { first, second } = splitGraph(bind(graph, constants), ['cotangent'])
  const form = {
    threads: Math.max(1, Math.floor(mostLanes() / lanes)),
    times: Math.ceil(images / chunk) * steps,
    frozen: true,
  }
  return Promise.all([
    program(first, { ...form, passes: always('forward') }),
    program(second, { ...form, passes: always('backward in x') }),
  ])
}
