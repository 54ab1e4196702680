/** A graph as the same program in several lanes: parts of a batch at the same time. */
import type { Tensor } from '../base/index.ts'
import { internalError } from '../base/index.ts'
import type { Graph, TensorType } from '../graph/index.ts'
import { mapRecord } from '../graph/index.ts'
import { checkFeeds, compile, load, typeOf, usedOf } from './compile.ts'
import type { DeviceOptions } from './device.ts'
import { resolveDevice } from './device.ts'
import type { Engine, LaneSession, SessionSettings } from './engine.ts'
import type { Program } from './program.ts'

/** What a run in a lane leaves there. */
export interface HeldOutputs {
  release(): void
}

/** A program in a thread of its own. */
export interface LaneProgram<I extends string = string, O extends string = string> extends Program<I, O> {
  /** As `run`; the outputs `names` stay in the lane, for `runFrom` of another program there, until they are released. */
  runHolding(
    inputs: Readonly<Record<I, Tensor>>,
    names: readonly O[],
  ): Promise<{ readonly outputs: Record<string, Tensor>; readonly held: HeldOutputs }>
  /** As `run`, with held outputs as the inputs of their names. */
  runFrom(held: HeldOutputs, inputs: Readonly<Record<string, Tensor>>): Promise<Record<O, Tensor>>
}

/** Images of a lane's program from which a lane is worth its own overhead. */
const LEAST_OF_A_LANE = 16

/**
 * How many lanes divide a batch: as many as there are cores, each with as much of it and enough to do. A static rule, as results depend on it by
 * rounding.
 */
export function lanesFor(batch: number, options: DeviceOptions = {}): number {
  let lanes = Math.max(1, Math.min(mostLanes(options), Math.floor(batch / LEAST_OF_A_LANE)))
  while (batch % lanes !== 0) lanes--
  return lanes
}

/** Lanes that a device has use for: one a thread of the CPU, where the engine has any. */
export function mostLanes(options: DeviceOptions = {}): number {
  const { device, threads, engine } = resolveDevice(options)
  return device === 'cpu' && engine.loadInLane ? threads : 1
}

/**
 * The same program in each of several lanes, which run at the same time and share the threads. One lane: no thread of its own.
 * Programs that were compiled for the same number of lanes can hand each other held outputs, lane by lane.
 * @throws as `compile`
 */
export async function compileLanes<I extends string, O extends string>(
  graph: Graph<I, O>,
  lanes: number,
  options: DeviceOptions = {},
): Promise<readonly LaneProgram<I, O>[]> {
  if (lanes === 1) return [inThisThread(await compile(graph, options))]
  const { device, threads, engine } = resolveDevice(options)
  const { loadInLane } = engine
  if (!loadInLane) throw internalError(`${lanes} lanes of an engine that has none`)
  const settings = { device, threads: Math.max(1, Math.floor(threads / lanes)), engine }
  const sessions = await load<LaneSession[]>(graph, settings, {
    lowering: true,
    holding: engine.endsAtSequence === true,
    open: (model, how) => loadInLanes(loadInLane, lanes, model, how),
    share: (_, loadAll) => loadAll(),
  })
  const types = { inputs: mapRecord(graph.inputs, typeOf), outputs: mapRecord(graph.outputs, typeOf) }
  return sessions.map((session) => inLane(session, types))
}

/** What is written to disk is written once. */
async function loadInLanes(
  loadInLane: NonNullable<Engine['loadInLane']>,
  lanes: number,
  model: Uint8Array,
  settings: SessionSettings,
): Promise<LaneSession[]> {
  const { savePath: _, ...others } = settings
  return Promise.all(Array.from({ length: lanes }, (_, i) => loadInLane(i, model, i === 0 ? settings : others)))
}

interface ProgramTypes<I extends string, O extends string> {
  readonly inputs: Readonly<Record<I, TensorType>>
  readonly outputs: Readonly<Record<O, TensorType>>
}

function inLane<I extends string, O extends string>(
  session: LaneSession,
  types: ProgramTypes<I, O>,
): LaneProgram<I, O> {
  const run = async (feeds: Readonly<Record<string, Tensor>>, from?: HeldOutputs) =>
    (await session.run(usedOf(types.inputs, feeds), from)) as Record<O, Tensor>
  return {
    ...types,
    async run(feeds) {
      checkFeeds(types.inputs, feeds)
      return run(feeds)
    },
    async runHolding(feeds, names) {
      checkFeeds(types.inputs, feeds)
      return session.runHolding(usedOf(types.inputs, feeds), names)
    },
    runFrom: (held, feeds) => run(feeds, held),
    dispose: () => session.release(),
  }
}

/** Held outputs of a program in this thread: the tensors themselves. */
interface HeldHere extends HeldOutputs {
  readonly tensors: Readonly<Record<string, Tensor>>
}

function inThisThread<I extends string, O extends string>(program: Program<I, O>): LaneProgram<I, O> {
  return {
    ...program,
    async runHolding(feeds, names) {
      const outputs = await program.run(feeds)
      let tensors: Readonly<Record<string, Tensor>> = Object.fromEntries(names.map((name) => [name, outputs[name]]))
      const held: HeldHere = {
        get tensors() {
          return tensors
        },
        release() {
          tensors = {}
        },
      }
      return { outputs, held }
    },
    runFrom: (held, feeds) => program.run({ ...feeds, ...(held as HeldHere).tensors } as Readonly<Record<I, Tensor>>),
  }
}
