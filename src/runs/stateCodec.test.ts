import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeSafetensors, encodeSafetensors } from '../nn/index.ts'
import { decodeState, encodeState } from './stateCodec.ts'

/** Through the bytes of a checkpoint. */
function roundTrip(value: unknown): unknown {
  const { state, tensors } = encodeState(value)
  const bytes = encodeSafetensors(tensors)
  return decodeState({ state: JSON.parse(JSON.stringify(state)), tensors: decodeSafetensors(bytes).tensors })
}

it('gives back every bit, also of what JSON cannot hold', () => {
  const leaf = fc.oneof(
    fc.double(),
    fc.string(),
    fc.boolean(),
    fc.constant(null),
    fc.float32Array(),
    fc.float64Array(),
    fc.int32Array(),
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 3 },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), tie('tree'), { maxKeys: 3, noNullPrototype: true }),
    ),
  }))
  fc.assert(
    fc.property(tree, (value) => {
      expect(roundTrip({ value })).toStrictEqual({ value })
    }),
  )
})

it('keeps an array that occurs twice once, and leaves out what is undefined', () => {
  const shared = Float32Array.of(1, 2)
  const { tensors } = encodeState({ a: shared, b: { c: shared } })
  expect(Object.keys(tensors)).toEqual(['a'])
  expect(roundTrip({ a: shared, b: { c: shared }, d: undefined })).toStrictEqual({ a: shared, b: { c: shared } })
})

it('refuses what is no plain data, and names a tensor that is gone', () => {
  expect(() => encodeState({ a: [() => 1] })).toThrow('internal: a state holds a function at a.0')
  expect(() => encodeState(new Map([['a', 1]]))).toThrow('internal')
  expect(() => decodeState({ state: { $tensor: 'a.b' }, tensors: {} })).toThrow("'a.b' is not there")
})
