/** Operators that leave the numbers alone: change of element type, identity, and the border of differentiation. */
import type { DType } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Node, SymbolicTensor } from '../symbolic.ts'
import { isFloat } from './elementwise.ts'

/** ONNX numbers of the element types (TensorProto.DataType). */
const ONNX_TYPES: Readonly<Record<DType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11 }

/** Element type of an ONNX number. @throws Error if it is none of ours */
function dtypeOf(code: number): DType {
  const found = (Object.keys(ONNX_TYPES) as DType[]).find((dtype) => ONNX_TYPES[dtype] === code)
  if (!found) throw new Error(`element type ${code} of ONNX is not supported; supported: ${JSON.stringify(ONNX_TYPES)}`)
  return found
}

const castOperator = defineOperator<{ readonly to: number }>({
  name: 'Cast',
  since: 6,
  inputs: ['input'],
  attributes: { to: 'int' },
  assumed: { saturate: 1, round_mode: 'up' },
  infer: ([x], { to }) => [{ dtype: dtypeOf(to), shape: x!.shape }],
  evaluate([x], _, [{ dtype }]) {
    if (dtype === 'bool') return [x!.data.map((value) => Number(value !== 0))]
    return [dtype === 'int64' || dtype === 'int32' ? x!.data.map(Math.trunc) : x!.data]
  },
  differentiate({ inputs: [x], outputs: [y], cotangents: [g] }) {
    return [isFloat(x!) && isFloat(y) ? cast(g!, x!.dtype) : null]
  },
})

/** Another element type; floats to integers round towards zero, anything but 0 becomes true. */
export function cast(x: SymbolicTensor, dtype: DType): SymbolicTensor {
  return x.dtype === dtype ? x : apply(castOperator, [x], { to: ONNX_TYPES[dtype] })[0]
}

const identityOperator = defineOperator<Record<string, never>>({
  name: 'Identity',
  inputs: ['input'],
  infer: ([x]) => [x!],
  evaluate: ([x]) => [x!.data],
  differentiate: ({ cotangents: [g] }) => [g],
})

/** The same numbers as a new tensor: to give an input or a constant a second name. */
export function identity(x: SymbolicTensor): SymbolicTensor {
  return apply(identityOperator, [x], {})[0]
}

const stopGradientOperator = defineOperator<Record<string, never>>({
  name: 'StopGradient',
  domain: 'composite',
  infer: ([x]) => [x!],
  evaluate: ([x]) => [x!.data],
  differentiate: () => [null],
  expand: ([x]) => [x!],
})

/** The same numbers, treated as a constant by differentiation. */
export function stopGradient(x: SymbolicTensor): SymbolicTensor {
  return apply(stopGradientOperator, [x], {})[0]
}

/** Whether differentiation ends at a node. */
export function stopsGradient(node: Node): boolean {
  return node.operator.name === stopGradientOperator.name && node.operator.domain === stopGradientOperator.domain
}
