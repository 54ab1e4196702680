import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { randomStream, tensor } from '../../base/index.ts'
import type { Graph } from '../../graph/index.ts'
import { add, mul, reduceMean, reshape, slice, trace } from '../../graph/index.ts'
import { encode } from '../../onnx/index.ts'
import { onnxFeatures } from './onnxFeatures.ts'

const folder = mkdtempSync(join(tmpdir(), 'onnx-features-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A model of known numbers: maps [b,1,2,3]; rows 'pooled' the mean per column [b,1,3], 'logits' four times the first two pixels... */
function model(batch: number): Graph {
  return trace({ image: { dtype: 'float32', shape: [batch, 1, 2, 3] } }, ({ image }) => ({
    pooled: reduceMean(image, [2]),
    logits: mul(reshape(image, [batch, 6]), 4),
  }))
}

function saved(name: string, graph: Graph, open = false): string {
  const path = join(folder, name)
  const axis = ['batch']
  writeFileSync(path, encode(graph, open ? { axisNames: { image: axis, pooled: axis, logits: axis } } : {}))
  return path
}

const images = tensor(
  'float32',
  [7, 1, 2, 3],
  randomStream({ seed: 1, purpose: 'onnx features' }).normal(new Float32Array(42)),
)

describe('features of a foreign model', () => {
  test('pixels in its range, chunks of its batch, softmax of its logits, name and hash of the file', async () => {
    const path = saved('pooling.onnx', model(3))
    const network = await onnxFeatures(path, { range: [0, 255], output: 'pooled' })
    expect(network.name).toBe('pooling.onnx')
    expect(network.hash).toBe(createHash('sha256').update(readFileSync(path)).digest('hex'))
    expect([network.dimensions, network.imageShape, network.range]).toEqual([3, [1, 2, 3], [0, 255]])
    const features = await network.features(images)
    const inRange = images.data.map((pixel) => (pixel + 1) * 127.5)
    expect(features.shape).toEqual([7, 3])
    for (let i = 0; i < 7; i++) {
      for (let c = 0; c < 3; c++) {
        expect(features.data[i * 3 + c]).toBeCloseTo((inRange[i * 6 + c] + inRange[i * 6 + 3 + c]) / 2, 3)
      }
    }
    const probabilities = await network.probabilities?.(images)
    expect(probabilities?.shape).toEqual([7, 6])
    const total = inRange.subarray(0, 6).reduce((sum, v) => sum + Math.exp(4 * (v - inRange[0])), 0)
    expect(probabilities?.data[0]).toBeCloseTo(1 / total, 6)
    await network.dispose()
  })

  test('an open batch runs at the batch asked for; logits can be declined', async () => {
    const path = saved('open.onnx', model(1), true)
    const network = await onnxFeatures(path, { range: [-1, 1], output: 'logits', logits: null, batch: 1 })
    expect(network.probabilities).toBeUndefined()
    const { data } = await network.features(images)
    expect([...data].map((v) => v.toFixed(4))).toEqual([...images.data].map((v) => (4 * v).toFixed(4)))
    await network.dispose()
  })

  test('another image shape is refused', async () => {
    const network = await onnxFeatures(saved('shape.onnx', model(2)), { range: [-1, 1], output: 'pooled' })
    await expect(network.features(tensor('float32', [1, 1, 3, 2], new Float32Array(6)))).rejects.toThrow(/\[n,1,2,3\]/)
    await network.dispose()
  })
})

describe('models that do not fit', () => {
  const range = [0, 1] as const
  const flat = trace({ x: { dtype: 'float32', shape: [2, 6] } }, ({ x }) => ({ y: mul(x, 2) }))
  const image = { dtype: 'float32', shape: [2, 1, 2, 3] } as const
  const none = trace({ image }, ({ image: x }) => ({ y: slice(x, { axis: 3, end: 0 }) }))
  const two = trace(
    {
      image: { dtype: 'float32', shape: [2, 1, 2, 3] },
      t: { dtype: 'float32', shape: [] },
    },
    ({ image, t }) => ({ y: add(image, t) }),
  )
  test.each([
    ['no file', () => onnxFeatures(join(folder, 'none.onnx'), { range }), /must be a readable file/],
    ['no image input', () => onnxFeatures(saved('flat.onnx', flat), { range }), /it takes 'x' float32\[2,6\]/],
    ['two inputs', () => onnxFeatures(saved('two.onnx', two), { range }), /'image'.*'t' float32/],
    [
      'output not chosen',
      () => onnxFeatures(saved('a.onnx', model(2)), { range }),
      /name one of its outputs, 'pooled'/,
    ],
    [
      'a range the wrong way round',
      () => onnxFeatures(saved('r.onnx', model(2)), { range: [1, 0], output: 'pooled' }),
      /r.onnx must be two numbers, low < high, got \[1, 0\]/,
    ],
    [
      'an output without numbers',
      () => onnxFeatures(saved('none.onnx', none), { range }),
      /its output 'y' is float32\[2,1,2,0\] for 2 images/,
    ],
    ['no such output', () => onnxFeatures(saved('b.onnx', model(2)), { range, output: 'z' }), /'logits'.*got 'z'/],
  ])('%s', async (_, call, message) => {
    await expect(call()).rejects.toThrow(message)
  })
})
