import { describe, expect, it } from 'vitest'
import { float32, tensor } from '../base/index.ts'
import type { Graph, Named, TensorType } from '../graph/index.ts'
import {
  add,
  apply,
  concat,
  constant,
  defineOperator,
  mul,
  neg,
  reduceSum,
  sub,
  trace,
  transpose,
} from '../graph/index.ts'
import { graphKey } from './graphKey.ts'

const matrix: TensorType = { dtype: 'float32', shape: [2, 3] }
const make = (f: (inputs: Named<'a' | 'b'>) => Named, a = matrix, b = matrix): Graph =>
  trace<'a' | 'b', string>({ a, b }, f) as Graph
const hashOf = (graph: Graph) => graphKey(graph).hash
const values = (...data: number[]) => constant(float32(data))
const row = (...data: number[]) => make(({ a }) => ({ y: add(a, values(...data)) }))

/** Graphs that differ from each other in one thing each. */
const different: Record<string, Graph> = {
  sum: make(({ a, b }) => ({ y: add(a, b) })),
  'another operator': make(({ a, b }) => ({ y: sub(a, b) })),
  'operands exchanged': make(({ a, b }) => ({ y: add(b, a) })),
  'one operand twice': make(({ a }) => ({ y: add(a, a) })),
  'another output name': make(({ a, b }) => ({ z: add(a, b) })),
  'an output more': make(({ a, b }) => ({ y: add(a, b), a })),
  'another output more': make(({ a, b }) => ({ y: add(a, b), b })),
  'an output under a name made of two': make(({ a, b }) => ({ 'y" 0\noutput "a': add(a, b) })),
  'other shape': make(
    ({ a, b }) => ({ y: add(a, b) }),
    { dtype: 'float32', shape: [3, 2] },
    { dtype: 'float32', shape: [3, 2] },
  ),
  'other type': make(
    ({ a, b }) => ({ y: add(a, b) }),
    { dtype: 'float64', shape: [2, 3] },
    { dtype: 'float64', shape: [2, 3] },
  ),
  'a chain': make(({ a, b }) => ({ y: neg(add(a, b)) })),
  'a constant': row(1, 2, 3),
  'another constant': row(1, 2, 4),
  'a constant of zeros': row(0, 0, 0),
  'a constant of one negative zero': row(0, -0, 0),
  'the same bytes as int32': make(({ a }) => ({
    y: a,
    c: constant(tensor('int32', [3], new Int32Array(Float32Array.of(1, 2, 3).buffer))),
  })),
  'the same bytes as float32': make(({ a }) => ({ y: a, c: values(1, 2, 3) })),
  'an attribute': make(({ a }) => ({ y: transpose(a, [1, 0]) })),
  'another attribute': make(({ a }) => ({ y: transpose(a, [0, 1]) })),
  'joined in rows': make(({ a, b }) => ({ y: concat([a, b], 0) })),
  'joined in columns': make(({ a, b }) => ({ y: concat([a, b], 1) })),
  'shared work': make(({ a, b }) => {
    const sum = reduceSum(add(a, b))
    return { y: mul(sum, sum) }
  }),
  'work done twice': make(({ a, b }) => ({ y: mul(reduceSum(add(a, b)), reduceSum(add(a, b))) })),
}

describe('graphKey', () => {
  it('is the same for the same function traced again', () => {
    const again = () => make(({ a, b }) => ({ y: mul(add(a, b), values(1, 2, 3)), s: reduceSum(a) }))
    expect(graphKey(again())).toEqual(graphKey(again()))
    expect(graphKey(again())).toMatchObject({ nodes: 3, portable: true })
  })

  it('differs wherever two graphs differ', () => {
    const owners = new Map<string, string>()
    for (const [name, graph] of Object.entries(different)) {
      const hash = hashOf(graph)
      expect(owners.get(hash), `${name} has the hash of`).toBeUndefined()
      owners.set(hash, name)
    }
  })

  it('reads the part of a buffer that a constant is', () => {
    const buffer = Float32Array.of(9, 1, 2, 3, 9)
    const view = make(({ a }) => ({ y: add(a, constant(tensor('float32', [3], buffer.subarray(1, 4)))) }))
    expect(hashOf(view)).toBe(hashOf(row(1, 2, 3)))
  })

  it('knows operators of callers by themselves, in this process alone', () => {
    const define = (factor: number) =>
      defineOperator<Record<string, never>>({
        name: 'OfATest',
        domain: 'composite',
        infer: ([x]) => (x ? [x] : []),
        evaluate: ([x]) => [(x?.data ?? new Float64Array()).map((value) => value * factor)],
        expand: ([x]) => (x ? [mul(x, factor)] : []),
      })
    const [twice, thrice] = [define(2), define(3)]
    const of = (operator: typeof twice) => graphKey(make(({ a }) => ({ y: apply(operator, [a], {})[0] })))
    expect(of(twice).portable).toBe(false)
    expect(of(twice).hash).toBe(of(twice).hash)
    expect(of(twice).hash).not.toBe(of(thrice).hash)
  })
})
