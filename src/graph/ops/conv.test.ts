import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Shape } from '../../base/index.ts'
import { float32, randomStream, sizeOf, stridesOf } from '../../base/index.ts'
import { evaluateTensors } from '../evaluate.ts'
import { constant, input } from '../symbolic.ts'
import type { ConvOptions } from './conv.ts'
import { conv, convTranspose } from './conv.ts'
import { windowAttributes } from './convWindow.ts'

const normal = (shape: Shape, item: number) =>
  float32(randomStream({ seed: 5, purpose: 'conv', item }).normal(new Float32Array(sizeOf(shape))), shape)

type Array4 = { readonly data: ArrayLike<number>; readonly shape: Shape }

function at({ data, shape }: Array4, ...index: number[]): number {
  if (index.some((i, axis) => i < 0 || i >= shape[axis])) return 0
  return data[stridesOf(shape).reduce((offset, stride, axis) => offset + stride * index[axis], 0)]
}

/** The definition, written out: one sum per output element, zeros outside. */
function convByDefinition(
  x: Array4,
  w: Array4,
  bias: ArrayLike<number>,
  options: ConvOptions,
  output: Shape,
): number[] {
  const { strides, pads, dilations } = windowAttributes(options, 2)
  const perFilter = w.shape[1]
  const filtersPerGroup = w.shape[0] / (options.groups ?? 1)
  const y: number[] = []
  for (let b = 0; b < output[0]; b++)
    for (let o = 0; o < output[1]; o++)
      for (let i = 0; i < output[2]; i++)
        for (let j = 0; j < output[3]; j++) {
          let sum = bias[o]
          for (let c = 0; c < perFilter; c++)
            for (let k = 0; k < w.shape[2]; k++)
              for (let l = 0; l < w.shape[3]; l++) {
                const row = i * strides[0] + k * dilations[0] - pads[0]
                const column = j * strides[1] + l * dilations[1] - pads[1]
                const channel = Math.floor(o / filtersPerGroup) * perFilter + c
                sum += at(w, o, c, k, l) * at(x, b, channel, row, column)
              }
          y.push(sum)
        }
  return y
}

/** Random geometry: groups, channels, extents, kernel, strides, dilations and four different paddings. */
const geometries = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    groups: fc.integer({ min: 1, max: 3 }),
    channels: fc.integer({ min: 1, max: 2 }),
    filters: fc.integer({ min: 1, max: 2 }),
    spatial: fc.tuple(fc.integer({ min: 5, max: 8 }), fc.integer({ min: 5, max: 8 })),
    kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    dilations: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
    padding: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }),
  })
  .map(({ batch, groups, channels, filters, spatial, kernel, ...window }) => ({
    x: normal([batch, channels * groups, ...spatial], 0),
    w: normal([filters * groups, channels, ...kernel], 1),
    bias: normal([filters * groups], 2),
    options: { ...window, groups },
  }))

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0)

describe('conv', () => {
  test('is its definition, for any geometry', () => {
    fc.assert(
      fc.property(geometries, ({ x, w, bias, options }) => {
        const [y] = evaluateTensors([conv(constant(x), constant(w), { ...options, bias: constant(bias) })])
        const expected = convByDefinition(x, w, bias.data, options, y.shape)
        expected.forEach((value, i) => {
          expect(Math.abs(y.data[i] - value)).toBeLessThan(1e-12)
        })
        expect(y.data.length).toBe(expected.length)
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  test('one filter of ones sums what it sees', () => {
    const x = float32([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 3, 3])
    const [y] = evaluateTensors([
      conv(constant(x), constant(float32(new Array(9).fill(1), [1, 1, 3, 3])), { padding: 1 }),
    ])
    expect([...y.data]).toEqual([12, 21, 16, 27, 45, 33, 24, 39, 28])
  })

  test('shape errors say what must hold', () => {
    const x = input('x', [2, 4, 5, 5])
    expect(() => conv(x, input('w', [3, 3, 3, 3]))).toThrow(/Conv\(.*the weight needs 4 channels per filter/)
    expect(() => conv(x, input('w', [3, 2, 3, 3]), { groups: 2 })).toThrow(/2 groups must divide the 4 input and the 3/)
    expect(() => conv(x, input('w', [3, 4, 7, 3]), { padding: [0, 1, 1, 1] })).toThrow(
      /a window of 7 does not fit .* of 6/,
    )
    expect(() => conv(x, input('w', [3, 4, 3, 3]), { strides: [1] })).toThrow(
      /strides must be 2 integers of at least 1/,
    )
    expect(() => conv(x, input('w', [3, 4, 3, 3]), { padding: [1, 1] })).toThrow(/padding must be 4 integers/)
    expect(() => conv(x, input('w', [3, 4, 3, 3]), { bias: input('b', [4]) })).toThrow(/the bias must be \[3\]/)
  })
})

describe('convTranspose', () => {
  test('is the adjoint of conv: <conv(x), y> = <x, convTranspose(y)>', () => {
    fc.assert(
      fc.property(geometries, ({ x, w, options }) => {
        const [forward] = evaluateTensors([conv(constant(x), constant(w), options)])
        const y = normal(forward.shape, 3)
        const axes = [0, 1]
        const outputPadding = axes.map((axis) => {
          const covered = options.dilations[axis] * (w.shape[axis + 2] - 1) + 1
          const padded = x.shape[axis + 2] + options.padding[axis] + options.padding[axis + 2]
          return padded - options.strides[axis] * (forward.shape[axis + 2] - 1) - covered
        })
        const [back] = evaluateTensors([convTranspose(constant(y), constant(w), { ...options, outputPadding })])
        expect(back.shape).toEqual(x.shape)
        expect(Math.abs(dot(forward.data, y.data) - dot(x.data, back.data))).toBeLessThan(1e-10)
      }),
      { seed: 2, numRuns: 60 },
    )
  })

  test('kernel 2, stride 2 stamps the kernel side by side', () => {
    const w = constant(float32([1, 2, 3, 4], [1, 1, 2, 2]))
    const bias = constant(float32([0.5]))
    const [y] = evaluateTensors([convTranspose(constant(float32([1, 10], [1, 1, 1, 2])), w, { strides: 2, bias })])
    expect(y.shape).toEqual([1, 1, 2, 4])
    expect([...y.data]).toEqual([1.5, 2.5, 10.5, 20.5, 3.5, 4.5, 30.5, 40.5])
  })

  test('shape errors say what must hold', () => {
    const x = input('x', [2, 4, 5, 5])
    expect(() => convTranspose(x, input('w', [3, 4, 2, 2]))).toThrow(/the weight needs 4 as first extent/)
    expect(() => convTranspose(x, input('w', [4, 3, 2, 2]), { outputPadding: 1 })).toThrow(
      /output padding .* below the strides/,
    )
    expect(() => convTranspose(x, input('w', [4, 3, 1, 1]), { padding: 3 })).toThrow(/leaves no output/)
  })
})
