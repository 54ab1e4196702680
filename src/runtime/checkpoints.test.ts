/** Fewer activations alive, the same derivative to the byte: of a chain with known sizes, and of exported networks of other people. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { float32, randomStream, sizeOf, tensor } from '../base/index.ts'
import type { Graph, SymbolicTensor } from '../graph/index.ts'
import { evaluate, liveBytes, matmul, nodesOf, tanh, trace, vjp } from '../graph/index.ts'
import { checkpointed, inSegments } from './checkpoints.ts'
import { compile } from './compile.ts'
import { COTANGENT, decodeFiles, derivativeName } from './decodeForeign.ts'
import { peakOf, runBy } from './engineOrder.fixture.ts'
import { engineOrder } from './engineOrder.ts'

const ROWS = 4096
const WIDTH = 8
const LAYER = ROWS * WIDTH * 4

/** x <- tanh(x W), so many times, and the derivative in x: each layer's result is needed on the way back. */
function chain(layers: number, rows = ROWS): Graph {
  const x = { dtype: 'float32', shape: [rows, WIDTH] } as const
  const w = { dtype: 'float32', shape: [WIDTH, WIDTH] } as const
  return trace({ x, w, [COTANGENT]: x }, ({ x: first, w: weight, [COTANGENT]: cotangent }) => {
    let y = first
    for (let layer = 0; layer < layers; layer++) y = tanh(matmul(y, weight))
    return { prediction: y, 'd x': vjp([y], [cotangent], [first])[0] }
  })
}

const feedsOf = (graph: Graph): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(graph.inputs).map(([name, { shape, dtype }]: [string, SymbolicTensor]) => {
      if (dtype === 'int64') return [name, tensor('int64', shape, new BigInt64Array(sizeOf(shape)).fill(7n))]
      const values = randomStream({ seed: 4, purpose: name }).normal(new Float32Array(sizeOf(shape)))
      return [name, float32(shape.length > 1 ? values.map((value) => 0.4 * value) : values.fill(7), shape)]
    }),
  )

const count = (graph: Graph, name: string) =>
  nodesOf(Object.values(graph.outputs)).filter(({ operator }) => operator.name === name).length

/** Layers alive at once, as the engine runs the graph. */
function layersAlive(graph: Graph): number {
  const outputs = Object.values(graph.outputs)
  return (4 * peakOf(runBy(engineOrder(nodesOf(outputs))), outputs)) / LAYER
}

async function resultsOf(graph: Graph, lowering: boolean) {
  const program = await compile(graph, { threads: 1, lowering })
  const values = await program.run(feedsOf(graph))
  await program.dispose()
  return values
}

test('of 36 layers those of a segment and the cuts are alive, and each layer is computed at most twice', () => {
  const graph = chain(36)
  expect(layersAlive(graph)).toBeGreaterThan(35)
  const lean = checkpointed(graph, [COTANGENT])
  expect(layersAlive(lean)).toBeLessThan(20)
  expect(liveBytes(lean) / LAYER).toBeLessThan(18)
  expect(count(lean, 'Tanh')).toBeGreaterThan(50)
  expect(count(lean, 'Tanh')).toBeLessThanOrEqual(72)
  // In two segments only the first is computed again.
  const half = inSegments(graph, [COTANGENT], 2)
  expect(layersAlive(half)).toBeGreaterThan(20)
  expect(layersAlive(half)).toBeLessThan(31)
})

test('the derivative is the same to the byte', async () => {
  const small = chain(7, 2048)
  expect(evaluate(inSegments(small, [COTANGENT], 3), feedsOf(small))).toEqual(evaluate(small, feedsOf(small)))
  const graph = chain(12)
  const lean = inSegments(graph, [COTANGENT], 4)
  expect(count(lean, 'Tanh')).toBeGreaterThan(count(graph, 'Tanh'))
  for (const lowering of [true, false])
    expect(await resultsOf(lean, lowering)).toEqual(await resultsOf(graph, lowering))
})

test('a graph that nothing is won of is left as it is', () => {
  const graph = chain(2, 4)
  expect(checkpointed(graph, [COTANGENT])).toBe(graph)
})

test.each(['unet2d-attention.dynamo-23.onnx', 'unet2d-condition.script-17.onnx'])(
  'of %s, with skips, attention and normalisation, the derivative is the same with less alive',
  async (file) => {
    const decoded = decodeFiles({ bytes: readFileSync(`test/found/onnx/${file}`), files: {} }, file)
    const shapes = Object.fromEntries(
      decoded.inputs.map(({ name, shape }) => [
        name,
        shape.map((extent) => (typeof extent === 'number' ? extent : 512)),
      ]),
    )
    const [{ name: image }] = decoded.inputs
    const graph = decoded.derivativeGraph(shapes, { output: decoded.outputs[0].name, wrt: [image] })
    const lean = checkpointed(graph, [COTANGENT])
    expect(liveBytes(lean)).toBeLessThan(0.7 * liveBytes(graph))
    const [was, is] = [await resultsOf(graph, true), await resultsOf(lean, true)]
    expect(Object.keys(is)).toEqual(['prediction', derivativeName(image)])
    for (const [name, { data }] of Object.entries(was)) {
      const values = data as Float32Array
      const largest = Math.max(...values.map(Math.abs))
      expect(largest).toBeGreaterThan(0)
      const off = Math.max(...values.map((value, i) => Math.abs(value - Number(is[name].data[i]))))
      // Float32: 1.02e-6 at most, as sums are taken in another order where another layout is at hand.
      expect(off / largest).toBeLessThan(1.5e-6)
    }
  },
)
