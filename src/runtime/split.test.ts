import { describe, expect, it } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { float32, randomStream, sizeOf } from '../base/index.ts'
import type { Graph, Named } from '../graph/index.ts'
import { add, evaluate, groupNorm, matmul, mul, neg, nodesOf, silu, trace, vjp } from '../graph/index.ts'
import { compile } from './compile.ts'
import { splitGraph } from './split.ts'

const ROWS = 6
const CHANNELS = 8
const matrix = { dtype: 'float32', shape: [ROWS, CHANNELS] } as const
const square = { dtype: 'float32', shape: [CHANNELS, CHANNELS] } as const

/** Products, norms and activations; the prediction and its vector-Jacobian product in x. */
const derivative: Graph = trace<string, string>({ x: matrix, w: square, cotangent: matrix }, ({ x, w, cotangent }) => {
  const layer = (y: Named[string]) => silu(groupNorm(matmul(y, w), { groups: 2 }))
  const y = add(layer(layer(x)), x)
  return { y, dx: vjp([y], [cotangent], [x])[0] }
})

const feedsOf = (graph: Graph): Record<string, Tensor<'float32'>> =>
  Object.fromEntries(
    Object.entries(graph.inputs).map(([name, { shape }]) => [
      name,
      float32(randomStream({ seed: 7, purpose: name }).normal(new Float32Array(sizeOf(shape))), shape),
    ]),
  )

const difference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i])))

describe('a graph as two', () => {
  const { first, second, kept, keptBytes } = splitGraph(derivative, ['cotangent'])

  it('the first does without the later input, the second runs none of the products of the forward pass', () => {
    expect(Object.keys(first.inputs)).toEqual(['x', 'w'])
    expect(Object.keys(first.outputs)).toEqual(['y', ...kept])
    expect(Object.keys(second.outputs)).toEqual(['dx'])
    const products = (graph: Graph) =>
      nodesOf(Object.values(graph.outputs)).filter(({ inputs }) => inputs.some((value) => value === graph.inputs.w))
        .length
    expect([products(derivative), products(first), products(second)]).toEqual([4, 2, 2])
    // The weights are an input of both: nothing of theirs is kept.
    expect(Object.keys(second.inputs).sort()).toEqual(['cotangent', 'w', ...kept].sort())
  })

  it('keeps one normalised array of each layer and its deviations, no activation that a pass makes again', () => {
    const sizes = kept.map((name) => sizeOf(first.outputs[name].shape)).sort((a, b) => a - b)
    // The deviations one for each channel: a product that spreads them is not made again.
    expect(sizes).toEqual(Array(4).fill(ROWS * CHANNELS))
    expect(keptBytes).toBe(4 * sizes.reduce((sum, size) => sum + size, 0))
  })

  it('together they are the whole, in reference and engine', async () => {
    const feeds = feedsOf(derivative)
    const truth = evaluate(derivative, feeds)
    const forward = evaluate(first, feeds)
    expect(difference(forward.y.data, truth.y.data)).toBeLessThan(1e-12)
    expect(difference(evaluate(second, { ...feeds, ...forward }).dx.data, truth.dx.data)).toBeLessThan(1e-10)
    const programs = await Promise.all([compile(first), compile(second)])
    const there = await programs[0].run(feeds)
    const { dx } = await programs[1].run({ ...feeds, ...there })
    expect(difference(dx.data as Float32Array, truth.dx.data)).toBeLessThan(1e-4)
    await Promise.all(programs.map((program) => program.dispose()))
  })
})

it('an output of both kinds, an early value that is an output too, and one nothing early is needed for', () => {
  const graph: Graph = trace<string, string>({ a: matrix, b: matrix }, ({ a, b }) => ({
    early: neg(a),
    both: mul(neg(a), b),
    late: neg(b),
  }))
  const { first, second, kept } = splitGraph(graph, ['b'])
  expect(Object.keys(first.outputs)).toEqual(['early'])
  // neg(a) is cheaper made again from a, which is at hand.
  expect([kept, Object.keys(second.inputs).sort()]).toEqual([[], ['a', 'b']])
  const feeds = feedsOf(graph)
  expect(difference(evaluate(second, feeds).both.data, evaluate(graph, feeds).both.data)).toBe(0)
})
