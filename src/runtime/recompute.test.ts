import { describe, expect, it } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { float32, randomStream, sizeOf } from '../base/index.ts'
import type { Graph, SymbolicTensor } from '../graph/index.ts'
import { add, evaluate, gradient, matmul, mul, neg, nodesOf, reduceMean, trace } from '../graph/index.ts'
import { compile } from './compile.ts'
import { peakOf, runBy } from './engineOrder.fixture.ts'
import { engineOrder } from './engineOrder.ts'
import { recompute } from './recompute.ts'

const MIB = 2 ** 20
const ROWS = 4096
const WIDTH = 8
const LAYER = ROWS * WIDTH

/** Products with chains of cheap calls between, and the gradient in all weights. */
function deepGraph(layers: number): Graph {
  const weights = Object.fromEntries(
    Array.from({ length: layers }, (_, k) => [`w${k}`, { dtype: 'float32', shape: [WIDTH, WIDTH] } as const]),
  )
  const x = { dtype: 'float32', shape: [ROWS, WIDTH] } as const
  return trace<string, string>({ x, ...weights }, ({ x, ...all }) => {
    let y = x
    for (const w of Object.values(all)) {
      const product = matmul(y, w)
      y = mul(neg(mul(add(product, 0.5), product)), add(product, -0.25))
    }
    const gradients = gradient(reduceMean(mul(y, y)), Object.values(all))
    return Object.fromEntries(gradients.map((value, k) => [`dw${k}`, value]))
  })
}

/** Layers alive at once, as the engine runs the graph. */
function layersAlive(graph: Graph): number {
  const outputs = Object.values(graph.outputs)
  return peakOf(runBy(engineOrder(nodesOf(outputs))), outputs) / LAYER
}

const count = (graph: Graph, name: string) =>
  nodesOf(Object.values(graph.outputs)).filter(({ operator }) => operator.name === name).length

const feedsOf = (graph: Graph): Record<string, Tensor> =>
  Object.fromEntries(
    Object.entries(graph.inputs).map(([name, { shape }]: [string, SymbolicTensor]) => {
      const values = randomStream({ seed: 4, purpose: name }).normal(new Float32Array(sizeOf(shape)))
      return [name, float32(name === 'x' ? values : values.map((value) => 0.1 * value), shape)]
    }),
  )

describe('recompute', () => {
  const graph = deepGraph(10)
  const lean = recompute(graph, 1)

  it('leaves graphs alone that need no more than is enough', () => {
    expect(recompute(graph, 1000 * MIB)).toBe(graph)
    expect(recompute(graph)).toBe(graph)
  })

  it('keeps what products gave, and makes the chains between again', () => {
    expect(layersAlive(graph)).toBeGreaterThan(40)
    // Ten products, and what the derivative of one layer works with.
    expect(layersAlive(lean)).toBeLessThan(24)
    expect(count(lean, 'MatMul')).toBe(count(graph, 'MatMul'))
  })

  it('makes no more again than is needed', () => {
    const half = recompute(graph, (layersAlive(graph) - 10) * LAYER * 4)
    expect(nodesOf(Object.values(half.outputs)).length).toBeLessThan(nodesOf(Object.values(lean.outputs)).length)
    expect(layersAlive(half)).toBeLessThan(layersAlive(graph) - 5)
    expect(layersAlive(half)).toBeGreaterThan(layersAlive(lean) + 5)
  })

  it('computes the same to the byte', async () => {
    const feeds = feedsOf(graph)
    const results = await Promise.all(
      [graph, lean].map(async (one) => {
        const program = await compile(one, { threads: 1, lowering: false })
        const values = await program.run(feeds)
        await program.dispose()
        return values
      }),
    )
    expect(results[1]).toEqual(results[0])
  })

  it('computes what the reference does', () => {
    const small = deepGraph(2)
    const feeds = feedsOf(small)
    expect(evaluate(recompute(small, 1), feeds)).toEqual(evaluate(small, feeds))
  })
})
