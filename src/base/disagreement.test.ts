import { describe, expect, test } from 'vitest'
import { rowsDisagreement, slopeDisagreement } from './disagreement.ts'

/** Rows of three numbers to rows of two: a smooth function, its Jacobian not square. */
const COUNT = 4
const AT = Float64Array.from({ length: 3 * COUNT }, (_, i) => 2 * Math.cos(3 * i + 1))
const value = (x: ArrayLike<number>) =>
  Float64Array.from({ length: 2 * COUNT }, (_, i) => {
    const [a, b, c] = [0, 1, 2].map((j) => x[3 * Math.floor(i / 2) + j])
    return i % 2 === 0 ? Math.sin(a) * b : b * c * c + 5
  })
const vjp = (g: ArrayLike<number>) =>
  Float64Array.from({ length: 3 * COUNT }, (_, k) => {
    const row = Math.floor(k / 3)
    const [a, b, c] = AT.subarray(3 * row, 3 * row + 3)
    const [first, second] = [g[2 * row], g[2 * row + 1]]
    return [first * Math.cos(a) * b, first * Math.sin(a) + second * c * c, second * 2 * b * c][k % 3]
  })

describe('rows', () => {
  test('agree with their derivative, in float64 and in float32', async () => {
    expect(await rowsDisagreement({ value: async (x) => value(x), vjp: async (g) => vjp(g) }, AT, COUNT)).toBeNull()
    const single = {
      value: async (x: Float64Array) => Float32Array.from(value(x)),
      vjp: async (g: Float64Array) => vjp(g),
    }
    expect(await rowsDisagreement(single, AT, COUNT)).toBeNull()
  })

  test.each([
    ['the sign', (dx: Float64Array) => dx.map((v) => -v)],
    ['a factor', (dx: Float64Array) => dx.map((v) => 1.1 * v)],
    ['nothing given', (dx: Float64Array) => dx.fill(0)],
    ['one row of four', (dx: Float64Array) => dx.map((v, i) => (i < 9 ? v : 0.9 * v))],
    ['two elements exchanged', (dx: Float64Array) => dx.map((v, i) => (i > 1 ? v : dx[1 - i]))],
  ])('%s is noticed, in either precision', async (_, spoil) => {
    for (const dtype of [Float64Array, Float32Array]) {
      const f = {
        value: async (x: Float64Array) => dtype.from(value(x)),
        vjp: async (g: Float64Array) => spoil(vjp(g)),
      }
      const found = await rowsDisagreement(f, AT, COUNT)
      expect(found).not.toBeNull()
      expect(Math.abs((found?.given ?? 0) - (found?.found ?? 0))).toBeGreaterThan(1e-3)
    }
  })

  test('both figures are told, of the row', async () => {
    const wrong = async (g: Float64Array) => vjp(g).map((v, i) => (i < 9 ? v : 0.5 * v))
    const found = await rowsDisagreement({ value: async (x) => value(x), vjp: wrong }, AT, COUNT)
    expect(found?.row).toBe(3)
    expect(found?.given).toBeCloseTo(0.5 * (found?.found ?? 0), 6)
  })

  test('a constant has the derivative 0, whatever its size', async () => {
    const constant = { value: async () => Float64Array.of(1e6, -3), vjp: async () => [0, 0] }
    expect(await rowsDisagreement(constant, Float64Array.of(0, 0), 2)).toBeNull()
  })

  test('a step of width 1e-4, a kink, and a wall beside the place are no disagreement', async () => {
    const steep = {
      value: async (x: Float64Array) => x.map((v) => Math.tanh(1e4 * (v - 1))),
      vjp: async (g: Float64Array) => g.map((v) => 1e4 * v),
    }
    expect(await rowsDisagreement(steep, Float64Array.of(1), 1)).toBeNull()
    const kink = { value: async (x: Float64Array) => x.map(Math.abs), vjp: async (g: Float64Array) => g.map((v) => -v) }
    expect(await rowsDisagreement(kink, Float64Array.of(0), 1)).toBeNull()
    const wall = {
      value: async (x: Float64Array) => {
        if (x[0] > 1) throw new Error('beyond 1')
        return x.map((v) => v * v)
      },
      vjp: async (g: Float64Array) => g.map((v) => 2 * v),
    }
    expect(await rowsDisagreement(wall, Float64Array.of(1), 1)).toBeNull()
    const wrong = { ...wall, vjp: async (g: Float64Array) => g.map((v) => -2 * v) }
    expect(await rowsDisagreement(wrong, Float64Array.of(1), 1)).not.toBeNull()
  })
})

describe('a number', () => {
  const rows = (t: number) => Float64Array.of(Math.sin(t), t * t, -1 / (1 + t))
  const slope = (g: ArrayLike<number>) => g[0] * Math.cos(3) + g[1] * 6 + g[2] / 16

  test('agrees with its derivative, the sum over rows', async () => {
    const f = { value: async (t: number) => rows(t), slope: async (g: Float64Array) => slope(g) }
    expect(await slopeDisagreement(f, 3, 3)).toBeNull()
  })

  test.each([-1, 0, 1 / 3, 1.05])('%s of it is noticed', async (factor) => {
    const f = { value: async (t: number) => rows(t), slope: async (g: Float64Array) => factor * slope(g) }
    const found = await slopeDisagreement(f, 3, 3)
    expect(found?.row).toBeNull()
    expect(found?.given).toBeCloseTo(factor * (found?.found ?? 0), 6)
  })

  test('at the end of its range, and at an integer of a table with straight lines between, either side will do', async () => {
    const table = [1, 4, 2]
    const between = async (t: number) => {
      if (t < 0 || t > 2) throw new Error('beyond the table')
      const below = Math.min(1, Math.floor(t))
      return Float64Array.of(table[below] + (table[below + 1] - table[below]) * (t - below))
    }
    const at = (t: number, given: number) =>
      slopeDisagreement({ value: between, slope: async ([g]) => given * g }, t, 1)
    expect(await at(0, 3)).toBeNull()
    expect(await at(2, -2)).toBeNull()
    for (const side of [3, -2, 0.5]) expect(await at(1, side)).toBeNull()
    expect(await at(1, 2)).not.toBeNull()
    expect(await at(0, 0.5)).not.toBeNull()
  })
})
