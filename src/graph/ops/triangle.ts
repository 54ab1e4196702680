/** The part of matrices above or below a diagonal. */
import { tensor } from '../../base/index.ts'
import { constant, type SymbolicTensor } from '../symbolic.ts'
import { and, where } from './compare.ts'

/**
 * x [..., n, m] with zeros below (`upper`) or above (`lower`) a diagonal.
 * @param diagonal 0 the main one, which stays; positive: that many places to the right
 */
export function triangle(x: SymbolicTensor, part: 'upper' | 'lower', diagonal = 0): SymbolicTensor {
  if (x.rank < 2) throw new Error(`the input must be matrices [..., n, m], got [${x.shape}]`)
  const [rows, columns] = x.shape.slice(-2)
  const data = Uint8Array.from({ length: rows * columns }, (_, i) => {
    const offset = (i % columns) - Math.floor(i / columns) - diagonal
    return Number(part === 'upper' ? offset >= 0 : offset <= 0)
  })
  const inside = constant(tensor('bool', [rows, columns], data))
  return x.dtype === 'bool' ? and(x, inside) : where(inside, x, 0)
}
