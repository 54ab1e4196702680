import { describe, expect, test } from 'vitest'
import { filled, float32, randomStream } from '../../base/index.ts'
import { evaluate } from '../evaluate.ts'
import { type Graph, nodesOf, trace } from '../graph.ts'
import { apply } from '../operator.ts'
import { add, div, erf, mul, pow, sigmoid, sqrt, sub, tanh } from '../ops/elementwise.ts'
import { instanceNormalization } from '../ops/normGroup.ts'
import { layerNorm } from '../ops/normLayer.ts'
import { reduceMean } from '../ops/reduce.ts'
import { reshape } from '../ops/shape.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { recognize } from './recognize.ts'

type Build = (x: SymbolicTensor) => SymbolicTensor

const traced = (build: Build, shape: readonly number[] = [2, 4, 3, 5]): Graph =>
  trace<string, string>({ x: { dtype: 'float32', shape } }, ({ x }) => ({ y: build(x) }))

const numbers = (size: number, item = 0) =>
  randomStream({ seed: 3, purpose: 'recognize', item }).normal(new Float64Array(size))
const weight = (shape: readonly number[], item: number) =>
  constant(
    float32(
      [
        ...numbers(
          shape.reduce((a, b) => a * b, 1),
          item,
        ),
      ],
      shape,
    ),
  )

/** The operators of a graph in order, but for those that only change shapes. */
const operators = (graph: Graph) =>
  nodesOf(Object.values(graph.outputs))
    .map(({ operator }) => operator.name)
    .filter((name) => name !== 'Reshape')

/** The graph with composites, checked to give the same numbers. */
function found(graph: Graph): Graph {
  const after = recognize(graph)
  const { shape } = graph.inputs.x
  const feeds = { x: { dtype: 'float32', shape, data: numbers(graph.inputs.x.size, 9) } } as const
  const [before, now] = [evaluate(graph, feeds).y.data, evaluate(after, feeds).y.data]
  before.forEach((value, i) => {
    expect(now[i]).toBeCloseTo(value, 5)
  })
  return after
}

const oneAnd = (value: SymbolicTensor) => add(value, 1)
const byErf: Build = (x) => oneAnd(erf(div(x, Math.SQRT2)))
const inner = (x: SymbolicTensor, cube: SymbolicTensor) => mul(Math.sqrt(2 / Math.PI), add(x, mul(0.044715, cube)))

const centre = (x: SymbolicTensor, axes: readonly number[]) => sub(x, reduceMean(x, axes, true))
const layerNormOf =
  (axes: readonly number[], squared: Build = (d) => pow(d, 2)): Build =>
  (x) => {
    const centred = centre(x, axes)
    return div(centred, sqrt(add(reduceMean(squared(centred), axes, true), 1e-3)))
  }
const groupNormOf =
  (groups: number, scale = 1): Build =>
  (x) => {
    const grouped = reshape(x, [x.shape[0], groups, x.size / x.shape[0] / groups])
    const parameters = [constant(filled([groups], scale)), constant(filled([groups]))]
    return reshape(apply(instanceNormalization, [grouped, ...parameters], { epsilon: 1e-3 })[0], x.shape)
  }

test.each<[string, Build, string[]]>([
  ['SiLU', (x) => mul(x, sigmoid(x)), ['Silu']],
  ['SiLU, the gate first', (x) => mul(sigmoid(x), x), ['Silu']],
  ['SiLU of a multiple', (x) => mul(x, sigmoid(mul(x, 1.702))), ['Mul', 'Silu', 'Mul']],
  ['GELU, halved last', (x) => mul(mul(x, byErf(x)), 0.5), ['Gelu']],
  ['GELU, halved first', (x) => mul(mul(x, 0.5), byErf(x)), ['Gelu']],
  ['GELU, the gate halved, by a product', (x) => mul(x, mul(0.5, add(1, erf(mul(x, Math.SQRT1_2))))), ['Gelu']],
  ['GELU by tanh', (x) => mul(mul(0.5, x), oneAnd(tanh(inner(x, pow(x, 3))))), ['GeluTanh']],
  [
    'GELU by tanh, a cube of products',
    (x) => mul(mul(x, oneAnd(tanh(inner(x, mul(mul(x, x), x))))), 0.5),
    ['GeluTanh'],
  ],
  ['layer normalisation', layerNormOf([3]), ['LayerNormalization']],
  ['layer normalisation of two axes', layerNormOf([-1, -2], (d) => mul(d, d)), ['LayerNormalization']],
  [
    'layer normalisation with scale and bias',
    (x) => add(mul(layerNormOf([3])(x), weight([5], 1)), weight([5], 2)),
    ['LayerNormalization'],
  ],
  ['group normalisation', groupNormOf(2), ['GroupNorm']],
  [
    'group normalisation with scale and bias',
    (x) => add(mul(weight([4, 1, 1], 1), groupNormOf(2)(x)), weight([1, 4, 1, 1], 2)),
    ['GroupNorm'],
  ],
])('%s is found', (_, build, expected) => {
  expect(operators(found(traced(build)))).toEqual(expected)
})

describe('what only looks like it stays', () => {
  const other = weight([2, 4, 3, 5], 5)
  test.each<[string, Build]>([
    ['a gate of something else', (x) => mul(x, sigmoid(add(x, other)))],
    ['another factor than a half', (x) => mul(mul(x, byErf(x)), 0.4)],
    ['erf of another multiple', (x) => mul(mul(x, oneAnd(erf(mul(x, 0.7)))), 0.5)],
    ['another cubic term', (x) => mul(mul(x, oneAnd(tanh(mul(0.8, add(x, pow(x, 3)))))), 0.5)],
    ['axes that are not the last', layerNormOf([1])],
    [
      'means over different axes',
      (x) => div(centre(x, [3]), sqrt(add(reduceMean(pow(centre(x, [3]), 2), [2, 3], true), 1e-3))),
    ],
    ['instance normalisation with a scale', groupNormOf(2, 3)],
    ['a scale for each column', (x) => mul(layerNorm(x, { axis: 2 }), weight([5], 1))],
    ['two scales', (x) => mul(layerNorm(x, { scale: weight([5], 3) }), weight([5], 4))],
  ])('%s', (_, build) => {
    const graph = traced(build)
    expect(operators(found(graph))).toEqual(operators(graph))
  })
})
