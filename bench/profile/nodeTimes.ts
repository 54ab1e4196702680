/** Milliseconds of every call of a model, by ONNX Runtime's own profiler. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import type { Tensor } from '../../src/base/index.ts'
import { internalError } from '../../src/base/index.ts'
import type { SessionSettings } from '../../src/runtime/engine.ts'
import { sessionOptions } from '../../src/runtime/node/sessionOptions.ts'

/** A call as the engine ran it. */
export interface NodeTime {
  /** Its place in the file, where the engine changed nothing. */
  readonly index: number
  readonly operator: string
  /** The least of all runs: a call is shorter than a time slice, so others on the machine do not show. */
  readonly milliseconds: number
  /** Shapes of its inputs. */
  readonly shapes: string
}

export interface Profiled {
  readonly nodes: readonly NodeTime[]
  /** The median run, from the call to its outputs. */
  readonly runMilliseconds: number
}

interface ProfileEvent {
  readonly cat: string
  readonly name: string
  readonly dur: number
  readonly args?: { readonly op_name?: string; readonly node_index?: string; readonly input_type_shape?: unknown }
}

const WARM_UP = 2

/** Runs a model and asks how long each of its calls took. */
export async function nodeTimes(
  model: Uint8Array,
  feeds: Readonly<Record<string, Tensor>>,
  settings: SessionSettings,
  runs: number,
): Promise<Profiled> {
  const folder = mkdtempSync(join(tmpdir(), 'bilevel-profile-'))
  try {
    const options = { ...sessionOptions(settings), enableProfiling: true, profileFilePrefix: join(folder, 'run') }
    const session = await ort.InferenceSession.create(model, options)
    const inputs = Object.fromEntries(
      Object.entries(feeds).map(([name, { dtype, data, shape }]) => [
        name,
        new ort.Tensor(dtype as 'float32', data as Float32Array, shape),
      ]),
    )
    const seconds: number[] = []
    for (let run = 0; run < WARM_UP + runs; run++) {
      const before = performance.now()
      await session.run(inputs)
      seconds.push(performance.now() - before)
    }
    session.endProfiling()
    await session.release()
    const sorted = seconds.slice(WARM_UP).toSorted((a, b) => a - b)
    return { nodes: readNodes(folder), runMilliseconds: sorted[sorted.length >> 1] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function readNodes(folder: string): NodeTime[] {
  const [file] = readdirSync(folder)
  if (file === undefined) throw internalError('the engine wrote no profile')
  const events = JSON.parse(readFileSync(join(folder, file), 'utf8')) as ProfileEvent[]
  const least = new Map<number, NodeTime>()
  for (const { cat, name, dur, args } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || args?.node_index === undefined) continue
    const index = Number(args.node_index)
    const milliseconds = Math.min(dur / 1000, least.get(index)?.milliseconds ?? Number.POSITIVE_INFINITY)
    const shapes = JSON.stringify(args.input_type_shape ?? '')
    least.set(index, { index, operator: args.op_name ?? '', milliseconds, shapes })
  }
  return [...least.values()]
}
