/** Weights that files hold as small integers: y = (x - zero point) scale, with one scale, one an axis, or one a block. */
import type { SymbolicTensor } from '../../../graph/index.ts'
import { expand, mul, reshape, sub } from '../../../graph/index.ts'
import type { ImporterTable, NodeCall } from '../importer.ts'
import { refused, required } from '../importer.ts'
import { castTo } from './types.ts'

/** A parameter in a shape that broadcasts against x. */
function spread(parameter: SymbolicTensor, x: SymbolicTensor, axis: number, block: number): SymbolicTensor {
  if (parameter.size === 1) return reshape(parameter, [])
  if (block === 0) {
    return reshape(
      parameter,
      x.shape.map((extent, i) => (i === axis ? extent : 1)),
    )
  }
  const blocks = parameter.shape[axis]
  if (blocks * block !== x.shape[axis])
    throw refused(`blocks of ${block} must fill the extent ${x.shape[axis]} of axis ${axis}`)
  const each = expand(
    reshape(parameter, parameter.shape.toSpliced(axis + 1, 0, 1)),
    parameter.shape.toSpliced(axis + 1, 0, block),
  )
  return reshape(each, x.shape)
}

function dequantized(call: NodeCall): SymbolicTensor[] {
  const { inputs, attributes } = call
  const x = required(call, 0, 'x')
  const scale = required(call, 1, 'x_scale')
  if (!x.constant) {
    throw refused(
      'numbers that a run quantises have no derivative; bring the network before it was quantised, or with quantised weights alone',
    )
  }
  attributes.ignore('output_dtype', 'saturate')
  const given = attributes.int('axis', 1)
  const axis = given < 0 ? given + x.rank : given
  const block = attributes.int('block_size', 0)
  const values = castTo(x, scale.dtype)
  const zero = inputs[2]
  const centred = zero ? sub(values, spread(castTo(zero, scale.dtype), x, axis, block)) : values
  return [mul(centred, spread(scale, x, axis, block))]
}

export const quantized: ImporterTable = { DequantizeLinear: dequantized }
