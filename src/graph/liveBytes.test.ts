/** Live memory of small graphs, counted by hand. */
import { expect, test } from 'vitest'
import { add, concat, exp, mul, reshape, split, trace } from './index.ts'
import { liveBytes, writtenElements } from './liveBytes.ts'

const x = { dtype: 'float32', shape: [10] } as const

test('a chain holds its input and two values, however long', () => {
  const chain = (length: number) =>
    trace({ x }, ({ x }) => {
      let y = exp(x)
      for (let i = 1; i < length; i++) y = exp(y)
      return { y }
    })
  expect([2, 3, 9].map((length) => liveBytes(chain(length)))).toEqual([120, 120, 120])
  expect(writtenElements(chain(9))).toBe(90)
})

test('what is used again stays; outputs stay to the end', () => {
  const graph = trace({ x }, ({ x }) => {
    const a = exp(x)
    const b = exp(a)
    const c = exp(b)
    return { a, y: add(mul(a, b), c) }
  })
  // x, a, b, c and a b
  expect(liveBytes(graph)).toBe(200)
})

test('views cost nothing and keep what they view alive', () => {
  const graph = trace({ x }, ({ x }) => {
    const a = exp(x)
    const view = reshape(a, [2, 5])
    const b = exp(view)
    return { y: add(exp(b), view) }
  })
  expect(writtenElements(graph)).toBe(40)
  // x, the two int64 extents of the view, a (viewed), exp(b) and b, or the sum
  expect(liveBytes(graph)).toBe(160 + 16)
})

test('a part of a split that nothing reads does not stay', () => {
  const graph = trace({ x }, ({ x }) => {
    const [left] = split(x, [5, 5], 0)
    const twice = concat([left, left], 0)
    return { y: concat([twice, twice, twice], 0) }
  })
  // x, the two int64 sizes, twice and y; before: x, both halves
  expect(liveBytes(graph)).toBe(4 * (10 + 10 + 30) + 16)
})
