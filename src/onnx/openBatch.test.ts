import { describe, expect, it } from 'vitest'
import { filled } from '../base/index.ts'
import type { Graph, SymbolicTensor } from '../graph/index.ts'
import {
  add,
  constant,
  conv,
  expand,
  groupNorm,
  matmul,
  mul,
  reduceSum,
  reshape,
  trace,
  transpose,
} from '../graph/index.ts'
import { checkModel } from './check.ts'
import { encodeOpenBatch } from './openBatch.ts'

const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const

/** Reshapes that keep, merge and split the batch, a group norm and an attention-like product. */
const network = (batch: number): Graph =>
  trace({ x: float(batch, 4, 3, 5), t: float(batch) }, ({ x, t }: Record<'x' | 't', SymbolicTensor>) => {
    const h = add(groupNorm(x, { groups: 2 }), reshape(t, [batch, 1, 1, 1]))
    const rows = reshape(transpose(reshape(h, [batch, 4, 15]), [0, 2, 1]), [batch * 15, 4])
    const mixed = reshape(matmul(rows, constant(filled([4, 4], 0.5))), [batch, 15, 4])
    return {
      y: conv(reshape(transpose(mixed, [0, 2, 1]), [batch, 4, 3, 5]), constant(filled([2, 4, 1, 1], 1))),
      total: reduceSum(x),
    }
  })

describe('encodeOpenBatch', () => {
  it('names the batch axis of inputs and outputs and leaves the others', () => {
    const model = checkModel(encodeOpenBatch(network, { axis: 'n' }))
    expect(model.inputs.map(({ shape }) => shape)).toEqual([['n', 4, 3, 5], ['n']])
    expect(model.outputs.map(({ shape }) => shape)).toEqual([['n', 2, 3, 5], []])
  })

  it('refuses a batch in arithmetic, in two axes of one shape, or made from nothing', () => {
    const refused: [(batch: number) => Graph, RegExp][] = [
      [(batch) => trace({ x: float(batch) }, ({ x }) => ({ y: mul(x, 1 / batch) })), /a constant of Mul holds it/],
      [
        (batch) => trace({ x: float(batch, batch, 2) }, ({ x }) => ({ y: reshape(x, [batch, 2, batch]) })),
        /\[1009,2,1009\] holds it twice/,
      ],
      [
        (batch) => trace({ x: float(1, 2) }, ({ x }) => ({ y: expand(x, [batch, 2]) })),
        /Expand from \[1,2\].* makes it/,
      ],
      [(batch) => ({ inputs: {}, outputs: { y: constant(filled([batch])) } }), /output 'y' is a constant/],
    ]
    for (const [traceAt, message] of refused) expect(() => encodeOpenBatch(traceAt)).toThrow(message)
  })
})
