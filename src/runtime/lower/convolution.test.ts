import { describe, expect, it } from 'vitest'
import type { Shape } from '../../base/index.ts'
import { float32, randomStream, sizeOf } from '../../base/index.ts'
import type { ConvOptions, Graph, TensorType } from '../../graph/index.ts'
import { conv, evaluate, nodesOf, trace, vjp } from '../../graph/index.ts'
import { findBlockSize } from '../blockSize.ts'
import { compile } from '../compile.ts'
import { lowerForCpu } from './cpu.ts'

/** Convolution with bias and all its derivatives, everything an input. */
function convolution(x: Shape, w: Shape, options: ConvOptions): Graph {
  const float = (shape: Shape): TensorType => ({ dtype: 'float32', shape })
  const output = trace({ x: float(x), w: float(w) }, (v) => ({ y: conv(v.x, v.w, options) })).outputs.y.shape
  return trace({ x: float(x), w: float(w), bias: float([w[0]]), g: float(output) }, (v) => {
    const y = conv(v.x, v.w, { ...options, bias: v.bias })
    const [dx, dw, dbias] = vjp([y], [v.g], [v.x, v.w, v.bias])
    return { y, dx, dw, dbias }
  })
}

const draw = (name: string, shape: Shape) =>
  float32(randomStream({ seed: 3, purpose: name }).normal(new Float32Array(sizeOf(shape))), shape)

/** Largest difference, relative to the largest element: float32 sums of that many terms. */
const TOLERANCE = 1e-5

const cases: [string, Shape, Shape, ConvOptions][] = [
  ['3x3, both channel counts divide', [16, 32, 7, 5], [16, 32, 3, 3], { padding: 1 }],
  ['3x3, more channels than filters, batch no multiple of the block', [5, 48, 4, 4], [16, 48, 3, 3], { padding: 1 }],
  ['3x3, more filters than channels, no padding', [17, 16, 6, 5], [48, 16, 3, 3], {}],
  ['one channel in', [8, 1, 6, 6], [16, 1, 3, 3], { padding: 1 }],
  ['one filter', [8, 16, 6, 6], [1, 16, 3, 3], { padding: 1 }],
  ['channels that no block divides', [3, 6, 5, 5], [10, 6, 3, 3], { padding: 1 }],
  ['stride 2, even extents (the last row is not seen)', [16, 16, 8, 6], [32, 16, 3, 3], { padding: 1, strides: 2 }],
  ['stride 2, padding below and right only', [4, 32, 8, 8], [16, 32, 3, 3], { padding: [0, 0, 1, 1], strides: 2 }],
  ['stride 3 by 2 with rows and columns left over', [4, 16, 11, 10], [16, 16, 3, 2], { strides: [3, 2] }],
  ['dilation', [4, 16, 9, 8], [16, 16, 3, 3], { padding: 2, dilations: 2 }],
  [
    '5x2 kernel, uneven padding and dilation',
    [3, 32, 8, 9],
    [16, 32, 5, 2],
    { padding: [1, 0, 3, 2], dilations: [1, 3] },
  ],
  ['more padding than kernel', [4, 32, 5, 5], [16, 32, 2, 2], { padding: 3 }],
  ['1x1', [6, 16, 4, 5], [32, 16, 1, 1], {}],
  ['1x1, strided and padded', [6, 16, 5, 5], [16, 16, 1, 1], { strides: 2, padding: 1 }],
  ['grouped', [4, 32, 5, 5], [32, 16, 3, 3], { padding: 1, groups: 2 }],
  ['depthwise', [4, 16, 6, 5], [16, 1, 3, 3], { padding: 1, groups: 16 }],
  ['depthwise, uneven padding', [3, 32, 7, 6], [32, 1, 3, 2], { padding: [2, 0, 0, 1], groups: 32 }],
  [
    'depthwise, stride 2 and dilation',
    [3, 16, 9, 8],
    [16, 1, 3, 3],
    { padding: 1, strides: 2, dilations: [1, 2], groups: 16 },
  ],
  ['one filter more than depthwise', [2, 16, 5, 5], [32, 1, 3, 3], { padding: 1, groups: 16 }],
  ['one spatial axis', [4, 16, 9], [16, 16, 3], { padding: 1 }],
  ['three spatial axes', [2, 16, 3, 4, 3], [16, 16, 2, 2, 2], { padding: 1 }],
]

describe('convolutions on the CPU equal the float64 reference', () => {
  it.each(cases)('%s', async (_, x, w, options) => {
    const graph = convolution(x, w, options)
    const feeds = Object.fromEntries(Object.entries(graph.inputs).map(([name, { shape }]) => [name, draw(name, shape)]))
    const truth = evaluate(graph, feeds)
    const program = await compile(graph, { threads: 2 })
    const results = await program.run(feeds)
    for (const [name, { data, shape }] of Object.entries(truth)) {
      const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expect(results[name].shape).toEqual(shape)
      results[name].data.forEach((value: number | bigint, i: number) => {
        if (!(Math.abs(Number(value) - data[i]) <= TOLERANCE * largest)) {
          expect.fail(`${name}[${i}] = ${value}, reference ${data[i]} (largest ${largest})`)
        }
      })
    }
    await program.dispose()
  })
})

describe('repeated runs', () => {
  it('give the same bytes with the same settings', async () => {
    const graph = convolution([16, 32, 16, 16], [48, 32, 3, 3], { padding: 1 })
    const feeds = Object.fromEntries(Object.entries(graph.inputs).map(([name, { shape }]) => [name, draw(name, shape)]))
    const first = await compile(graph, { threads: 2 })
    const results = [await first.run(feeds), await first.run(feeds)]
    await first.dispose()
    const second = await compile(graph, { threads: 2 })
    results.push(await second.run(feeds))
    await second.dispose()
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })
})

describe('what the lowering puts in', () => {
  const operatorsOf = (graph: Graph) =>
    nodesOf(Object.values(graph.outputs)).map(({ operator }) => `${operator.domain}:${operator.name}`)

  it('is blocked convolutions for all three products of a dense 3x3 layer, with each image blocked once', () => {
    const lowered = operatorsOf(lowerForCpu(convolution([16, 32, 8, 8], [16, 32, 3, 3], { padding: 1 }), 16))
    const count = (name: string) => lowered.filter((operator) => operator === name).length
    expect(count('com.microsoft.nchwc:Conv')).toBe(3)
    expect(count(':Conv')).toBe(0)
    // x, g, g once more with the batch as its channels, the weight and the rows of its blocks.
    expect(count('com.microsoft.nchwc:ReorderInput')).toBe(5)
  })

  it('is nothing special without a block size or with a constant weight', () => {
    const graph = convolution([2, 32, 8, 8], [16, 32, 3, 3], { padding: 1 })
    expect(operatorsOf(lowerForCpu(graph, undefined)).filter((name) => name.includes('nchwc'))).toEqual([])
  })

  it('uses a block size that the engine has', async () => {
    expect([8, 16]).toContain(await findBlockSize())
  })
})
