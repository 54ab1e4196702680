/** Products of matrices, and softmax, which below operator set 13 runs over all axes from one on. */
import { sizeOf } from '../../../base/index.ts'
import type { SymbolicTensor } from '../../../graph/index.ts'
import { logSoftmax, matmul, reshape, softmax } from '../../../graph/index.ts'
import type { Importer, ImporterTable } from '../importer.ts'
import { required } from '../importer.ts'

/** Vectors are a row on the left and a column on the right, whose axis the product has not. */
function product(a: SymbolicTensor, b: SymbolicTensor): SymbolicTensor {
  if (a.rank > 1 && b.rank > 1) return matmul(a, b)
  const left = a.rank === 1 ? reshape(a, [1, a.size]) : a
  const right = b.rank === 1 ? reshape(b, [b.size, 1]) : b
  const { shape } = matmul(left, right)
  const gone = [a.rank === 1 ? shape.length - 2 : -1, b.rank === 1 ? shape.length - 1 : -1]
  return reshape(
    matmul(left, right),
    shape.filter((_, axis) => !gone.includes(axis)),
  )
}

const overAxes =
  (f: (x: SymbolicTensor, axis: number) => SymbolicTensor): Importer =>
  (call) => {
    const x = required(call, 0, 'input')
    if (call.opset >= 13) return [f(x, call.attributes.int('axis', -1))]
    const given = call.attributes.int('axis', 1)
    const axis = given < 0 ? given + x.rank : given
    if (axis === x.rank - 1) return [f(x, -1)]
    const rows = reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))])
    return [reshape(f(rows, -1), x.shape)]
  }

export const matrix: ImporterTable = {
  MatMul: (call) => [product(required(call, 0, 'A'), required(call, 1, 'B'))],
  Softmax: overAxes(softmax),
  LogSoftmax: overAxes(logSoftmax),
}
