/** Elementwise operators whose form in files is another: of any number of inputs, with bounds as attributes, of mixed element types. */
import type { SymbolicTensor } from '../../../graph/index.ts'
import { add, clip, constant, equal, maximum, minimum, mul, not, reshape } from '../../../graph/index.ts'
import type { Importer, ImporterTable } from '../importer.ts'
import { asWritten, refused, required } from '../importer.ts'
import { castTo } from './types.ts'

/** A call of any number of inputs by a function of two. */
const overAll =
  (f: (a: SymbolicTensor, b: SymbolicTensor) => SymbolicTensor): Importer =>
  ({ inputs }) => {
    const all = inputs.filter((value) => value !== null)
    if (all.length === 0) throw refused('it needs at least one input')
    return [all.reduce(f)]
  }

/** A bound as a scalar of the input's type. */
function bound(value: SymbolicTensor | null | undefined): SymbolicTensor | null {
  if (!value || value.rank === 0) return value ?? null
  return value.constant && value.size === 1 ? constant({ ...value.constant, shape: [] }) : reshape(value, [])
}

export const arithmetic: ImporterTable = {
  Max: overAll(maximum),
  Min: overAll(minimum),
  Sum: overAll(add),
  Mean: (call) => overAll(add)(call).map((sum) => sum && mul(sum, 1 / call.inputs.length)),

  /** Before operator set 11 the bounds are attributes. */
  Clip(call) {
    const x = required(call, 0, 'input')
    const { inputs, attributes, opset } = call
    if (opset < 11) return [clip(x, attributes.float('min', -Infinity), attributes.float('max', Infinity))]
    return asWritten(call, { inputs: [x, bound(inputs[1]), bound(inputs[2])] })
  },

  /** The exponent may be of another type. */
  Pow(call) {
    const [x, exponent] = [required(call, 0, 'X'), required(call, 1, 'Y')]
    return asWritten(call, { inputs: [x, castTo(exponent, x.dtype)] })
  },

  /** Of all numbers NaN alone is not equal to itself. */
  IsNaN: (call) => [not(equal(required(call, 0, 'X'), required(call, 0, 'X')))],

  /** Of two truth values. */
  Xor: (call) => [not(equal(required(call, 0, 'A'), required(call, 1, 'B')))],
}
