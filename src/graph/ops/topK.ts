/** The largest (or smallest) elements along an axis, with their places. */
import { inputError, sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { filledTensor } from '../values.ts'
import { normalAxis, stridedOffsets } from './broadcast.ts'
import { scatterElements } from './gather.ts'
import { constantIntegers, integers } from './shape.ts'

type TopKAttributes = { readonly axis: number; readonly largest: number; readonly sorted: number }

const topKOperator = defineOperator<TopKAttributes>({
  name: 'TopK',
  since: 11,
  inputs: ['X', 'K'],
  attributes: {
    axis: { kind: 'int', default: -1 },
    largest: { kind: 'int', default: 1 },
    sorted: { kind: 'int', default: 1 },
  },
  infer([x, k], { axis }) {
    if (x!.dtype === 'bool') throw new Error('the input must be numbers; use cast')
    const along = normalAxis(axis, x!.rank)
    const [count] = constantIntegers(k, 'the count')
    if (!(count >= 0 && count <= x!.shape[along])) {
      throw new Error(`the count must be from 0 to ${x!.shape[along]}, the extent of axis ${axis}, got ${count}`)
    }
    const shape = x!.shape.with(along, count)
    return [
      { dtype: x!.dtype, shape },
      { dtype: 'int64', shape },
    ]
  },
  evaluate([x], { axis, largest }, [{ shape }]) {
    const along = normalAxis(axis, shape.length)
    const [count, extent] = [shape[along], x!.shape[along]]
    const inner = sizeOf(shape.slice(along + 1))
    const values = new Float64Array(sizeOf(shape))
    const indices = new Float64Array(values.length)
    const lines = stridedOffsets([sizeOf(shape.slice(0, along)), inner], [extent * inner, 1])
    lines.forEach((start, line) => {
      const at = (i: number) => x!.data[start + i * inner]
      const order = Array.from({ length: extent }, (_, i) => i)
      order.sort((i, j) => (largest ? at(j) - at(i) : at(i) - at(j)) || i - j)
      const to = Math.floor(line / inner) * count * inner + (line % inner)
      for (let i = 0; i < count; i++) {
        values[to + i * inner] = at(order[i])
        indices[to + i * inner] = order[i]
      }
    })
    return [values, indices]
  },
  differentiate({ inputs: [x], outputs: [, indices], cotangents: [g], attributes: { axis } }) {
    if (!g) throw inputError('graph.derivative', 'TopK: the places of the elements have no derivative')
    const zeros = constant(filledTensor(x!.dtype, x!.shape, 0))
    return [scatterElements(zeros, indices, g, { axis, reduction: 'add' }), null]
  },
})

/** Options of `topK`: along the last axis, the largest first, by default. */
export interface TopKOptions {
  readonly axis?: number
  /** Default true; otherwise the smallest. */
  readonly largest?: boolean
}

/**
 * The `count` largest elements along an axis in descending order (the smallest in ascending order), of equal ones the first first, and their
 * places, int64. The derivative goes to the elements chosen.
 */
export function topK(x: SymbolicTensor, count: number, { axis = -1, largest = true }: TopKOptions = {}) {
  const attributes = { axis, largest: Number(largest), sorted: 1 }
  const [values, indices] = apply(topKOperator, [x, integers([count])], attributes)
  return { values, indices }
}
