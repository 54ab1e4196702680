/**
 * Lanes: threads with an engine of their own, so that parts of a batch run at the same time. The engine's own threads divide each
 * operator, and wait for each other after every one; many here are too small for that, or are not divided at all.
 */
import { createRequire } from 'node:module'
import { Worker } from 'node:worker_threads'
import type { Tensor } from '../../base/index.ts'
import { failure } from '../../base/index.ts'
import type { Fed } from '../elementTypes.ts'
import { fromEngine } from '../elementTypes.ts'
import type { Held, LaneSession, SessionSettings } from '../engine.ts'
import type { LaneReply, LaneRequest, SentTensor } from './laneWorker.ts'
import { serveLane } from './laneWorker.ts'
import { sessionOptions } from './sessionOptions.ts'
import { keepTelemetryOff } from './telemetry.ts'

interface Waiting {
  resolve(outputs: Readonly<Record<string, SentTensor>>): void
  reject(error: Error): void
}

class HeldInLane implements Held {
  readonly number: number
  readonly #lane: Lane

  constructor(lane: Lane, number: number) {
    this.#lane = lane
    this.number = number
  }

  release(): void {
    this.#lane.tell({ kind: 'drop', held: this.number })
  }
}

let lastNumber = 0
const nextNumber = () => ++lastNumber

/** One thread. It starts with its first model and ends with its last. */
class Lane {
  #worker: Worker | undefined
  #models = 0
  readonly #waiting = new Map<number, Waiting>()

  async load(model: Uint8Array | string, settings: SessionSettings): Promise<LaneSession> {
    await keepTelemetryOff()
    const session = nextNumber()
    this.#models++
    try {
      await this.#ask({ kind: 'load', session, model, options: sessionOptions(settings) })
    } catch (error) {
      await this.#left()
      throw error
    }
    const run = (feeds: Readonly<Record<string, Fed>>, rest: object) =>
      this.#ask({ kind: 'run', session, feeds, ...rest }).then(received, (cause: Error) => {
        throw failure('runtime.run', `the model could not be run: ${cause.message}`, { cause })
      })
    return {
      run: (feeds, from, outputs) =>
        run(feeds, { ...(from instanceof HeldInLane && { from: from.number }), ...(outputs && { outputs }) }),
      runHolding: async (feeds, names) => {
        const held = new HeldInLane(this, nextNumber())
        return { outputs: await run(feeds, { hold: { held: held.number, names } }), held }
      },
      release: async () => {
        await this.#ask({ kind: 'release', session })
        await this.#left()
      },
    }
  }

  /** Asks without waiting for the reply. */
  tell(request: LaneRequest): void {
    if (this.#worker) this.#ask(request).catch(() => undefined)
  }

  async #left(): Promise<void> {
    if (--this.#models > 0) return
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }

  #ask(request: LaneRequest): Promise<Readonly<Record<string, SentTensor>>> {
    this.#worker ??= this.#start()
    const worker = this.#worker
    const call = nextNumber()
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject })
      // An idle lane keeps no process alive.
      worker.ref()
      worker.postMessage({ ...request, call })
    })
  }

  #start(): Worker {
    const engine = createRequire(import.meta.url).resolve('onnxruntime-node')
    // By import() alone: with --input-type=module, which threads inherit, there is no require.
    const program = `Promise.all([import('node:worker_threads'), import('node:module')]).then(
      ([{ parentPort, workerData: { engine } }, { createRequire }]) =>
        (${serveLane.toString()})(parentPort, createRequire(engine)(engine)))`
    const worker = new Worker(program, { eval: true, workerData: { engine } })
    worker.on('message', ({ call, outputs, error }: LaneReply) => {
      const waiting = this.#waiting.get(call)
      this.#waiting.delete(call)
      if (this.#waiting.size === 0) worker.unref()
      if (error === undefined) waiting?.resolve(outputs ?? {})
      else waiting?.reject(new Error(error))
    })
    worker.on('error', (error) => {
      for (const { reject } of this.#waiting.values()) reject(error)
      this.#waiting.clear()
      if (this.#worker === worker) this.#worker = undefined
    })
    return worker
  }
}

function received(outputs: Readonly<Record<string, SentTensor>>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dtype, shape, data }]) => [
      name,
      fromEngine(name, { type: dtype, dims: shape, data }),
    ]),
  )
}

const lanes: Lane[] = []

/** Loads a model, bytes or a file, in lane `number`, 0, 1, ...: models of one lane can hand each other what they hold. */
export function loadInLane(
  number: number,
  model: Uint8Array | string,
  settings: SessionSettings,
): Promise<LaneSession> {
  while (lanes.length <= number) lanes.push(new Lane())
  return lanes[number].load(model, settings)
}
