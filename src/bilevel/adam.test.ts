import { expect, test } from 'vitest'
import type { AdamSettings } from './adam.ts'
import { ADAM_DEFAULTS, adamInit, adamStep } from './adam.ts'

function path(scale: Float64Array, gradient: (v: Float64Array) => Float64Array, settings: AdamSettings, steps: number) {
  let v: Float64Array = scale.map((s) => 2 * s)
  let state = adamInit(v.length)
  for (let k = 0; k < steps; k++) {
    const step = adamStep(gradient(v), state, scale, settings)
    state = step.state
    v = v.map((value, i) => value + step.displacement[i])
  }
  return v
}

test('steps scale with the parameter: the same path in units of scale whatever the unit', () => {
  // f(v) = sum (v / scale - 1)^2: the same function of u = v / scale at any scale.
  const gradient = (scale: Float64Array) => (v: Float64Array) => v.map((x, i) => (2 * (x / scale[i] - 1)) / scale[i])
  const scale = Float64Array.of(1, 1e-3, 40)
  const end = path(scale, gradient(scale), { ...ADAM_DEFAULTS, rate: 0.1 }, 7)
  for (const [i, s] of scale.entries()) expect(end[i] / s).toBeCloseTo(end[0], 10)
})

test('the moments are those of the textbook, gradients of 1e-9 included', () => {
  const settings = { ...ADAM_DEFAULTS, rate: 0.25, beta1: 0.6, beta2: 0.8 }
  const gradients = [3e-9, -1e-9, 2e-9]
  let m = 0
  let v = 0
  let state = adamInit(1)
  for (const [k, g] of gradients.entries()) {
    m = 0.6 * m + 0.4 * g
    v = 0.8 * v + 0.2 * g * g
    const expected = (-0.25 * m) / (1 - 0.6 ** (k + 1)) / Math.sqrt(v / (1 - 0.8 ** (k + 1)))
    const step = adamStep(Float64Array.of(g), state, Float64Array.of(1), settings)
    state = step.state
    expect(step.displacement[0]).toBeCloseTo(expected, 12)
  }
})

test('the rate falls in a straight line to 0, or stays', () => {
  const sizes = (decayOver: number | null) => {
    let state = adamInit(1)
    return Array.from({ length: 5 }, () => {
      const step = adamStep(Float64Array.of(-1), state, Float64Array.of(1), { ...ADAM_DEFAULTS, decayOver })
      state = step.state
      return Number(step.displacement[0].toFixed(12))
    })
  }
  expect(sizes(4)).toEqual([0.5, 0.375, 0.25, 0.125, 0])
  expect(sizes(null)).toEqual([0.5, 0.5, 0.5, 0.5, 0.5])
})

test('the first steps are short: i/(n + 1) of the rate, times what it has fallen to', () => {
  const sizes = (settings: Partial<AdamSettings>) => {
    let state = adamInit(1)
    return Array.from({ length: 6 }, () => {
      const step = adamStep(Float64Array.of(-1), state, Float64Array.of(1), { ...ADAM_DEFAULTS, ...settings })
      state = step.state
      return step.displacement[0]
    })
  }
  const close = (found: readonly number[], wanted: readonly number[]) => {
    for (const [i, size] of wanted.entries()) expect(found[i], `step ${i + 1}`).toBeCloseTo(size, 12)
  }
  close(sizes({ warmUp: 3 }), [0.125, 0.25, 0.375, 0.5, 0.5, 0.5])
  close(sizes({ warmUp: 3, decayOver: 5 }), [0.125, 0.25 * 0.8, 0.375 * 0.6, 0.5 * 0.4, 0.5 * 0.2, 0])
  close(sizes({ warmUp: 0 }), [0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
})

test('a gradient of exactly 0 moves nothing', () => {
  const step = adamStep(new Float64Array(2), adamInit(2), Float64Array.of(1, 2), ADAM_DEFAULTS)
  expect([...step.displacement].map(Math.abs)).toEqual([0, 0])
})
