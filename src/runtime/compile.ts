/** Graph to program: bind constants, lower for the device, encode, load. */
import type { Tensor } from '../base/index.ts'
import { BilevelError, inputError, internalError, sameShape } from '../base/index.ts'
import type { Graph, TensorType } from '../graph/index.ts'
import { bind, expandComposites, liveBytes, mapRecord, nodesOf, simplify } from '../graph/index.ts'
import { encode } from '../onnx/index.ts'
import { findBlockSize } from './blockSize.ts'
import type { DeviceOptions, ResolvedDeviceOptions } from './device.ts'
import { resolveDevice } from './device.ts'
import type { Load, Session, SessionSettings } from './engine.ts'
import { unavailable } from './engine.ts'
import { engineOrder } from './engineOrder.ts'
import { graphKey } from './graphKey.ts'
import { isKept, NOT_HANDED_OVER } from './kept.ts'
import type { BlockSize } from './lower/index.ts'
import { lowerForCpu } from './lower/index.ts'
import type { Program } from './program.ts'
import { recompute } from './recompute.ts'
import { sharedSession } from './sharedSessions.ts'

export interface CompileOptions<B extends string = never> extends DeviceOptions {
  /** Inputs to freeze at these values: they are no longer inputs of the program, and the engine may pre-pack them. */
  readonly constants?: Readonly<Record<B, Tensor>>
  /** Use the CPU engine's own operators where they are faster. Default true; without it the program is what an exported file is. */
  readonly lowering?: boolean
}

/**
 * Compiles a graph for a device. Programs with equal graphs and settings share one loaded session.
 * @throws `runtime.device` (kind `device`) if the device is not there; `graph.bind` on constants that do not fit
 * @example
 * const double = trace({ x: { dtype: 'float32', shape: [3] } }, ({ x }) => ({ y: mul(x, 2) }))
 * const program = await compile(double)
 * const { y } = await program.run({ x: float32([1, 2, 3]) })
 */
export async function compile<I extends string, O extends string, B extends I = never>(
  graph: Graph<I, O>,
  options: CompileOptions<B> = {},
): Promise<Program<Exclude<I, B>, O>> {
  const settings = resolveDevice(options)
  const { constants = {} as Readonly<Record<B, Tensor>> } = options
  const bound: Graph<Exclude<I, B>, O> = Object.keys(constants).length > 0 ? bind(graph, constants) : graph
  const { engine } = settings
  const session = await load<Session>(bound, settings, {
    lowering: options.lowering ?? true,
    open: (model, how) => engine.load(model, how),
    share: (key, make) => sharedSession(engine, key, make),
  })
  const inputs = mapRecord(bound.inputs, typeOf)
  const outputs = mapRecord(bound.outputs, typeOf)
  let open = true
  return {
    inputs,
    outputs,
    async run(feeds) {
      if (!open) throw internalError('a program was run after dispose()')
      checkFeeds(inputs, feeds)
      return session.run(usedOf(inputs, feeds)) as Promise<Record<O, Tensor>>
    },
    async dispose() {
      if (!open) return
      open = false
      await session.release()
    },
  }
}

/** How a model becomes a session. */
export interface Loading<S> {
  /** Whether the engine's own operators may be used. */
  readonly lowering: boolean
  /** Whether outputs that are kept stay where they are written. Default false: they are handed over as others are. */
  readonly holding?: boolean
  readonly open: (model: Uint8Array, settings: SessionSettings) => Promise<S>
  /** What to call sessions of a graph that may be shared. */
  readonly share: (key: string, load: () => Promise<S>) => Promise<S>
}

/** A graph's model, made or kept from before, and loaded. */
export async function load<S>(graph: Graph, options: ResolvedDeviceOptions, loading: Loading<S>): Promise<S> {
  const { engine, ...settings } = options
  const lowered = loading.lowering && engine.ownOperators && settings.device === 'cpu'
  const block = lowered ? await findBlockSize(engine) : undefined
  const frozen = holdsWeights(graph)
  const key = graphKey(graph)
  const holding = loading.holding === true && Object.keys(graph.outputs).some(isKept)
  const how = `${settings.device} ${lowered ? `lowered ${block}` : 'plain'}${holding ? ' holding' : ''}`
  const make = () => makeModel(graph, { lowered, block, frozen, holding })
  const memoryPattern = liveBytes(graph) < LARGE
  const opened: Load<S> = (model, savePath) =>
    loading.open(model, { ...settings, optimize: !lowered || frozen, memoryPattern, ...(savePath && { savePath }) })
  // Frozen weights seldom come back; what the engine makes of a model for other devices is not tried.
  const keep = lowered && !frozen ? engine.loadKept : undefined
  try {
    return await loading.share(`${key.hash} ${how} ${frozen ? 'frozen' : 'open'} ${settings.threads}`, () =>
      keep ? keep(key, how, make, opened) : opened(make()),
    )
  } catch (error) {
    throw error instanceof BilevelError ? error : explained(error, options)
  }
}

/** The engine's error for a model that this project made itself is a bug of this project, or a missing device. */
function explained(error: unknown, { device, engine }: ResolvedDeviceOptions): unknown {
  const reason = error instanceof Error ? error.message : String(error)
  if (device !== 'cpu' && !/invalid (graph|model)|schema|type error/i.test(reason))
    return unavailable(engine, device, error)
  return internalError(`onnxruntime does not accept a compiled graph: ${reason}`)
}

/** What model to make of a graph. */
interface Form {
  /** In the forms of the CPU engine. */
  readonly lowered: boolean
  readonly block: BlockSize
  /** Bound to weights. */
  readonly frozen: boolean
  readonly holding: boolean
}

/** Bytes alive at once from which a graph has to spare memory. */
export const LARGE = 2 ** 29

/** The graph as a model for a device. Lowering simplifies by itself; frozen weights have to be constants of their own before. */
function makeModel(graph: Graph, { lowered, block, frozen, holding }: Form): Uint8Array {
  const form = holding ? { emptySequence: NOT_HANDED_OVER } : {}
  if (!lowered) return encode(simplify(expandComposites(simplify(graph))), form)
  return encode(recompute(lowerForCpu(frozen ? simplify(graph) : graph, block)), { ...form, order: engineOrder })
}

/** Whether a graph was bound to weights. */
const holdsWeights = (graph: Graph): boolean =>
  nodesOf(Object.values(graph.outputs)).some(({ inputs }) => inputs.some((value) => value?.frozen))

export const typeOf = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape })

/** The feeds that a program takes. */
export function usedOf(
  types: Readonly<Record<string, TensorType>>,
  feeds: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => name in types))
}

/** @throws `runtime.feed` naming the first input that is missing, misshapen or of another element type */
export function checkFeeds(types: Readonly<Record<string, TensorType>>, feeds: Readonly<Record<string, Tensor>>): void {
  for (const [name, type] of Object.entries(types)) {
    const feed = feeds[name] as Tensor | undefined
    if (feed && feed.dtype === type.dtype && sameShape(feed.shape, type.shape)) continue
    const came = feed ? `${feed.dtype}[${feed.shape}]` : 'nothing'
    throw inputError('runtime.feed', `input '${name}' must be ${type.dtype}[${type.shape}], got ${came}`)
  }
}
