/** What is known once shapes are: constants, extents, ranges. */
import type { DType, Tensor } from '../../../base/index.ts'
import { requireRoom, sizeOf } from '../../../base/index.ts'
import type { SymbolicTensor } from '../../../graph/index.ts'
import { constant, expand, scalar, tensorOf } from '../../../graph/index.ts'
import type { ImporterTable } from '../importer.ts'
import { constantOf, integerConstant, numbersOf, refused, required } from '../importer.ts'

/** An index as slices count: from the back where negative, cut off at the ends. */
const limited = (index: number, rank: number) => Math.min(Math.max(index < 0 ? index + rank : index, 0), rank)

/** A tensor of one value of any size. @throws `onnx.operator` where no memory could hold it */
function filledWith(value: SymbolicTensor, shape: readonly number[]): SymbolicTensor {
  const bad = shape.find((extent) => !Number.isInteger(extent) || extent < 0)
  if (bad !== undefined) throw refused(`an extent must be an integer of at least 0, got ${bad}`)
  requireRoom({ code: 'onnx.operator', what: `the elements of [${shape}]`, values: sizeOf(shape) })
  return expand(value, shape)
}

function range([start, limit, delta]: readonly number[], dtype: DType): SymbolicTensor {
  if (delta === 0) throw refused('the step of a range must not be 0')
  const count = Math.max(0, Math.ceil((limit - start) / delta))
  requireRoom({ code: 'onnx.operator', what: 'the elements of a range', values: count, bytesPerValue: 8 })
  return constant(
    tensorOf(
      dtype,
      [count],
      Float64Array.from({ length: count }, (_, i) => start + i * delta),
    ),
  )
}

export const constants: ImporterTable = {
  Constant({ attributes }) {
    if (attributes.has('value')) return [constant(attributes.tensor('value'))]
    if (attributes.has('value_float')) return [scalar(attributes.float('value_float'))]
    if (attributes.has('value_int')) return [scalar(attributes.int('value_int'), 'int64')]
    if (attributes.has('value_ints')) return [integerConstant(attributes.ints('value_ints'))]
    if (attributes.has('value_floats')) {
      const values = attributes.floats('value_floats')
      return [constant(tensorOf('float32', [values.length], values))]
    }
    throw refused('it must hold a tensor or numbers; texts and sparse tensors are not read')
  },

  ConstantOfShape(call) {
    const zero: Tensor = tensorOf('float32', [1], [0])
    const value = call.attributes.has('value') ? call.attributes.tensor('value') : zero
    const shape = numbersOf(required(call, 0, 'input'), 'input') ?? []
    if (sizeOf(value.shape) !== 1) throw refused(`its value must be one number, got [${value.shape}]`)
    return [filledWith(constant({ ...value, shape: [] }), shape)]
  },

  Range(call) {
    const inputs = ['start', 'limit', 'delta'].map((name, i) => constantOf(required(call, i, name), name))
    const numbers = inputs.map(({ data }) => Number(data[0]))
    return [range(numbers, inputs[0].dtype)]
  },

  Shape(call) {
    const { shape, rank } = required(call, 0, 'data')
    const [start, end] = [call.attributes.int('start', 0), call.attributes.int('end', rank)]
    return [integerConstant(shape.slice(limited(start, rank), limited(end, rank)))]
  },

  Size: (call) => [scalar(required(call, 0, 'data').size, 'int64')],
}
