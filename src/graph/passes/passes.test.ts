import { describe, expect, test } from 'vitest'
import { float32, int64 } from '../../base/index.ts'
import { operatorCases } from '../cases.fixture.ts'
import { drawFeeds, traceCase } from '../caseType.fixture.ts'
import { randomCotangents } from '../derivativeCheck.fixture.ts'
import type { Graph, Named, Reference, SymbolicTensor } from '../index.ts'
import {
  add,
  constant,
  evaluate,
  exp,
  expand,
  expandComposites,
  gather,
  gradient,
  linear,
  mapRecord,
  mul,
  neg,
  nodesOf,
  reduceMean,
  reduceSum,
  relu,
  reshape,
  rewrite,
  scalar,
  simplify,
  square,
  sub,
  tanh,
  trace,
  transpose,
  vjp,
} from '../index.ts'
import { isFloat } from '../ops/elementwise.ts'
import { commonRule } from './eliminateCommon.ts'
import { foldConstants } from './foldConstants.ts'

const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
const eliminateCommon = (graph: Graph) => rewrite(graph, commonRule())
const operatorsOf = (graph: Graph) => nodesOf(Object.values(graph.outputs)).map(({ operator }) => operator.name)

/** A case with its derivatives in all float inputs, where it has them. */
function withDerivatives(operatorCase: (typeof operatorCases)[number]): Graph {
  const graph = traceCase(operatorCase)
  const names = operatorCase.differentiable ?? Object.keys(graph.inputs).filter((name) => isFloat(graph.inputs[name]))
  const outputs = Object.values(graph.outputs).filter(isFloat)
  const smooth = nodesOf(outputs).every(({ operator }) => operator.differentiate)
  const wrt = smooth ? names.map((name) => graph.inputs[name]) : []
  const derivatives = vjp(outputs, randomCotangents(outputs), wrt)
  const named: Named = Object.fromEntries(derivatives.map((value, i) => [`d${names[i]}`, value]))
  return { inputs: graph.inputs, outputs: { ...graph.outputs, ...named } }
}

function expectSame(after: Record<string, Reference>, before: Record<string, Reference>) {
  for (const [name, { data }] of Object.entries(before)) {
    const scale = data.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-3)
    const error = data.reduce((max, value, i) => Math.max(max, Math.abs(value - after[name].data[i])), 0)
    expect(error / scale, name).toBeLessThan(1e-6)
    expect(after[name].shape).toEqual(before[name].shape)
  }
}

const titled = operatorCases.map((operatorCase) => ({
  label: `${operatorCase.operator}: ${operatorCase.title}`,
  operatorCase,
}))

describe('values and derivatives stay', () => {
  test.each(titled)('$label', ({ operatorCase }) => {
    const graph = withDerivatives(operatorCase)
    const feeds = drawFeeds(operatorCase)
    const values = evaluate(graph, feeds)
    const expanded = expandComposites(graph)
    expectSame(evaluate(simplify(graph), feeds), values)
    expectSame(evaluate(expanded, feeds), values)
    expectSame(evaluate(simplify(expanded), feeds), values)
    expect(nodesOf(Object.values(expanded.outputs)).every(({ operator }) => operator.domain === '')).toBe(true)
  })

  test('with every input constant a graph folds to nothing', () => {
    for (const operatorCase of operatorCases.slice(0, 20)) {
      const feeds = drawFeeds(operatorCase)
      const constants = mapRecord(feeds, ({ data, shape, dtype }) =>
        constant(dtype === 'int64' ? int64(data, shape) : float32(data, shape)),
      )
      const graph = {
        inputs: {},
        outputs: Object.fromEntries(operatorCase.call(constants).map((y, i) => [`y${i}`, y])),
      }
      const folded = foldConstants(graph)
      expect(operatorsOf(folded)).toEqual([])
      expectSame(evaluate(folded, {}), evaluate(graph, {}))
    }
  })
})

describe('folding', () => {
  test('large results stay nodes', () => {
    const graph = trace({ x: float(2000) }, ({ x }) => ({ y: add(x, reduceSum(expand(scalar(2), [300, 2000]), [0])) }))
    expect(operatorsOf(foldConstants(graph))).toEqual(['Expand', 'ReduceSum', 'Add'])
    expect(operatorsOf(foldConstants(graph, 1e6))).toEqual(['Add'])
  })

  test('a folded constant is rounded to its element type', () => {
    const graph = trace({ x: float() }, ({ x }) => ({ y: mul(x, exp(scalar(1))) }))
    const [factor] = nodesOf([foldConstants(graph).outputs.y])[0].inputs.slice(1)
    expect(factor?.constant).toEqual(float32([Math.fround(Math.E)], []))
  })
})

describe('common subexpressions', () => {
  test('equal calls on equal small constants merge, other attributes and values do not', () => {
    const graph = trace({ x: float(2, 3) }, ({ x }) => {
      const twice = [mul(x, 2), mul(x, 2), mul(x, 3)]
      const means = [reduceMean(x, [0]), reduceMean(x, [0]), reduceMean(x, [1]), reduceMean(x, [0], true)]
      return Object.fromEntries([...twice, ...means].map((y, i) => [`y${i}`, y]))
    })
    expect(operatorsOf(eliminateCommon(graph))).toEqual(['Mul', 'Mul', 'ReduceMean', 'ReduceMean', 'ReduceMean'])
  })

  test('0 and -0, and element types, are told apart', () => {
    const graph = trace({ x: float(1) }, ({ x }) => ({ a: add(x, scalar(0)), b: add(x, scalar(-0)) }))
    expect(operatorsOf(eliminateCommon(graph))).toHaveLength(2)
  })

  test('large constants merge if they share their data', () => {
    const table = float32(new Float32Array(200), [100, 2])
    const [first, second] = [constant(table), constant({ ...table, data: table.data.slice() })]
    const graph = trace({ i: { dtype: 'int64', shape: [3] } }, ({ i }) => ({
      a: gather(first, i),
      b: gather(constant(table), i),
      c: gather(second, i),
    }))
    expect(operatorsOf(eliminateCommon(graph))).toHaveLength(2)
  })

  test('chains merge from the inputs on', () => {
    const chain = (x: Parameters<typeof tanh>[0]) => tanh(add(square(x), 1))
    const graph = trace({ x: float(4) }, ({ x }) => ({ y: sub(chain(x), neg(chain(x))) }))
    expect(operatorsOf(eliminateCommon(graph))).toEqual(['Pow', 'Add', 'Tanh', 'Neg', 'Sub'])
  })
})

describe('calls that change nothing', () => {
  test.each([
    ['sums with 0', 'x', ({ x }: Named) => ({ y: add(sub(x, 0), 0) })],
    ['products with 1', 'x', ({ x }: Named) => ({ y: mul(1, mul(x, expand(scalar(1), [2, 3]))) })],
    ['two negations', 'x', ({ x }: Named) => ({ y: neg(neg(x)) })],
    ['two transpositions', 'x', ({ x }: Named) => ({ y: transpose(transpose(x, [1, 0]), [1, 0]) })],
    ['a reshape there and back', 'x', ({ x }: Named) => ({ y: reshape(reshape(x, [3, 2]), [2, 3]) })],
  ])('%s vanish', (_, name, f) => {
    const graph = simplify(trace({ x: float(2, 3) }, f))
    expect(graph.outputs.y).toBe((graph.inputs as Named)[name])
  })

  test('a broadcast before an operator that broadcasts vanishes, one that makes the shape stays', () => {
    const graph = trace({ x: float(3), y: float(2, 3) }, ({ x, y }) => ({
      idle: mul(expand(x, [2, 3]), y),
      needed: mul(expand(x, [2, 3]), x),
    }))
    expect(operatorsOf(simplify(graph)).sort()).toEqual(['Expand', 'Mul', 'Mul'])
  })

  test('a product with 1 that broadcasts stays', () => {
    const graph = trace({ x: float(3) }, ({ x }) => ({ y: mul(x, constant(float32([1, 1], [2, 1]))) }))
    expect(simplify(graph).outputs.y.shape).toEqual([2, 3])
  })
})

/** How often anything is looked up, or asked for its inputs, while a deep graph is traced, differentiated and simplified; and its sizes. */
function lookUps(layers: number) {
  let count = 0
  const { get, has } = { get: Map.prototype.get, has: Set.prototype.has }
  Map.prototype.get = function (key) {
    count++
    return get.call(this, key)
  }
  Set.prototype.has = function (value) {
    count++
    return has.call(this, value)
  }
  const watch = (outputs: readonly SymbolicTensor[]) => {
    for (const node of nodesOf(outputs)) {
      const { inputs } = node
      Object.defineProperty(node, 'inputs', {
        get: () => {
          count++
          return inputs
        },
      })
    }
  }
  try {
    const graph = trace<string, string>({ x: float(4, 8), w: float(8, 8), b: float(8) }, ({ x, w, b }) => {
      let y = x
      for (let layer = 0; layer < layers; layer++) y = add(y, relu(linear(y, w, mul(b, layer))))
      watch([y])
      const [dx, dw] = gradient(reduceSum(y), [x, w])
      return { y, dx, dw }
    })
    const size = operatorsOf(graph).length
    const simplified = operatorsOf(simplify(graph)).length
    return { size, simplified, count }
  } finally {
    Map.prototype.get = get
    Set.prototype.has = has
  }
}

test('graphs of thousands of nodes are traced, differentiated and simplified by work that grows as they do', () => {
  const [half, whole] = [lookUps(450), lookUps(900)]
  expect(whole.size).toBeGreaterThan(8000)
  expect(whole.simplified).toBeLessThan(whole.size)
  expect(whole.count).toBeGreaterThan(whole.size)
  expect(whole.count / half.count).toBeLessThan(2.1)
})
