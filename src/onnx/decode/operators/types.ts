/** Changes of element type, and calls that leave the numbers alone. */
import type { DType } from '../../../base/index.ts'
import type { SymbolicTensor } from '../../../graph/index.ts'
import { cast, constant, expand, scalar, tensorOf, toReference } from '../../../graph/index.ts'
import { carriedAs, ELEMENT_TYPES, typeName } from '../elementTypes.ts'
import type { ImporterTable, NodeCall } from '../importer.ts'
import { numbersOf, refused, required } from '../importer.ts'

/** Another element type; a constant's numbers are changed at once, so that derivative rules see them. */
export function castTo(x: SymbolicTensor, dtype: DType): SymbolicTensor {
  if (x.dtype === dtype || !x.constant) return cast(x, dtype)
  const { shape, data } = toReference(x.constant)
  return constant(tensorOf(dtype, shape, dtype === 'bool' || dtype.startsWith('float') ? data : data.map(Math.trunc)))
}

/** A change to a type of files. Types narrower than what carries them here take only what is known to fit. */
function castToFileType(x: SymbolicTensor, code: number): SymbolicTensor {
  let dtype: DType
  try {
    dtype = carriedAs(code)
  } catch (error) {
    throw refused((error as Error).message)
  }
  const { range } = ELEMENT_TYPES[code]
  if (!range || x.dtype === 'bool') return castTo(x, dtype)
  const numbers = x.constant && toReference(x.constant).data
  if (!numbers?.every((value) => Math.trunc(value) >= range[0] && Math.trunc(value) <= range[1])) {
    throw refused(
      `a cast to ${typeName(code)} takes constants from ${range[0]} to ${range[1]} only; it has no derivative`,
    )
  }
  return castTo(x, dtype)
}

/** Evaluation form: everything is kept. */
function dropout(call: NodeCall): (SymbolicTensor | undefined)[] {
  const { inputs, attributes, outputs } = call
  const x = required(call, 0, 'data')
  attributes.ignore('ratio', 'seed')
  const [training] = numbersOf(inputs[2], 'training_mode') ?? [0]
  if (training !== 0) throw refused('it must be in evaluation mode; export the network after .eval()')
  return [x, outputs[1] ? expand(scalar(1, 'bool'), x.shape) : undefined]
}

export const types: ImporterTable = {
  Cast(call) {
    call.attributes.ignore('saturate', 'round_mode')
    return [castToFileType(required(call, 0, 'input'), call.attributes.int('to'))]
  },
  CastLike(call) {
    call.attributes.ignore('saturate', 'round_mode')
    return [castTo(required(call, 0, 'input'), required(call, 1, 'target_type').dtype)]
  },
  Identity: (call) => [required(call, 0, 'input')],
  Dropout: dropout,
}
