import { describe, expect, test } from 'vitest'
import { filled, int64, randomStream, sizeOf } from '../base/index.ts'
import { compareDerivatives } from './derivativeCheck.fixture.ts'
import type { Named, Reference, SymbolicTensor } from './index.ts'
import {
  add,
  argMax,
  attention,
  bind,
  cast,
  constant,
  equal,
  evaluate,
  evaluateTensors,
  exp,
  gradient,
  greater,
  input,
  linear,
  logSoftmax,
  mapRecord,
  mul,
  nodesOf,
  reduceMean,
  reduceSum,
  scalar,
  sign,
  sin,
  softmax,
  split,
  square,
  stopGradient,
  sub,
  tanh,
  toReference,
  trace,
  transpose,
  vjp,
  where,
} from './index.ts'

const labels = int64([0, 1])
const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const

function draw(shapes: Readonly<Record<string, readonly number[]>>): Record<string, Reference> {
  let item = 0
  return mapRecord(shapes, (shape) => ({
    dtype: 'float32' as const,
    shape,
    data: randomStream({ seed: 3, purpose: 'gradient test', item: item++ }).normal(new Float64Array(sizeOf(shape))),
  }))
}

function checkAll(
  shapes: Readonly<Record<string, readonly number[]>>,
  f: (named: Named) => Record<string, SymbolicTensor>,
) {
  const graph = trace<string, string>(
    mapRecord(shapes, (shape) => float(...shape)),
    f,
  )
  const wrong = compareDerivatives(graph, draw(shapes), Object.keys(shapes)).filter(({ error }) => !(error < 1e-6))
  expect(wrong).toEqual([])
}

const numbersIn = (value: SymbolicTensor, feeds: Record<string, Reference> = {}) => [
  ...evaluateTensors([value], feeds)[0].data,
]

describe('composed functions equal central differences', () => {
  test('a two-layer network with cross entropy', () => {
    const shapes = { x: [4, 3], w1: [6, 3], b1: [6], w2: [5, 6], b2: [5], target: [4, 5] }
    checkAll(shapes, ({ x, w1, b1, w2, b2, target }) => {
      const logits = linear(tanh(linear(x, w1, b1)), w2, b2)
      return { loss: reduceMean(mul(softmax(target), logSoftmax(logits))) }
    })
  })

  test('two layers of attention with a residual path and shared weights', () => {
    checkAll({ x: [2, 4, 6], wq: [6, 6], wk: [6, 6] }, ({ x, wq, wk }) => {
      const layer = (value: SymbolicTensor) =>
        add(value, attention(linear(value, wq), linear(value, wk), linear(value, wq)))
      return { y: layer(layer(x)) }
    })
  })

  test('several outputs, one made from the other', () => {
    checkAll({ x: [3, 4], y: [4] }, ({ x, y }) => {
      const first = sin(mul(x, y))
      const second = reduceSum(exp(mul(first, 0.3)), [1])
      return { first, second }
    })
  })
})

describe('vjp', () => {
  const x = input('x', [3])
  const y = input('y', [3])
  const feeds = draw({ x: [3], y: [3] })

  test('a variable the output does not depend on gets zeros of its shape', () => {
    const [dx, dy] = gradient(reduceSum(square(x)), [x, y])
    expect(numbersIn(dx, feeds)).toEqual([...feeds.x.data].map((v) => 2 * v))
    expect(dy.constant).toEqual(filled([3]))
  })

  test('a tensor used several times gathers all its cotangents', () => {
    const shared = mul(x, 2)
    const total = reduceSum(add(add(mul(shared, shared), shared), mul(shared, y)))
    const expected = [...feeds.x.data].map((v, i) => 8 * v + 2 + 2 * feeds.y.data[i])
    const [dx] = gradient(total, [x])
    numbersIn(dx, feeds).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 12)
    })
  })

  test('an intermediate tensor is treated as independent of what made it', () => {
    const middle = mul(x, y)
    const total = reduceSum(mul(square(middle), x))
    const [dMiddle, dx] = gradient(total, [middle, x])
    const products = [...feeds.x.data].map((v, i) => v * feeds.y.data[i])
    numbersIn(dMiddle, feeds).forEach((value, i) => {
      expect(value).toBeCloseTo(2 * products[i] * feeds.x.data[i], 12)
    })
    numbersIn(dx, feeds).forEach((value, i) => {
      expect(value).toBeCloseTo(products[i] ** 2, 12)
    })
  })

  test('an output that is itself the variable has its cotangent as derivative', () => {
    const g = input('g', [3])
    expect(vjp([x], [g], [x])).toEqual([g])
  })

  test('a part of a split that nothing uses gets zeros', () => {
    const [first, , last] = split(input('z', [6]), [2, 1, 3], 0)
    const z = nodesOf([first])[0].inputs[0] as SymbolicTensor
    const [dz] = gradient(add(reduceSum(first), reduceSum(mul(last, 3))), [z])
    const value = { z: { dtype: 'float32' as const, shape: [6], data: new Float64Array(6) } }
    expect(numbersIn(dz, value)).toEqual([1, 1, 0, 3, 3, 3])
  })

  test('work for inputs that are not wanted is left out', () => {
    const w = input('w', [3, 3])
    const product = linear(input('a', [4, 3]), w)
    const operators = nodesOf(gradient(reduceSum(square(product)), [w])).filter(
      ({ operator }) => operator.name === 'Gemm',
    )
    expect(operators).toHaveLength(2)
  })

  test('stopGradient ends the derivative without a complaint, whatever lies beyond', () => {
    const total = reduceSum(mul(stopGradient(square(x)), x))
    expect(numbersIn(gradient(total, [x])[0], feeds)).toEqual([...feeds.x.data].map((v) => v * v))
    const steps = reduceSum(mul(sign(stopGradient(x)), x))
    expect(numbersIn(gradient(steps, [x])[0], feeds)).toEqual([...feeds.x.data].map(Math.sign))
    expect(gradient(reduceSum(stopGradient(x)), [x])[0].constant).toEqual(filled([3]))
  })

  test('a mask beside a smooth path is fine, a step function in its place is refused', () => {
    const masked = reduceSum(where(greater(x, 0), mul(x, 3), mul(x, -1)))
    expect(numbersIn(gradient(masked, [x])[0], feeds)).toEqual([...feeds.x.data].map((v) => (v > 0 ? 3 : -1)))
    const logits = mul(input('table', [2, 3]), x)
    const accuracy = reduceMean(cast(equal(argMax(logits, 1), constant(labels)), 'float32'))
    expect(() => gradient(accuracy, [x])).toThrow(/ArgMax has no derivative/)
    // |x|.
    expect(numbersIn(gradient(reduceSum(mul(sign(x), x)), [x])[0], feeds)).toEqual([...feeds.x.data].map(Math.sign))
    expect(() => gradient(reduceSum(sign(x)), [x])).toThrow(/Sign has no derivative/)
    expect(() => gradient(reduceSum(mul(sign(square(x)), 2)), [x])).toThrow(/Sign has no derivative/)
  })

  test('an integer variable, a wrong cotangent and a vector as scalar are refused', () => {
    const index = input('i', [3], 'int64')
    expect(() => gradient(reduceSum(x), [index])).toThrow(/a derivative is taken in float tensors, got int64/)
    expect(() => vjp([x], [scalar(1)], [x])).toThrow(
      /cotangent 0 must be float32\[3\] like its output, got float32\[\]/,
    )
    expect(() => vjp([x], [], [x])).toThrow(/got nothing/)
    expect(() => gradient(square(x), [x])).toThrow(/gradient needs a scalar, got shape \[3\]/)
  })

  test('float64 graphs have float64 derivatives', () => {
    const d = input('d', [2], 'float64')
    const [dd, unused] = gradient(reduceMean(square(sub(d, 1))), [d, input('e', [1], 'float64')])
    expect([dd.dtype, unused.dtype]).toEqual(['float64', 'float64'])
  })
})

describe('trace and bind', () => {
  test('an input of another trace is refused', () => {
    const other = input('other', [2])
    expect(() => trace({ x: float(2) }, ({ x }) => ({ y: add(x, other) }))).toThrow(/used the input 'other'/)
  })

  test('a bound input becomes a constant with the same results', () => {
    const graph = trace({ x: float(2, 3), w: float(3, 3) }, ({ x, w }) => ({ y: linear(x, transpose(w, [1, 0])) }))
    const feeds = draw({ x: [2, 3], w: [3, 3] })
    const w = { dtype: 'float32', shape: [3, 3], data: Float32Array.from(feeds.w.data) } as const
    const bound = bind(graph, { w })
    expect(Object.keys(bound.inputs)).toEqual(['x'])
    const exact = { x: feeds.x, w: toReference(w) }
    expect(evaluate(bound, { x: feeds.x })).toEqual(evaluate(graph, exact))
    expect(() => bind(graph, { w: filled([3]) })).toThrow(/the graph has float32\[3,3\], got float32\[3\]/)
  })

  test('a missing or misshapen feed is named', () => {
    const graph = trace({ x: float(2) }, ({ x }) => ({ y: square(x) }))
    expect(() => evaluate(graph, { x: filled([3]) })).toThrow(/input 'x' needs shape \[2\], got \[3\]/)
  })
})
