/** Sessions of ONNX Runtime, whose two builds, for Node and for browsers, are called the same way. Runs are queued. */
import type { DType, Tensor } from '../base/index.ts'
import { failure, tensor } from '../base/index.ts'
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
  run(feeds: never): Promise<object>
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
    run: (feeds) => enqueue(() => runOnce(ort, handle, feeds)),
    release: () => enqueue(() => handle.release()),
  }
}

function declared({ name, isTensor, type = '', shape = [] }: OrtMetadata): DeclaredValue {
  return isTensor ? { name, dtype: type, shape } : { name, dtype: 'not a tensor', shape: [] }
}

async function runOnce(
  ort: OrtModule,
  handle: OrtSession,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const values = Object.entries(feeds).map(([name, { dtype, data, shape }]) => [
    name,
    new ort.Tensor(dtype as never, data as never, shape),
  ])
  let results: object
  try {
    results = await handle.run(Object.fromEntries(values) as never)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw failure('runtime.run', `the model could not be run: ${reason}`, { cause })
  }
  return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, fromEngine(name, value as OrtValue)]))
}

/** The engine's element types that a `Tensor` can hold. */
const KNOWN_TYPES: readonly DType[] = ['float32', 'float64', 'int64', 'int32', 'bool']

function fromEngine(name: string, { type, dims, data }: OrtValue): Tensor {
  if (!KNOWN_TYPES.some((known) => known === type))
    throw failure('runtime.run', `output '${name}' has element type ${type}, which is not supported`)
  return tensor(type as 'float32', dims, data as Float32Array)
}
