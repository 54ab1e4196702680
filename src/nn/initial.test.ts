import { expect, test } from 'vitest'
import { constantParameter, initialVector, normalParameter, uniformParameter } from './initial.ts'

const specs = [
  uniformParameter('conv.weight', [40, 25, 3, 3], 225),
  constantParameter('norm.weight', [3], 1),
  normalParameter('table.weight', [100, 64]),
]

test('uniform parameters fill ±1/sqrt(fan-in) evenly, embeddings are N(0, 1), norms constant', () => {
  const flat = initialVector(specs, 4)
  const weight = flat.subarray(0, 9000)
  expect(Math.max(...weight)).toBeLessThanOrEqual(1 / 15)
  expect(Math.max(...weight)).toBeGreaterThan(0.99 / 15)
  expect(Math.min(...weight)).toBeLessThan(-0.99 / 15)
  const variance = weight.reduce((sum, w) => sum + w * w, 0) / 9000
  expect(variance * 225 * 3).toBeCloseTo(1, 1)
  expect([...flat.subarray(9000, 9003)]).toEqual([1, 1, 1])
  const table = flat.subarray(9003)
  expect(table.length).toBe(6400)
  expect(table.reduce((sum, w) => sum + w * w, 0) / 6400).toBeCloseTo(1, 1)
})

test('the seed decides, and a parameter added at the end changes nothing before it', () => {
  const flat = initialVector(specs, 4)
  expect(initialVector(specs, 4)).toEqual(flat)
  expect(initialVector(specs, 5)[0]).not.toBe(flat[0])
  const longer = initialVector([...specs, normalParameter('more', [2])], 4)
  expect(longer.subarray(0, flat.length)).toEqual(flat)
})

test('an initial value of the wrong size names its parameter', () => {
  const wrong = { name: 'w', shape: [2, 2], initial: () => new Float32Array(3) }
  expect(() => initialVector([wrong], 0)).toThrow(/'w' needs 4 numbers for shape \[2,2\], got 3/)
})

test('more parameters than memory holds are refused before any is made', () => {
  const large = Array.from({ length: 9 }, (_, i) => constantParameter(`w${i}`, [2 ** 20, 2 ** 20], 0))
  expect(() => initialVector(large, 0)).toThrow(/^9 parameters need \d+\.0 GiB/)
})
