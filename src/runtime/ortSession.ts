/** Sessions of ONNX Runtime, whose two builds, for Node and for browsers, are called the same way. Runs are queued. */
import type { Tensor } from '../base/index.ts'
import { failure } from '../base/index.ts'
import type { Fed } from './elementTypes.ts'
import { fromEngine } from './elementTypes.ts'
import type { DeclaredValue, Session } from './engine.ts'

interface OrtValue {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: unknown
}

interface OrtMetadata {
  readonly name: string
  readonly isTensor: boolean
  readonly type?: string
  readonly shape?: readonly (number | string)[]
}

interface OrtSession {
  readonly inputMetadata: readonly OrtMetadata[]
  readonly outputMetadata: readonly OrtMetadata[]
  run(feeds: never, fetches?: never): Promise<object>
  release(): Promise<void>
}

/** What is called of the module `onnxruntime-node` or `onnxruntime-web`. */
export interface OrtModule {
  readonly Tensor: new (type: never, data: never, dims: readonly number[]) => object
  readonly InferenceSession: { create(model: never, options: never): Promise<OrtSession> }
}

/** Loads a model. The engine's own error if it does not accept it. */
export async function openSession(ort: OrtModule, model: Uint8Array | string, options: object): Promise<Session> {
  const handle = await ort.InferenceSession.create(model as never, options as never)
  let queue: Promise<unknown> = Promise.resolve()
  const enqueue = <T>(job: () => Promise<T>): Promise<T> => {
    const result = queue.then(job)
    queue = result.catch(() => undefined)
    return result
  }
  return {
    inputs: handle.inputMetadata.map(declared),
    outputs: handle.outputMetadata.map(declared),
    run: (feeds, outputs) => enqueue(() => runOnce(ort, handle, feeds, outputs)),
    release: () => enqueue(() => handle.release()),
  }
}

function declared({ name, isTensor, type = '', shape = [] }: OrtMetadata): DeclaredValue {
  return isTensor ? { name, dtype: type, shape } : { name, dtype: 'not a tensor', shape: [] }
}

async function runOnce(
  ort: OrtModule,
  handle: OrtSession,
  feeds: Readonly<Record<string, Fed>>,
  outputs: readonly string[] | undefined,
): Promise<Record<string, Tensor>> {
  const values = Object.entries(feeds).map(([name, { dtype, data, shape }]) => [
    name,
    new ort.Tensor(dtype as never, data as never, shape),
  ])
  let results: object
  try {
    const fed = Object.fromEntries(values) as never
    results = await (outputs ? handle.run(fed, outputs as never) : handle.run(fed))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw failure('runtime.run', `the model could not be run: ${reason}`, { cause })
  }
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, fromEngine(name, value as OrtValue)]))
}
