import { MessageChannel } from 'node:worker_threads'
import * as engine from 'onnxruntime-node'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { filled } from '../../base/index.ts'
import type { Named, TensorType } from '../../graph/index.ts'
import { add, mul, neg, reshape, trace } from '../../graph/index.ts'
import { encode } from '../../onnx/index.ts'
import { NOT_HANDED_OVER } from '../kept.ts'
import type { LaneReply, LaneRequest } from './laneWorker.ts'
import { serveLane } from './laneWorker.ts'

const SIZE = 2 ** 22
const MEBIBYTES = (4 * SIZE) / 2 ** 20
const type: TensorType = { dtype: 'float32', shape: [SIZE] }

type EncodeOptions = Parameters<typeof encode>[1]

let channel: MessageChannel
let ask: (request: LaneRequest) => Promise<LaneReply>

beforeEach(() => {
  channel = new MessageChannel()
  const { port1, port2 } = channel
  serveLane(port1, engine)
  let call = 0
  ask = (request) =>
    new Promise((resolve) => {
      port2.once('message', resolve)
      port2.postMessage({ ...request, call: ++call })
    })
})

afterEach(() => channel.port1.close())

const load = (
  session: number,
  types: Record<string, TensorType>,
  f: (inputs: Named) => Named,
  options: EncodeOptions = {},
) => ask({ kind: 'load', session, model: encode(trace(types, f), options), options: {} })
const hold = (held: number, value: number) =>
  ask({ kind: 'run', session: 1, feeds: { x: filled([SIZE], value) }, hold: { held, names: ['y', 'z'] } })
/** The first numbers of what was held: x, y, z of the run. */
const read = async (from: number) => {
  const { outputs } = await ask({ kind: 'run', session: 2, feeds: {}, from })
  return Array.from(outputs?.sum.data as Float32Array).slice(0, 2)
}
const memory = () => process.memoryUsage().arrayBuffers / 2 ** 20

const FORMS: Readonly<Record<string, EncodeOptions>> = {
  'as it is': {},
  'with an output that is not handed over': { emptySequence: NOT_HANDED_OVER },
}

test.each(Object.entries(FORMS))(
  'what a run leaves stays until it is dropped, its memory is the next run’s: %s',
  async (_, form) => {
    await load(1, { x: type }, ({ x }) => ({ small: reshape(x, [2, SIZE / 2]), y: mul(x, 2), z: neg(x) }), form)
    await load(2, { y: type, z: type }, ({ y, z }) => ({ sum: add(mul(y, 10), z) }))
    const first = await hold(7, 3)
    expect(first.outputs?.small.data[5]).toBe(3)
    expect(Object.keys(first.outputs ?? {})).toEqual(['small'])
    await hold(8, 5)
    expect(await read(7)).toEqual([57, 57])
    expect(await read(8)).toEqual([95, 95])
    expect((await ask({ kind: 'drop', held: 7 })).error).toBeUndefined()
    // Dropped twice is dropped: no two runs write to the same place.
    expect((await ask({ kind: 'drop', held: 7 })).error).toBeUndefined()
    const again = await hold(9, -1)
    await hold(10, 4)
    expect(again.outputs?.small.data[5]).toBe(-1)
    expect([await read(8), await read(9), await read(10)].map(([value]) => value)).toEqual([95, -19, 76])
    for (const held of [8, 9, 10]) await ask({ kind: 'drop', held })
    const spare = memory()
    await ask({ kind: 'release', session: 1 })
    // Three sets of two tensors.
    expect(spare - memory()).toBeGreaterThan(5.9 * MEBIBYTES)
    await ask({ kind: 'release', session: 2 })
  },
)

test('what is dropped after its session has been released goes at once', async () => {
  await load(1, { x: type }, ({ x }) => ({ y: mul(x, 2), z: neg(x) }))
  await hold(7, 3)
  await ask({ kind: 'release', session: 1 })
  const held = memory()
  expect((await ask({ kind: 'drop', held: 7 })).error).toBeUndefined()
  expect(held - memory()).toBeGreaterThan(1.9 * MEBIBYTES)
})

test('a run that fails says why, and leaves nothing', async () => {
  await load(1, { x: type }, ({ x }) => ({ y: mul(x, 2), z: neg(x) }), { emptySequence: NOT_HANDED_OVER })
  const request = {
    kind: 'run',
    session: 1,
    feeds: { x: filled([3], 1) },
    hold: { held: 7, names: ['y', 'z'] },
  } as const
  expect((await ask(request)).error).toMatch(/invalid dimensions/i)
  await load(2, { y: type, z: type }, ({ y, z }) => ({ sum: add(y, z) }))
  expect((await ask({ kind: 'run', session: 2, feeds: {}, from: 7 })).error).toMatch(/input/i)
  // Without being told to hold, all that is a tensor comes.
  const { outputs } = await ask({ kind: 'run', session: 1, feeds: { x: filled([SIZE], 4) } })
  expect(Object.entries(outputs ?? {}).map(([name, { data }]) => [name, data[9]])).toEqual([
    ['y', 8],
    ['z', -4],
  ])
})
