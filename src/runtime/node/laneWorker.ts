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

/** What a run leaves in its lane, by name. */
type Kept = Readonly<Record<string, EngineTensor>>

/** Serves requests on a port, one after the other. */
export function serveLane(port: MessagePort, engine: Engine): void {
  const sessions = new Map<number, InferenceSession>()
  const held = new Map<number, { readonly session: number; readonly kept: Kept }>()
  // What was dropped, by the session that made it: the next run that holds writes there. New memory at every run is pages for the system to clear.
  const spare = new Map<number, Kept[]>()
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

  // As `releaseMemory` of src/base: what nobody reads again is not left to the collector.
  const nowhere = new MessageChannel().port1
  nowhere.close()
  const free = (tensors: readonly EngineTensor[]) => {
    const buffers = new Set(tensors.map(({ data }) => (data as Float32Array).buffer as ArrayBuffer))
    nowhere.postMessage(null, [...buffers])
  }

  const drop = (name: number) => {
    const dropped = held.get(name)
    if (!dropped) return
    held.delete(name)
    const { session, kept } = dropped
    if (sessions.has(session)) spare.set(session, [...(spare.get(session) ?? []), kept])
    else free(Object.values(kept))
  }

  const ARRAYS = {
    float32: Float32Array,
    float64: Float64Array,
    int32: Int32Array,
    int64: BigInt64Array,
    bool: Uint8Array,
  } as const
  /** Memory for outputs of a session, of those that are named or of the others. */
  const placeFor = ({ outputMetadata }: InferenceSession, ofNames: (name: string) => boolean): Kept => {
    const place: Record<string, EngineTensor> = {}
    for (const output of outputMetadata) {
      if (!output.isTensor || !ofNames(output.name)) continue
      const { name, type, shape } = output as { name: string; type: keyof typeof ARRAYS; shape: readonly number[] }
      const data = new ARRAYS[type](shape.reduce((size, extent) => size * extent, 1))
      place[name] = new engine.Tensor(type, data as Float32Array, shape)
    }
    return place
  }

  /**
   * Runs, and leaves in memory of its own what is named: that of an earlier run, if there is any to spare. The engine writes there, and would give
   * copies of it; `NOT_HANDED_OVER` of `kept.ts` is an output that it gives no copy of, with an error, and of none of the others then.
   */
  const runInto = async (session: number, inputs: Kept, names: readonly string[]): Promise<Kept> => {
    const loaded = sessions.get(session) as InferenceSession
    const place = spare.get(session)?.pop() ?? placeFor(loaded, (name) => names.includes(name))
    const all = { ...placeFor(loaded, (name) => !names.includes(name)), ...place }
    const nothing = loaded.outputMetadata.filter(({ isTensor }) => !isTensor).map(({ name }) => [name, null])
    try {
      const copies: Kept = await loaded.run(inputs, { ...Object.fromEntries(nothing), ...all })
      free(Object.keys(all).flatMap((name) => (copies[name].data === all[name].data ? [] : copies[name])))
    } catch (error) {
      if (nothing.length === 0 || !/^non tensor type/i.test((error as Error).message)) throw error
    }
    return all
  }

  const run = async (request: Extract<LaneRequest, { kind: 'run' }>) => {
    const { session, feeds, from, hold, outputs: wanted } = request
    const inputs: Record<string, EngineTensor> = from === undefined ? {} : { ...held.get(from)?.kept }
    for (const [name, { dtype, data, shape }] of Object.entries(feeds)) {
      inputs[name] = new engine.Tensor(dtype, own(`${session} ${name}`, data as Float32Array), shape)
    }
    const loaded = sessions.get(session)
    const results: Kept = hold
      ? await runInto(session, inputs, hold.names)
      : ((await loaded?.run(
          inputs,
          wanted ?? loaded.outputMetadata.flatMap((output) => (output.isTensor ? output.name : [])),
        )) ?? {})
    const outputs: Record<string, SentTensor> = {}
    const kept: Record<string, EngineTensor> = {}
    for (const [name, result] of Object.entries(results)) {
      if (hold?.names.includes(name)) kept[name] = result
      else outputs[name] = { dtype: result.type, shape: result.dims, data: result.data }
    }
    if (hold) held.set(hold.held, { session, kept })
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
      free((spare.get(request.session) ?? []).flatMap((kept) => Object.values(kept)))
      spare.delete(request.session)
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
