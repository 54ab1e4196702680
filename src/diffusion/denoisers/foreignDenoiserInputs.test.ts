/** Which input is which, by what files declare alone. */
import { describe, expect, test } from 'vitest'
import type { ForeignValue } from '../../runtime/index.ts'
import type { NamedInputs } from './foreignDenoiserInputs.ts'
import { recogniseInputs } from './foreignDenoiserInputs.ts'

const value = (name: string, dtype: string, ...shape: (number | string)[]): ForeignValue => ({ name, dtype, shape })
const X = value('x', 'float32', 'b', 3, 8, 8)
const T = value('t', 'int64', 'b')
const OUT = value('out', 'float32', 'b', 3, 8, 8)

const recognised = (
  inputs: readonly ForeignValue[],
  named: NamedInputs = {},
  outputs: readonly ForeignValue[] = [OUT],
) => recogniseInputs('f.onnx', { inputs, outputs }, named)

const names = (inputs: readonly ForeignValue[], named?: NamedInputs) => {
  const { image, time, classes } = recognised(inputs, named)
  return [image.name, time.name, classes?.name ?? null]
}

describe('the image, the time and the class', () => {
  const y = value('labels', 'int64', 'b')
  const column = value('labels', 'int32', 'b', 1)
  const rows = value('cond', 'float32', 'b', 10)

  test.each<[string, ForeignValue[], NamedInputs, (string | null)[]]>([
    ['a time [b,1,1,1] is no image', [value('s', 'float32', 'b', 1, 1, 1), X], {}, ['x', 's', null]],
    ['float16', [value('x', 'float16', 'b', 3, 8, 8), value('t', 'float16', 'b')], {}, ['x', 't', null]],
    ['a column of classes', [X, T, column], {}, ['x', 't', 'labels']],
    ['one-hot rows beside one number', [X, value('a', 'int64', 'b'), rows], {}, ['x', 'a', 'cond']],
    [
      'three numbers by their names',
      [X, T, y, value('w', 'float32', 'b')],
      { constants: { w: 2 } },
      ['x', 't', 'labels'],
    ],
    ['a float that is said to be the class', [X, T, value('c', 'float32', 'b')], { class: 'c' }, ['x', 't', 'c']],
    [
      'what is left is the class',
      [X, value('a', 'int64', 'b'), value('c', 'int64', 'b')],
      { time: 'a' },
      ['x', 'a', 'c'],
    ],
    [
      'two images',
      [X, value('low', 'float32', 'b', 3, 4, 4), T],
      { image: 'x', constants: { low: 0 } },
      ['x', 't', null],
    ],
    ['one time for all', [X, value('sigma', 'float64')], {}, ['x', 'sigma', null]],
  ])('%s', (_, inputs, named, wanted) => {
    expect(names(inputs, named)).toEqual(wanted)
  })

  test.each<[string, ForeignValue[], NamedInputs, RegExp]>([
    [
      'two images',
      [X, value('low', 'float32', 'b', 3, 4, 4), T],
      {},
      /2 inputs that could be the image.*--input-image, and give the others a number/,
    ],
    ['text', [X, T, value('text', 'float32', 'b', 77, 8)], {}, /'text' is none of these.*--input text=NUMBER/],
    [
      'a text of a type that is not filled',
      [X, T, value('s', 'string', 'b')],
      { constants: { s: 1 } },
      /'s' cannot be the constant/,
    ],
    ['a class that is a picture', [X, T, value('z', 'float32', 'b', 8, 8)], { class: 'z' }, /'z' cannot be the class/],
    [
      'a constant beyond memory',
      [X, T, value('z', 'float32', 2 ** 20, 2 ** 20)],
      { constants: { z: 1 } },
      /the input 'z' of f.onnx/,
    ],
  ])('%s: refused', (_, inputs, named, message) => {
    expect(() => recognised(inputs, named)).toThrow(expect.objectContaining({ code: 'model.inputs', kind: 'input' }))
    expect(() => recognised(inputs, named)).toThrow(message)
  })
})

describe('where channels are', () => {
  test.each<[(number | string)[], (number | string)[], 'nhwc' | undefined]>([
    [['b', 3, 8, 8], ['b', 3, 8, 8], undefined],
    [['b', 8, 8, 3], ['b', 8, 8, 3], 'nhwc'],
    [['b', 'h', 'w', 1], ['b', 'h', 'w', 1], 'nhwc'],
    [['b', 'h', 'w', 'c'], ['b', 'h', 'w', 3], 'nhwc'],
    [['b', 'c', 'h', 'w'], ['b', 'c', 'h', 'w'], undefined],
    [['b', 'c', 'h', 'w'], ['b', 3, 'h', 'w'], undefined],
    // As the first file says it, where both could be.
    [['b', 3, 4, 4], ['b', 3, 4, 4], undefined],
    [['b', 16, 8, 8], ['b', 16, 8, 8], undefined],
  ])('%j with output %j: %s', (shape, out, layout) => {
    const x = value('x', 'float32', ...shape)
    const outputs = [value('out', 'float32', ...out)]
    expect(recognised([x, T], {}, outputs).layout).toBe(layout)
    expect(recognised([x, T], { layout: 'nhwc' }, outputs).layout).toBe('nhwc')
    expect(recognised([x, T], { layout: 'nchw' }, outputs).layout).toBeUndefined()
  })
})
