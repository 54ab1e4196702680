/** The remainder of a division. */
import { apply, defineOperator } from '../operator.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { broadcastOffsets, broadcastShape } from './broadcast.ts'
import { div, isFloat, mul, neg, sub } from './elementwise.ts'
import { unbroadcast } from './sum.ts'

/** Whether the remainder has the sign of the first input (C's fmod), else that of the second (Python's %). */
type ModAttributes = { readonly fmod: number }

const modOperator = defineOperator<ModAttributes>({
  name: 'Mod',
  since: 10,
  inputs: ['A', 'B'],
  attributes: { fmod: { kind: 'int', default: 0 } },
  infer([a, b], { fmod }) {
    if (a!.dtype !== b!.dtype) throw new Error('both inputs must have the same element type; use cast')
    if (a!.dtype === 'bool') throw new Error('the inputs must be numbers; use cast')
    if (isFloat(a!) && fmod !== 1) throw new Error('with floats fmod must be 1')
    return [{ dtype: a!.dtype, shape: broadcastShape(a!.shape, b!.shape) }]
  },
  evaluate([a, b], { fmod }, [{ shape }]) {
    const ib = broadcastOffsets(b!.shape, shape)
    const y = Float64Array.from(broadcastOffsets(a!.shape, shape), (offset, i) => {
      const divisor = b!.data[ib[i]]
      const rest = a!.data[offset] % divisor
      return fmod === 1 || rest === 0 || rest < 0 === divisor < 0 ? rest : rest + divisor
    })
    return [y]
  },
  // y = a - n b, n whole: constant between jumps.
  differentiate({ inputs: [a, b], outputs: [y], cotangents: [g], wanted }) {
    const slope = () => neg(mul(g!, div(sub(a!, y), b!)))
    return [wanted[0] ? unbroadcast(g!, a!.shape) : null, wanted[1] ? unbroadcast(slope(), b!.shape) : null]
  },
})

/** a - b times a / b rounded towards zero; the sign is that of a (`%` of JavaScript, `fmod` of C). */
export function fmod(a: SymbolicTensor, b: SymbolicTensor): SymbolicTensor {
  return apply(modOperator, [a, b], { fmod: 1 })[0]
}

/** a - b times a / b rounded down, of integers; the sign is that of b (`%` of Python). */
export function floorMod(a: SymbolicTensor, b: SymbolicTensor): SymbolicTensor {
  return apply(modOperator, [a, b], { fmod: 0 })[0]
}
