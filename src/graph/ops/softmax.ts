/** Softmax and its logarithm along one axis. */
import type { Shape } from '../../base/index.ts'
import { sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Reference, SymbolicTensor } from '../symbolic.ts'
import { normalAxis } from './broadcast.ts'
import { exp, isFloat, mul, sub } from './elementwise.ts'
import { reduceSum } from './sum.ts'

/** Applies `f(x, log of the sum of exp x along the line)` to every element. */
function alongLines(x: Reference, axis: number, f: (value: number, logSum: number) => number): Float64Array {
  const shape: Shape = x.shape
  const along = normalAxis(axis, shape.length)
  const extent = shape[along]
  const inner = sizeOf(shape.slice(along + 1))
  const y = new Float64Array(x.data.length)
  for (let line = 0; line < x.data.length / extent; line++) {
    const start = Math.floor(line / inner) * extent * inner + (line % inner)
    const at = Array.from({ length: extent }, (_, i) => start + i * inner)
    const top = at.reduce((best, i) => Math.max(best, x.data[i]), -Infinity)
    const logSum = top + Math.log(at.reduce((sum, i) => sum + Math.exp(x.data[i] - top), 0))
    for (const i of at) y[i] = f(x.data[i], logSum)
  }
  return y
}

interface LineRule {
  readonly f: (value: number, logSum: number) => number
  readonly pullBack: (g: SymbolicTensor, y: SymbolicTensor, axis: number) => SymbolicTensor
}

function lineOperator(name: string, { f, pullBack }: LineRule) {
  const operator = defineOperator<{ readonly axis: number }>({
    name,
    since: 13,
    inputs: ['input'],
    attributes: { axis: { kind: 'int', default: -1 } },
    infer([x], { axis }) {
      if (!isFloat(x!)) throw new Error('the input must be float; use cast')
      normalAxis(axis, x!.rank)
      return [x!]
    },
    evaluate: ([x], { axis }) => [alongLines(x!, axis, f)],
    differentiate: ({ outputs: [y], cotangents: [g], attributes: { axis } }) => [pullBack(g!, y, axis)],
  })
  return (x: SymbolicTensor, axis = -1): SymbolicTensor => apply(operator, [x], { axis })[0]
}

/** exp(x) / sum of exp(x) along an axis (default the last). */
export const softmax = lineOperator('Softmax', {
  f: (value, logSum) => Math.exp(value - logSum),
  pullBack(g, y, axis) {
    const weighted = mul(g, y)
    return sub(weighted, mul(y, reduceSum(weighted, [axis], true)))
  },
})

/** x - log of the sum of exp(x) along an axis (default the last). */
export const logSoftmax = lineOperator('LogSoftmax', {
  f: (value, logSum) => value - logSum,
  pullBack: (g, y, axis) => sub(g, mul(exp(y), reduceSum(g, [axis], true))),
})
