/** Elementwise operators whose form in files is another: of any number of inputs, with bounds as attributes, of mixed element types. */
import type { SymbolicTensor } from '../../../graph/index.ts'
import {
  add,
  and,
  clip,
  constant,
  equal,
  fmod,
  less,
  maximum,
  minimum,
  mul,
  not,
  pow,
  reshape,
  where,
} from '../../../graph/index.ts'
import type { Importer, ImporterTable } from '../importer.ts'
import { asWritten, refused, required } from '../importer.ts'
import { castTo } from './types.ts'

const isFloat = ({ dtype }: SymbolicTensor) => dtype === 'float32' || dtype === 'float64'

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

  /** The exponent may be of another type; the result is of the base's. */
  Pow(call) {
    const [x, exponent] = [required(call, 0, 'X'), required(call, 1, 'Y')]
    if (!isFloat(x) && isFloat(exponent)) return [castTo(pow(castTo(x, exponent.dtype), exponent), x.dtype)]
    return asWritten(call, { inputs: [x, castTo(exponent, x.dtype)] })
  },

  /** Of floats with the sign of the second input it is C's remainder, or that and the second input. */
  Mod(call) {
    const [a, b] = [required(call, 0, 'A'), required(call, 1, 'B')]
    if (!isFloat(a) || call.attributes.int('fmod', 0) !== 0)
      return asWritten(call, { attributes: isFloat(a) ? { fmod: 1 } : {} })
    const rest = fmod(a, b)
    const turns = and(not(equal(rest, 0)), not(equal(less(rest, 0), less(b, 0))))
    return [where(turns, add(rest, b), rest)]
  },

  /** Of all numbers NaN alone is not equal to itself. */
  IsNaN: (call) => [not(equal(required(call, 0, 'X'), required(call, 0, 'X')))],

  /** Of two truth values. */
  Xor: (call) => [not(equal(required(call, 0, 'A'), required(call, 1, 'B')))],
}
