/** Random shapes and attributes: values against definitions written index by index, derivatives against central differences. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Shape } from '../../base/index.ts'
import { sizeOf } from '../../base/index.ts'
import type { CaseInput, OperatorCase } from '../caseType.fixture.ts'
import { distinct, drawFeeds, integersBelow, positive, traceCase } from '../caseType.fixture.ts'
import { compareDerivatives } from '../derivativeCheck.fixture.ts'
import { evaluate } from '../evaluate.ts'
import type { Reference } from '../symbolic.ts'
import { concat, split } from './concat.ts'
import { cumSum } from './cumsum.ts'
import { div, mul, pow } from './elementwise.ts'
import { gather, gatherElements, scatterAdd } from './gather.ts'
import { gemm, linear, matmul } from './matmul.ts'
import { reduceMax, reduceMean } from './reduce.ts'
import { transpose } from './shape.ts'
import { pad, slice } from './slice.ts'
import { softmax } from './softmax.ts'
import { expand, reduceSum } from './sum.ts'

/** An element by its index, one number per axis. */
type At = (index: readonly number[]) => number
type Definition = (index: readonly number[], inputs: Readonly<Record<string, At>>) => number

const RUNS = { numRuns: 25, seed: 11 }
const extent = fc.integer({ min: 1, max: 4 })
const shapeOf = (minRank: number, maxRank: number) => fc.array(extent, { minLength: minRank, maxLength: maxRank })
const range = (n: number) => Array.from({ length: n }, (_, i) => i)

/** Reads with broadcasting: leading axes are dropped, axes of one stand still. */
function reader({ data, shape }: Reference): At {
  return (index) => {
    const own = index.slice(index.length - shape.length)
    return data[shape.reduce((offset, size, axis) => offset * size + (size === 1 ? 0 : own[axis]), 0)]
  }
}

function everyIndex(shape: Shape): number[][] {
  return shape.reduce<number[][]>((all, size) => all.flatMap((head) => range(size).map((i) => [...head, i])), [[]])
}

function check(
  inputs: OperatorCase['inputs'],
  call: OperatorCase['call'],
  shape: Shape,
  definition: Definition,
  differentiable: readonly string[],
): void {
  const operatorCase: OperatorCase = { operator: '', title: '', inputs, call }
  const graph = traceCase(operatorCase)
  const feeds = drawFeeds(operatorCase, sizeOf(shape))
  const { output0 } = evaluate(graph, feeds)
  expect(output0.shape).toEqual(shape)
  const readers = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, reader(value)]))
  everyIndex(shape).forEach((index, i) => {
    expect(output0.data[i]).toBeCloseTo(definition(index, readers), 10)
  })
  expect(compareDerivatives(graph, feeds, differentiable).filter(({ error }) => !(error < 1e-6))).toEqual([])
}

/** Two shapes that broadcast and their common shape. */
const broadcastPair = shapeOf(0, 4).chain((whole) => {
  const part = fc.record({ drop: fc.nat({ max: whole.length }), ones: fc.array(fc.boolean(), { minLength: 4 }) })
  const cut = ({ drop, ones }: { drop: number; ones: boolean[] }) =>
    whole.slice(drop).map((size, i) => (ones[i] ? 1 : size))
  return fc.tuple(part, part).map(([a, b]) => [cut(a), cut(b)] as const)
})

function commonShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  const padded = (shape: Shape) => [...new Array<number>(rank - shape.length).fill(1), ...shape]
  return padded(a).map((size, axis) => Math.max(size, padded(b)[axis]))
}

describe('elementwise', () => {
  const of = (shape: Shape): CaseInput => ({ shape, draw: positive })
  test.each([
    ['Mul', mul, (a: number, b: number) => a * b] as const,
    ['Div', div, (a: number, b: number) => a / b] as const,
    ['Pow', pow, (a: number, b: number) => a ** b] as const,
  ])('%s broadcasts', (_, call, f) => {
    fc.assert(
      fc.property(broadcastPair, ([a, b]) => {
        const inputs = { a: of(a), b: of(b) }
        check(
          inputs,
          (x) => [call(x.a, x.b)],
          commonShape(a, b),
          (i, x) => f(x.a(i), x.b(i)),
          ['a', 'b'],
        )
      }),
      RUNS,
    )
  })
})

describe('reductions', () => {
  const arbitrary = shapeOf(1, 4).chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      axes: fc.subarray(range(shape.length), { minLength: 1 }),
      keep: fc.boolean(),
    }),
  )
  test.each([
    ['sum', reduceSum, (values: number[]) => values.reduce((a, b) => a + b, 0)] as const,
    ['mean', reduceMean, (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length] as const,
    ['max', reduceMax, (values: number[]) => Math.max(...values)] as const,
  ])('%s over any axes', (_, call, f) => {
    fc.assert(
      fc.property(arbitrary, ({ shape, axes, keep }) => {
        const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
        const result = keep ? kept : shape.filter((_, axis) => !axes.includes(axis))
        const definition: Definition = (index, { x }) => {
          const rest = [...index]
          const full = shape.map((_, axis) => (axes.includes(axis) ? (keep ? rest.shift() : 0) : rest.shift()) ?? 0)
          const inside = everyIndex(axes.map((axis) => shape[axis]))
          return f(inside.map((at) => x(full.map((i, axis) => (axes.includes(axis) ? at[axes.indexOf(axis)] : i)))))
        }
        check({ x: { shape, draw: distinct } }, ({ x }) => [call(x, axes, keep)], result, definition, ['x'])
      }),
      RUNS,
    )
  })

  test('running sums in both directions', () => {
    const options = fc.record({ exclusive: fc.boolean(), reverse: fc.boolean() })
    fc.assert(
      fc.property(shapeOf(1, 3), fc.nat(), options, (shape, n, { exclusive, reverse }) => {
        const axis = n % shape.length
        const definition: Definition = (index, { x }) =>
          range(shape[axis])
            .filter((i) => (reverse ? i >= index[axis] : i <= index[axis]) && !(exclusive && i === index[axis]))
            .reduce((sum, i) => sum + x(index.with(axis, i)), 0)
        check({ x: shape }, ({ x }) => [cumSum(x, axis, { exclusive, reverse })], shape, definition, ['x'])
      }),
      RUNS,
    )
  })

  test('softmax along any axis', () => {
    fc.assert(
      fc.property(shapeOf(1, 4), fc.nat(), (shape, n) => {
        const axis = n % shape.length
        const definition: Definition = (index, { x }) =>
          Math.exp(x(index)) / range(shape[axis]).reduce((sum, i) => sum + Math.exp(x(index.with(axis, i))), 0)
        check({ x: shape }, ({ x }) => [softmax(x, axis - shape.length)], shape, definition, ['x'])
      }),
      RUNS,
    )
  })
})

describe('shapes', () => {
  const wide = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 3 })

  test('slices as JavaScript would loop', () => {
    const bound = fc.option(fc.integer({ min: -9, max: 9 }), { nil: undefined })
    const step = fc.integer({ min: -3, max: 3 }).filter((value) => value !== 0)
    fc.assert(
      fc.property(wide, fc.nat(), bound, bound, step, (shape, n, start, end, by) => {
        const axis = n % shape.length
        const chosen = looped(shape[axis], start, end, by)
        fc.pre(chosen.length > 0)
        const definition: Definition = (index, { x }) => x(index.with(axis, chosen[index[axis]]))
        const part = { axis, step: by, ...(start !== undefined && { start }), ...(end !== undefined && { end }) }
        check({ x: shape }, ({ x }) => [slice(x, part)], shape.with(axis, chosen.length), definition, ['x'])
      }),
      { ...RUNS, numRuns: 60 },
    )
  })

  test('padding', () => {
    const width = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(shapeOf(1, 3), width, width, (shape, left, right) => {
        const before = left.slice(0, shape.length)
        const after = right.slice(0, shape.length)
        const result = shape.map((size, axis) => before[axis] + size + after[axis])
        const definition: Definition = (index, { x, value }) => {
          const inside = index.map((i, axis) => i - before[axis])
          return inside.every((i, axis) => i >= 0 && i < shape[axis]) ? x(inside) : value([])
        }
        const inputs = { x: shape, value: [] }
        check(inputs, ({ x, value }) => [pad(x, { before, after }, value)], result, definition, ['x', 'value'])
      }),
      RUNS,
    )
  })

  test('transposition and broadcasting', () => {
    const arbitrary = shapeOf(1, 4).chain((shape) =>
      fc.record({
        shape: fc.constant(shape),
        order: fc.shuffledSubarray(range(shape.length), { minLength: shape.length }),
        lead: extent,
      }),
    )
    fc.assert(
      fc.property(arbitrary, ({ shape, order, lead }) => {
        const turned = order.map((axis) => shape[axis])
        const definition: Definition = (index, { x }) => x(shape.map((_, axis) => index[1 + order.indexOf(axis)]))
        check(
          { x: shape },
          ({ x }) => [expand(transpose(x, order), [lead, ...turned])],
          [lead, ...turned],
          definition,
          ['x'],
        )
      }),
      RUNS,
    )
  })

  test('parts of a split, joined in another order', () => {
    fc.assert(
      fc.property(shapeOf(1, 3), fc.nat(), fc.array(extent, { minLength: 2, maxLength: 4 }), (shape, n, sizes) => {
        const axis = n % shape.length
        const total = sizes.reduce((a, b) => a + b, 0)
        const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0))
        const whole = shape.with(axis, total)
        const definition: Definition = (index, { x }) => {
          const elements = sizes.flatMap((size, part) => range(size).map((i) => ({ part, from: starts[part] + i })))
          const joined = elements.toSorted((a, b) => b.part - a.part || a.from - b.from)
          return x(index.with(axis, joined[index[axis]].from))
        }
        check({ x: whole }, ({ x }) => [concat(split(x, sizes, axis).toReversed(), axis)], whole, definition, ['x'])
      }),
      RUNS,
    )
  })
})

/** Indices that a slice takes, by a loop over all candidates. */
function looped(size: number, start: number | undefined, end: number | undefined, step: number): number[] {
  const resolved = (value: number | undefined, open: number) =>
    value === undefined ? open : value < 0 ? value + size : value
  const first = resolved(start, step > 0 ? 0 : size - 1)
  const last = resolved(end, step > 0 ? size : -1)
  const begin = step > 0 ? Math.max(first, 0) : Math.min(first, size - 1)
  const chosen: number[] = []
  for (let i = begin; step > 0 ? i < Math.min(last, size) : i > Math.max(last, -1); i += step) chosen.push(i)
  return chosen
}

describe('indices', () => {
  const arbitrary = fc.record({ shape: shapeOf(1, 3), n: fc.nat(), count: fc.integer({ min: 1, max: 6 }) })

  test('rows read along any axis, and added back', () => {
    fc.assert(
      fc.property(arbitrary, ({ shape, n, count }) => {
        const axis = n % shape.length
        const rows = { shape: [count], dtype: 'int64', draw: integersBelow(shape[axis]) } as const
        const taken = shape.with(axis, count)
        const read: Definition = (index, { x, i }) => x(index.with(axis, i([index[axis]])))
        check({ x: shape, i: rows }, ({ x, i }) => [gather(x, i, axis)], taken, read, ['x'])
        const added: Definition = (index, { x, i, u }) =>
          range(count).reduce((sum, k) => sum + (i([k]) === index[axis] ? u(index.with(axis, k)) : 0), x(index))
        const inputs = { x: shape, i: rows, u: taken }
        check(inputs, ({ x, i, u }) => [scatterAdd(x, i, u, axis)], shape, added, ['x', 'u'])
      }),
      RUNS,
    )
  })

  test('single elements along any axis', () => {
    fc.assert(
      fc.property(arbitrary, ({ shape, n, count }) => {
        const axis = n % shape.length
        const taken = shape.with(axis, count)
        const inputs = { x: shape, i: { shape: taken, dtype: 'int64', draw: integersBelow(shape[axis]) } } as const
        const definition: Definition = (index, { x, i }) => x(index.with(axis, i(index)))
        check(inputs, ({ x, i }) => [gatherElements(x, i, axis)], taken, definition, ['x'])
      }),
      RUNS,
    )
  })
})

describe('matrix products', () => {
  test('stacks broadcast', () => {
    fc.assert(
      fc.property(broadcastPair, extent, extent, extent, ([a, b], m, k, n) => {
        const inputs = { a: [...a, m, k], b: [...b, k, n] }
        const definition: Definition = (index, x) => {
          const stack = index.slice(0, -2)
          const [row, column] = index.slice(-2)
          return range(k).reduce((sum, l) => sum + x.a([...stack, row, l]) * x.b([...stack, l, column]), 0)
        }
        check(inputs, (x) => [matmul(x.a, x.b)], [...commonShape(a, b), m, n], definition, ['a', 'b'])
      }),
      { ...RUNS, numRuns: 15 },
    )
  })

  test('either matrix transposed', () => {
    fc.assert(
      fc.property(extent, extent, extent, fc.boolean(), fc.boolean(), (m, k, n, transposeA, transposeB) => {
        const inputs = { a: transposeA ? [k, m] : [m, k], b: transposeB ? [n, k] : [k, n] }
        const definition: Definition = ([row, column], x) =>
          range(k).reduce(
            (sum, l) => sum + x.a(transposeA ? [l, row] : [row, l]) * x.b(transposeB ? [column, l] : [l, column]),
            0,
          )
        check(inputs, (x) => [gemm(x.a, x.b, { transposeA, transposeB })], [m, n], definition, ['a', 'b'])
      }),
      RUNS,
    )
  })

  test('a linear layer on any stack', () => {
    fc.assert(
      fc.property(shapeOf(0, 2), extent, extent, (stack, k, n) => {
        const inputs = { x: [...stack, k], w: [n, k], b: [n] }
        const definition: Definition = (index, { x, w, b }) => {
          const out = index[index.length - 1]
          const row = index.slice(0, -1)
          return range(k).reduce((sum, l) => sum + x([...row, l]) * w([out, l]), b([out]))
        }
        check(inputs, ({ x, w, b }) => [linear(x, w, b)], [...stack, n], definition, ['x', 'w', 'b'])
      }),
      RUNS,
    )
  })
})
