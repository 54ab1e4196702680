/** Products of more than two matrices as they lie: Einstein's notation, and matrix products that transpose on the way. */
import type { SymbolicTensor } from '../../../graph/index.ts'
import { einsum, matmul, mul, transpose } from '../../../graph/index.ts'
import type { ImporterTable, NodeCall } from '../importer.ts'
import { refused, required } from '../importer.ts'

/** The axes of one operand of FusedMatMul as a stack of matrices. */
function matrices(x: SymbolicTensor, turned: boolean, stackLast: boolean): SymbolicTensor {
  const axes = x.shape.map((_, axis) => axis)
  if (axes.length < 2) throw refused(`it takes matrices or stacks of them, got [${x.shape}]`)
  // With the stack last, the first axis belongs to the matrices: [m, ...stack, k].
  const stacked = stackLast ? [...axes.slice(1, -1), 0, axes.length - 1] : axes
  const last = turned ? [stacked[axes.length - 1], stacked[axes.length - 2]] : stacked.slice(-2)
  const order = [...stacked.slice(0, -2), ...last]
  return order.every((axis, i) => axis === i) ? x : transpose(x, order)
}

function fusedMatMul(call: NodeCall): SymbolicTensor[] {
  const [a, b] = [required(call, 0, 'A'), required(call, 1, 'B')]
  const { attributes } = call
  const flag = (name: string) => attributes.int(name, 0) !== 0
  const product = matmul(
    matrices(a, flag('transA'), flag('transBatchA')),
    matrices(b, flag('transB'), flag('transBatchB')),
  )
  const alpha = attributes.float('alpha', 1)
  return [alpha === 1 ? product : mul(product, alpha)]
}

export const product: ImporterTable = {
  Einsum(call) {
    const operands = call.inputs.map((_, i) => required(call, i, `Inputs[${i}]`))
    return [einsum(call.attributes.string('equation'), operands)]
  },
  'com.microsoft:FusedMatMul': fusedMatMul,
  'com.microsoft:TransposeMatMul': fusedMatMul,
}
