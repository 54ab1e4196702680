/** Running sums. */
import { sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Operator } from '../symbolic.ts'
import { type SymbolicTensor, scalar } from '../symbolic.ts'
import { normalAxis } from './broadcast.ts'
import { constantIntegers } from './shape.ts'

/** Both off by default. */
export interface CumSumOptions {
  /** Leave the element itself out of its sum. */
  readonly exclusive?: boolean
  /** Sum from the end. */
  readonly reverse?: boolean
}

type CumSumAttributes = { readonly exclusive: number; readonly reverse: number }

const cumSumOperator: Operator<CumSumAttributes> = defineOperator<CumSumAttributes>({
  name: 'CumSum',
  since: 11,
  inputs: ['x', 'axis'],
  attributes: { exclusive: { kind: 'int', default: 0 }, reverse: { kind: 'int', default: 0 } },
  infer([x, axis]) {
    normalAxis(constantIntegers(axis, 'the axis')[0], x!.rank)
    return [x!]
  },
  evaluate([x, axis], { exclusive, reverse }) {
    const { shape, data } = x!
    const along = normalAxis(axis!.data[0], shape.length)
    const extent = shape[along]
    const inner = sizeOf(shape.slice(along + 1))
    const y = new Float64Array(data.length)
    for (let line = 0; line < data.length / extent; line++) {
      const start = Math.floor(line / inner) * extent * inner + (line % inner)
      for (let i = 0, sum = 0; i < extent; i++) {
        const at = start + (reverse ? extent - 1 - i : i) * inner
        y[at] = exclusive ? sum : sum + data[at]
        sum += data[at]
      }
    }
    return [y]
  },
  differentiate({ inputs: [, axis], cotangents: [g], attributes: { exclusive, reverse } }) {
    return [apply(cumSumOperator, [g, axis], { exclusive, reverse: 1 - reverse })[0], null]
  },
})

/** Sum of all elements up to each one, along an axis. */
export function cumSum(x: SymbolicTensor, axis: number, { exclusive, reverse }: CumSumOptions = {}): SymbolicTensor {
  const attributes = { exclusive: Number(exclusive ?? false), reverse: Number(reverse ?? false) }
  return apply(cumSumOperator, [x, scalar(axis, 'int64')], attributes)[0]
}
