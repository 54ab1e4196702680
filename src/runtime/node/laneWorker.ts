/**
 * What a lane's thread does: load models, run them, hold outputs for later runs. One function without imports, as it reaches the
 * thread as text: so it is the same from sources, from a bundle and from the built package.
 */
import type { MessagePort } from 'node:worker_threads'
import type { Tensor as EngineTensor, InferenceSession } from 'onnxruntime-node'

/** The engine, as the thread loads it. */
type Engine = typeof import('onnxruntime-node')

/** A tensor on its way between threads. */
export interface SentTensor {
  readonly dtype: EngineTensor.Type
  readonly shape: readonly number[]
  readonly data: EngineTensor['data']
}

/** Asked of a lane. `call` names the reply; `held` names what a run left there. */
export type LaneRequest =
  | {
      readonly kind: 'load'
      readonly session: number
      /** Bytes, or the path of a file. */
      readonly model: Uint8Array | string
      readonly options: InferenceSession.SessionOptions
    }
  | {
      readonly kind: 'run'
      readonly session: number
      readonly feeds: Readonly<Record<string, SentTensor>>
      /** What an earlier run left: further inputs. */
      readonly from?: number
      /** Outputs that are wanted; absent: all. */
      readonly outputs?: readonly string[]
      /** Outputs to leave here, under this name. */
      readonly hold?: { readonly held: number; readonly names: readonly string[] }
    }
  | { readonly kind: 'drop'; readonly held: number }
  | { readonly kind: 'release'; readonly session: number }

export type NumberedRequest = LaneRequest & { readonly call: number }

/** A lane's reply: outputs by name, or what went wrong. */
export interface LaneReply {
  readonly call: number
  readonly outputs?: Readonly<Record<string, SentTensor>>
  readonly error?: string
}

/** Serves requests on a port, one after the other. */
export function serveLane(port: MessagePort, engine: Engine): void {
  const sessions = new Map<number, InferenceSession>()
  const held = new Map<number, Record<string, EngineTensor>>()
  // The engine repeats on stderr what its exceptions say.
  engine.env.logLevel = 'fatal'

  // The engine takes no shared memory: what is shared is copied, each input to a place of its own.
  const copies = new Map<string, Float32Array>()
  const own = (place: string, data: Float32Array): Float32Array => {
    if (!(data.buffer instanceof SharedArrayBuffer)) return data
    let copy = copies.get(place)
    if (!copy) {
      copy = new (data.constructor as typeof Float32Array)(data.length)
      copies.set(place, copy)
    }
    copy.set(data)
    return copy
  }

  // As `releaseMemory` of src/base: what is dropped is not left to the collector.
  const nowhere = new MessageChannel().port1
  nowhere.close()
  const drop = (name: number) => {
    const tensors = Object.values(held.get(name) ?? {})
    held.delete(name)
    const buffers = new Set(tensors.map(({ data }) => (data as Float32Array).buffer as ArrayBuffer))
    nowhere.postMessage(null, [...buffers])
  }

  const run = async (request: Extract<LaneRequest, { kind: 'run' }>) => {
    const { session, feeds, from, hold, outputs: wanted } = request
    const inputs: Record<string, EngineTensor> = from === undefined ? {} : { ...held.get(from) }
    for (const [name, { dtype, data, shape }] of Object.entries(feeds)) {
      inputs[name] = new engine.Tensor(dtype, own(`${session} ${name}`, data as Float32Array), shape)
    }
    const loaded = sessions.get(session)
    const results = (await (wanted ? loaded?.run(inputs, wanted) : loaded?.run(inputs))) ?? {}
    const outputs: Record<string, SentTensor> = {}
    const kept: Record<string, EngineTensor> = {}
    for (const [name, value] of Object.entries(results)) {
      const result = value as EngineTensor
      if (hold?.names.includes(name)) kept[name] = result
      else outputs[name] = { dtype: result.type, shape: result.dims, data: result.data }
    }
    if (hold) held.set(hold.held, kept)
    return outputs
  }

  const serve = async (request: LaneRequest): Promise<Record<string, SentTensor>> => {
    if (request.kind === 'run') return run(request)
    if (request.kind === 'load') {
      sessions.set(request.session, await engine.InferenceSession.create(request.model as Uint8Array, request.options))
    } else if (request.kind === 'drop') drop(request.held)
    else {
      await sessions.get(request.session)?.release()
      sessions.delete(request.session)
    }
    return {}
  }

  let queue: Promise<void> = Promise.resolve()
  port.on('message', (request: NumberedRequest) => {
    queue = queue.then(async () => {
      const { call } = request
      try {
        const outputs = await serve(request)
        const buffers = Object.values(outputs).map(({ data }) => (data as Float32Array).buffer as ArrayBuffer)
        port.postMessage({ call, outputs }, buffers)
      } catch (error) {
        port.postMessage({ call, error: error instanceof Error ? error.message : String(error) })
      }
    })
  })
}
