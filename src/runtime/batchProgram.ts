/** A program over a batch whose items do not depend on each other: each lane runs its part of them, all at the same time. */
import type { Shape, Tensor } from '../base/index.ts'
import { sizeOf, tensor } from '../base/index.ts'
import type { Graph } from '../graph/index.ts'
import type { HeldOutputs, LaneProgram } from './compileLanes.ts'
import { compileLanes } from './compileLanes.ts'
import type { DeviceOptions } from './device.ts'

type Tensors = Readonly<Record<string, Tensor>>

/** Takes and gives tensors [batch, ...], and whole ones that are the same for all items. */
export interface BatchProgram {
  /** Names of the inputs. */
  readonly inputs: ReadonlySet<string>
  /** Outputs of all items, [batch, ...]. Calls are queued, not overlapped. @throws as `Program.run` */
  run(inputs: Tensors): Promise<Record<string, Tensor>>
  /** Outputs lane by lane, for what is no tensor [batch, ...] (sums over a lane's items). */
  runEach(inputs: Tensors): Promise<readonly Tensors[]>
  /** As `run`; the outputs `names` stay where they are, for `runFrom`, until they are released. */
  runHolding(
    inputs: Tensors,
    names: readonly string[],
  ): Promise<{ readonly outputs: Record<string, Tensor>; readonly held: HeldOutputs }>
  /** As `run`, with held outputs of another program of as many lanes as the inputs of their names. */
  runFrom(held: HeldOutputs, inputs: Tensors): Promise<Record<string, Tensor>>
  dispose(): Promise<void>
}

export interface BatchOptions extends DeviceOptions {
  /** Lanes that divide the batch; `lanesFor`. */
  readonly lanes: number
  /** Inputs that are the same for all items. */
  readonly whole?: readonly string[]
}

/**
 * Compiles a graph of batch / lanes items.
 * @throws as `compile`
 */
export async function compileBatch(graph: Graph, options: BatchOptions): Promise<BatchProgram> {
  const { lanes, whole = [], ...device } = options
  const programs = await compileLanes(graph, lanes, device)
  const shared = new SharedInputs(lanes > 1 ? whole : [])
  const each = <T>(inputs: Tensors, run: (program: LaneProgram, part: Tensors, lane: number) => Promise<T>) =>
    shared.during(inputs, (given) =>
      Promise.all(programs.map((program, lane) => run(program, partOf(given, lane, lanes, whole), lane))),
    )
  return {
    inputs: new Set(Object.keys(graph.inputs)),
    run: async (inputs) => joined(await each(inputs, (program, part) => program.run(part))),
    runEach: (inputs) => each(inputs, (program, part) => program.run(part)),
    async runHolding(inputs, names) {
      const came = await each(inputs, (program, part) => program.runHolding(part, names))
      return { outputs: joined(came.map(({ outputs }) => outputs)), held: new HeldByLane(came.map(({ held }) => held)) }
    },
    async runFrom(held, inputs) {
      const ofLane = (held as HeldByLane).parts
      return joined(await each(inputs, (program, part, lane) => program.runFrom(ofLane[lane], part)))
    },
    async dispose() {
      await Promise.all(programs.map((program) => program.dispose()))
    },
  }
}

/** Inputs that all lanes read from the same memory, in place of a copy for each: written anew for each run, after the one before. */
class SharedInputs {
  readonly #names: readonly string[]
  readonly #memory = new Map<string, Tensor>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(names: readonly string[]) {
    this.#names = names
  }

  during<T>(inputs: Tensors, run: (inputs: Tensors) => Promise<T>): Promise<T> {
    if (this.#names.length === 0) return run(inputs)
    const result = this.#last.then(() => run(this.#written(inputs)))
    this.#last = result.catch(() => undefined)
    return result
  }

  #written(inputs: Tensors): Tensors {
    const names = this.#names.filter((name) => name in inputs)
    return { ...inputs, ...Object.fromEntries(names.map((name) => [name, this.#write(name, inputs[name])])) }
  }

  #write(name: string, { dtype, shape, data }: Tensor): Tensor {
    let memory = this.#memory.get(name)
    if (memory?.data.length !== data.length || memory.dtype !== dtype) {
      const array = data.constructor as new (buffer: SharedArrayBuffer) => typeof data
      memory = typed(dtype, shape, new array(new SharedArrayBuffer(data.byteLength)))
      this.#memory.set(name, memory)
    }
    ;(memory.data as Float32Array).set(data as Float32Array)
    return memory
  }
}

class HeldByLane implements HeldOutputs {
  readonly parts: readonly HeldOutputs[]

  constructor(parts: readonly HeldOutputs[]) {
    this.parts = parts
  }

  release(): void {
    for (const part of this.parts) part.release()
  }
}

/** A lane's share of the inputs: views of consecutive items. */
function partOf(inputs: Tensors, lane: number, lanes: number, whole: readonly string[]): Tensors {
  if (lanes === 1) return inputs
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [name, whole.includes(name) ? value : itemsOf(value, lane, lanes)]),
  )
}

function itemsOf({ dtype, shape: [batch, ...item], data }: Tensor, lane: number, lanes: number): Tensor {
  const count = batch / lanes
  const size = count * sizeOf(item)
  return typed(dtype, [count, ...item], data.subarray(lane * size, (lane + 1) * size))
}

/** Outputs of all lanes, one after the other. */
function joined(parts: readonly Tensors[]): Record<string, Tensor> {
  if (parts.length === 1) return { ...parts[0] }
  return Object.fromEntries(
    Object.keys(parts[0]).map((name) => {
      const values = parts.map((part) => part[name])
      const [{ dtype, shape, data }] = values
      const length = values.reduce((sum, value) => sum + value.data.length, 0)
      const all = new (data.constructor as new (length: number) => typeof data)(length)
      let at = 0
      for (const value of values) {
        ;(all as Float32Array).set(value.data as Float32Array, at)
        at += value.data.length
      }
      return [name, typed(dtype, [length / sizeOf(shape.slice(1)), ...shape.slice(1)], all)]
    }),
  )
}

/** The element type says what the data is. */
const typed = (dtype: Tensor['dtype'], shape: Shape, data: Tensor['data']): Tensor =>
  tensor(dtype as 'float32', shape, data as Float32Array)
