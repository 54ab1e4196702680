/** ONNX Runtime sessions: the one place where it is called. Runs are queued; equal models share one session. */
import './telemetry.ts'
import * as ort from 'onnxruntime-node'
import type { Tensor } from '../base/index.ts'
import { failure, internalError, tensor } from '../base/index.ts'
import type { ResolvedDeviceOptions } from './device.ts'
import { unavailable } from './device.ts'
import { keepTelemetryOff } from './telemetry.ts'

// The engine repeats on stderr what its exceptions say.
ort.env.logLevel = 'fatal'

/** A loaded model. */
export interface Session {
  readonly handle: ort.InferenceSession
  /** Runs once; calls wait for the ones before them. @throws `runtime.run` with the engine's message */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>
  /** Gives up this holder's share; the last one frees the session. */
  release(): Promise<void>
}

/**
 * How long an idle thread looks for work before it sleeps. Long enough for the gaps between operators; the engine's default spins
 * on after a run and halves the speed of a machine that is shared.
 */
const SPIN_MICROSECONDS = '100'

/** How a model is loaded. */
export interface SessionSettings extends ResolvedDeviceOptions {
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

/** Session options that were measured: docs/performance.md. */
export function sessionOptions({
  device,
  threads,
  optimize,
  savePath,
  memoryPattern = true,
}: SessionSettings): ort.InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    enableMemPattern: memoryPattern,
    graphOptimizationLevel: optimize ? 'all' : 'disabled',
    logSeverityLevel: 4,
    ...(savePath !== undefined && { optimizedModelFilePath: savePath }),
    extra: {
      session: {
        intra_op: { spin_duration_us: SPIN_MICROSECONDS },
        ...(savePath !== undefined && { save_model_format: 'ORT' }),
      },
    },
  }
}

/** Version of the engine. */
export const engineVersion = (): string => ort.env.versions.node ?? ort.env.versions.common

/** The engine's element types that a `Tensor` can hold. */
const KNOWN_TYPES = new Set<string>(['float32', 'float64', 'int64', 'int32', 'bool'])

/** Loads a model from bytes or a path. The engine's own error if it does not accept the model. */
export async function loadSession(model: Uint8Array | string, options: SessionSettings): Promise<Session> {
  assertSupported(options)
  await keepTelemetryOff()
  const settings = sessionOptions(options)
  const handle = await (typeof model === 'string'
    ? ort.InferenceSession.create(model, settings)
    : ort.InferenceSession.create(model, settings))
  let queue: Promise<unknown> = Promise.resolve()
  const enqueue = <T>(job: () => Promise<T>): Promise<T> => {
    const result = queue.then(job)
    queue = result.catch(() => undefined)
    return result
  }
  return {
    handle,
    run: (feeds) => enqueue(() => runOnce(handle, feeds)),
    release: () => enqueue(() => handle.release()),
  }
}

function assertSupported({ device }: ResolvedDeviceOptions): void {
  const backends = ort.listSupportedBackends?.() ?? []
  if (!backends.some(({ name }) => name === device)) throw unavailable(device, 'not built into this onnxruntime-node')
}

async function runOnce(
  handle: ort.InferenceSession,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const values = Object.entries(feeds).map(([name, { dtype, data, shape }]) => [
    name,
    new ort.Tensor(dtype, data, shape),
  ])
  let results: ort.InferenceSession.ReturnType
  try {
    results = await handle.run(Object.fromEntries(values))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw failure('runtime.run', `the model could not be run: ${reason}`, { cause })
  }
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, fromEngine(name, value)]))
}

function fromEngine(name: string, value: ort.OnnxValue): Tensor {
  const { type, dims, data } = value as ort.Tensor
  if (!KNOWN_TYPES.has(type))
    throw failure('runtime.run', `output '${name}' has element type ${type}, which is not supported`)
  return tensor(type as 'float32', dims, data as Float32Array)
}

interface Shared {
  readonly session: Promise<Session>
  holders: number
}

const cache = new Map<string, Shared>()

/** The session of a key, made on first demand and shared by all who ask for the same: one model in memory, one queue. */
export async function sharedSession(key: string, load: () => Promise<Session>): Promise<Session> {
  let shared = cache.get(key)
  if (!shared) {
    shared = { session: load(), holders: 0 }
    cache.set(key, shared)
  }
  shared.holders++
  const entry = shared
  const drop = () => {
    if (--entry.holders > 0) return false
    if (cache.get(key) === entry) cache.delete(key)
    return true
  }
  try {
    const session = await entry.session
    return {
      ...session,
      release: async () => {
        if (drop()) await session.release()
      },
    }
  } catch (error) {
    drop()
    throw error
  }
}

/** Number of sessions that are loaded and shared, for tests and memory reports. */
export function sharedSessionCount(): number {
  return cache.size
}

/** The engine's error for a model that this project made itself is a bug of this project, or a missing device. */
export function explainLoadError(error: unknown, { device }: ResolvedDeviceOptions): unknown {
  const reason = error instanceof Error ? error.message : String(error)
  if (device !== 'cpu' && !/invalid (graph|model)|schema|type error/i.test(reason)) return unavailable(device, error)
  return internalError(`onnxruntime does not accept a compiled graph: ${reason}`)
}
