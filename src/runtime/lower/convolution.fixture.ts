/** Convolutions of all kinds with all their derivatives: the table that every form of them is held against, and how. */
import { expect } from 'vitest'
import type { Shape, Tensor } from '../../base/index.ts'
import { float32, randomStream, sizeOf } from '../../base/index.ts'
import type { ConvOptions, Graph, Reference, SymbolicTensor, TensorType } from '../../graph/index.ts'
import { conv, mapRecord, trace, vjp } from '../../graph/index.ts'

/** Convolution with bias and all its derivatives, everything an input; of x itself, or of what `prepare` makes of it. */
export function convolution(
  x: Shape,
  w: Shape,
  options: ConvOptions,
  prepare: (x: SymbolicTensor) => SymbolicTensor = (image) => image,
): Graph {
  const float = (shape: Shape): TensorType => ({ dtype: 'float32', shape })
  const output = trace({ x: float(x), w: float(w) }, (v) => ({ y: conv(prepare(v.x), v.w, options) })).outputs.y.shape
  return trace({ x: float(x), w: float(w), bias: float([w[0]]), g: float(output) }, (v) => {
    const y = conv(prepare(v.x), v.w, { ...options, bias: v.bias })
    const [dx, dw, dbias] = vjp([y], [v.g], [v.x, v.w, v.bias])
    return { y, dx, dw, dbias }
  })
}

/** Normal numbers for every input. */
export function drawFeeds(graph: Graph): Record<string, Tensor<'float32'>> {
  return mapRecord(graph.inputs, ({ shape }, name) =>
    float32(randomStream({ seed: 3, purpose: name }).normal(new Float32Array(sizeOf(shape))), shape),
  )
}

/** Fails at the first element that is off by more than `tolerance`, relative to the largest one of its output. */
export function expectClose(
  results: Readonly<Record<string, Tensor | Reference>>,
  truth: Readonly<Record<string, Reference>>,
  tolerance: number,
): void {
  for (const [name, { data, shape }] of Object.entries(truth)) {
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    expect(results[name].shape).toEqual(shape)
    data.forEach((value, i) => {
      const got = Number(results[name].data[i])
      if (!(Math.abs(got - value) <= tolerance * largest)) {
        expect.fail(`${name}[${i}] = ${got}, reference ${value} (largest ${largest})`)
      }
    })
  }
}

/** Title, shape of x, shape of w, options. */
export const convolutionCases: [string, Shape, Shape, ConvOptions][] = [
  ['3x3, both channel counts divide', [16, 32, 7, 5], [16, 32, 3, 3], { padding: 1 }],
  ['3x3, more channels than filters, batch no multiple of the block', [5, 48, 4, 4], [16, 48, 3, 3], { padding: 1 }],
  ['3x3, more filters than channels, no padding', [17, 16, 6, 5], [48, 16, 3, 3], {}],
  ['3x3, channel counts of the smaller block alone', [8, 24, 6, 7], [8, 24, 3, 3], { padding: 1 }],
  ['3x3, a channel count of the smaller block', [9, 8, 5, 6], [32, 8, 3, 3], { padding: 1, strides: [1, 2] }],
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
  ['depthwise, blocks of the smaller size', [3, 24, 5, 6], [24, 1, 3, 3], { padding: 1, groups: 24 }],
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
