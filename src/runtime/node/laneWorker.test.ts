import { MessageChannel } from 'node:worker_threads'
import * as engine from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { filled } from '../../base/index.ts'
import { mul, trace } from '../../graph/index.ts'
import { encode } from '../../onnx/index.ts'
import type { LaneReply, LaneRequest } from './laneWorker.ts'
import { serveLane } from './laneWorker.ts'

test('what a run leaves is there until it is dropped, and its memory goes at once then', async () => {
  const type = { dtype: 'float32', shape: [2 ** 22] } as const
  const model = encode(trace({ x: type }, ({ x }) => ({ y: mul(x, 2) })))
  const { port1, port2 } = new MessageChannel()
  serveLane(port1, engine)
  let call = 0
  const ask = (request: LaneRequest) =>
    new Promise<LaneReply>((resolve) => {
      port2.once('message', resolve)
      port2.postMessage({ ...request, call: ++call })
    })
  const memory = () => process.memoryUsage().arrayBuffers / 2 ** 20
  await ask({ kind: 'load', session: 1, model, options: {} })
  const x = filled([2 ** 22], 3)
  const run = { kind: 'run', session: 1, feeds: { x } } as const
  const first = await ask({ ...run, hold: { held: 7, names: ['y'] } })
  expect(first).toEqual({ call: 2, outputs: {} })
  const held = memory()
  expect((await ask({ kind: 'drop', held: 7 })).error).toBeUndefined()
  expect(held - memory()).toBeGreaterThan(15)
  expect((await ask({ kind: 'drop', held: 7 })).error).toBeUndefined()
  await ask({ kind: 'release', session: 1 })
  port1.close()
})
