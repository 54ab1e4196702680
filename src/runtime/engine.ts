/**
 * What runs models: ONNX Runtime in Node, in a browser, or a caller's own. Everything above asks for a program and names no engine; which one it is
 * is said once at the edge, or with `engine` in the options of a call.
 */
import type { BilevelError, DType, Tensor } from '../base/index.ts'
import { deviceError } from '../base/index.ts'
import type { Fed } from './elementTypes.ts'
import type { GraphKey } from './graphKey.ts'
import type { Device } from './program.ts'

/** An input or output as a model declares it. */
export interface DeclaredValue {
  readonly name: string
  /** The model's element type; float16 is fed as float32, any other that is no `DType` (string, ...) cannot be fed. */
  readonly dtype: DType | string
  /** Extents; a name, or '' without one, where the model leaves an axis open. */
  readonly shape: readonly (number | string)[]
}

/** A loaded model. */
export interface Session {
  readonly inputs: readonly DeclaredValue[]
  readonly outputs: readonly DeclaredValue[]
  /** Runs once, for all outputs or those that are named; calls wait for the ones before them. @throws `runtime.run` with the engine's message */
  run(feeds: Readonly<Record<string, Fed>>, outputs?: readonly string[]): Promise<Record<string, Tensor>>
  /** Gives up this holder's share; the last one frees the session. */
  release(): Promise<void>
}

/** How a model is loaded. */
export interface SessionSettings {
  readonly device: Device
  readonly threads: number
  /** Whether the engine shall look for better forms by itself. What is lowered already gains nothing and loads four times faster without. */
  readonly optimize: boolean
  /**
   * Whether the engine shall lay out one block of memory for all results of a run after the first: a few per cent faster, but what
   * the first run allocated piece by piece stays beside it, so twice the memory. Default true.
   */
  readonly memoryPattern?: boolean
  /** Where to write the model in the engine's own format, ready to be loaded again for the same device. */
  readonly savePath?: string
}

/** Outputs that stay in a lane's memory until they are released. */
export interface Held {
  release(): void
}

/** A model loaded in a lane. */
export interface LaneSession {
  /** Runs once, after what was asked of the lane before, for all outputs or those that are named. @throws `runtime.run` with the engine's message */
  run(feeds: Readonly<Record<string, Fed>>, from?: Held, outputs?: readonly string[]): Promise<Record<string, Tensor>>
  /** The same, leaving the outputs `names` in the lane. */
  runHolding(
    feeds: Readonly<Record<string, Tensor>>,
    names: readonly string[],
  ): Promise<{ readonly outputs: Record<string, Tensor>; readonly held: Held }>
  release(): Promise<void>
}

/** A model's file, and the files beside it by the paths that it names. */
export interface ModelFiles {
  readonly bytes: Uint8Array
  readonly files: Readonly<Record<string, Uint8Array>>
}

/** Loads a model; with a path, also writes it there as the engine has it in memory. */
export type Load<S> = (model: Uint8Array, savePath?: string) => Promise<S>

/** An engine. What it can do beyond loading a model is there or not. */
export interface Engine {
  /** CPU threads of a program where nobody says how many. */
  readonly threads: number
  /** What to do where a device cannot be opened. */
  readonly remedies: Readonly<Record<Device, string>>
  /** Whether its CPU device has the operators that lowering puts in, ONNX Runtime's own; else graphs stay in standard operators. */
  readonly ownOperators: boolean
  /** Whether it ends a run at an output that is no tensor, when all have been written (`NOT_HANDED_OVER`). Default false: what is kept in lanes is handed over as a copy, too. */
  readonly endsAtSequence?: boolean
  /** Loads a model from bytes, or from a path or address. The engine's own error if it does not accept the model; `runtime.device`. */
  load(model: Uint8Array | string, settings: SessionSettings): Promise<Session>
  /** @throws what is wrong with the file of a model that is given by its path */
  checkFile?(path: string): Promise<void>
  /** The bytes of a model that is given by its path, for those who read the network in it. @throws `onnx.open`, `onnx.external` */
  readModelFiles?(path: string): Promise<ModelFiles>
  /** Loads a model, bytes or a file, in lane `number`, 0, 1, ...: lanes run at the same time, models of one lane can hand each other what they hold. */
  loadInLane?(number: number, model: Uint8Array | string, settings: SessionSettings): Promise<LaneSession>
  /**
   * The session of a graph: from a model kept by an earlier process, or from one that is made and kept.
   * @param how device and form of the model
   */
  loadKept?<S>(graph: GraphKey, how: string, make: () => Uint8Array, load: Load<S>): Promise<S>
}

let used: Engine | undefined

/** The engine of every program from now on, where a call names none. */
export function useEngine(engine: Engine): void {
  used = engine
}

/** The engine of this process. @throws `runtime.engine` (kind `device`) where nobody has said which */
export function usedEngine(): Engine {
  if (used) return used
  throw deviceError(
    'runtime.engine',
    "programs need an engine, none is there; import 'bilevel-diffusion' in Node, or call useEngine(webEngine(ort)) in a browser",
  )
}

/** The error for a device that could not be opened. */
export function unavailable(engine: Pick<Engine, 'remedies'>, device: Device, cause: unknown): BilevelError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return deviceError(
    'runtime.device',
    `device '${device}' must be available, it is not (${reason}); ${engine.remedies[device]}`,
    { cause },
  )
}
