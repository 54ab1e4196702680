import fc from 'fast-check'
import { expect, test } from 'vitest'
import { float32, int64, tensor } from '../base/index.ts'
import { evaluate, trace } from '../graph/index.ts'
import type { NamedShape } from './flat.ts'
import { flatSize, flatten, flattenSymbolic, unflatten, unflattenSymbolic } from './flat.ts'

const shapes = fc.array(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }), { minLength: 1, maxLength: 6 })
const named = (list: readonly (readonly number[])[]): NamedShape[] => list.map((shape, i) => ({ name: `p${i}`, shape }))

test('flat and back is the identity, on the host and inside a graph', () => {
  fc.assert(
    fc.property(shapes, (list) => {
      const specs = named(list)
      const size = flatSize(specs)
      const flat = Float32Array.from({ length: size }, (_, i) => i - size / 2)
      const parts = unflatten(specs, flat)
      expect(flatten(specs, parts)).toEqual(flat)
      const graph = trace({ flat: { dtype: 'float32', shape: [size] } }, (inputs) => {
        const symbols = unflattenSymbolic(specs, inputs.flat)
        return { again: flattenSymbolic(specs, symbols), last: symbols[specs[specs.length - 1].name] }
      })
      const { again, last } = evaluate(graph, { flat: float32(flat) })
      expect([...again.data]).toEqual([...flat])
      const lastName = specs[specs.length - 1].name
      expect([last.shape, [...last.data]]).toEqual([parts[lastName].shape, [...(parts[lastName].data as Float32Array)]])
    }),
    { numRuns: 50 },
  )
})

test('a view writes through to the flat vector', () => {
  const flat = new Float32Array(6)
  ;(unflatten(named([[2], [2, 2]]), flat).p1.data as Float32Array)[3] = 7
  expect([...flat]).toEqual([0, 0, 0, 0, 0, 7])
})

test('what is missing, misshapen or of another type is named', () => {
  const specs = named([[2], [2, 2]])
  const p0 = float32([1, 2])
  expect(() => flatten(specs, { p0 })).toThrow(/'p1' must be float of shape \[2,2\], got nothing/)
  expect(() => flatten(specs, { p0, p1: float32([1, 2, 3, 4]) })).toThrow(/got float32 \[4\]/)
  expect(() => flatten(specs, { p0, p1: int64([1, 2, 3, 4], [2, 2]) })).toThrow(/got int64 \[2,2\]/)
  const p1 = tensor('float64', [2, 2], Float64Array.of(1, 2, 3, 0.1))
  expect(flatten(specs, { p0, p1 })[5]).toBe(Math.fround(0.1))
})
