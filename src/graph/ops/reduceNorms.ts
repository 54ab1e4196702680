/** Products, norms and logarithms of sums over axes, made of the other reductions. Arguments as `reduceSum`. */

import { sizeOf } from '../../base/index.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { filledTensor } from '../values.ts'
import { equal, where } from './compare.ts'
import { concat } from './concat.ts'
import { abs, log, mul, sqrt } from './elementwise.ts'
import { reshape, transpose } from './shape.ts'
import { slice } from './slice.ts'
import { allAxes, chosenAxes, normalAxes, reducedShape, reduceSum } from './sum.ts'

/** Sum of absolute values. */
export function reduceL1(x: SymbolicTensor, axes?: readonly number[], keepDims = false): SymbolicTensor {
  return reduceSum(abs(x), axes, keepDims)
}

/** Sum of squares. */
export function reduceSumSquare(x: SymbolicTensor, axes?: readonly number[], keepDims = false): SymbolicTensor {
  return reduceSum(mul(x, x), axes, keepDims)
}

/** Euclidean norm; its derivative where all are 0 is taken as 0. */
export function reduceL2(x: SymbolicTensor, axes?: readonly number[], keepDims = false): SymbolicTensor {
  const squares = reduceSumSquare(x, axes, keepDims)
  const none = equal(squares, 0)
  // The inner choice keeps 0 / 0 from the derivative, the outer one the value.
  return where(none, 0, sqrt(where(none, 1, squares)))
}

/** Logarithm of the sum. */
export function reduceLogSum(x: SymbolicTensor, axes?: readonly number[], keepDims = false): SymbolicTensor {
  return log(reduceSum(x, axes, keepDims))
}

/**
 * Product, by halves: each step multiplies one half by the other. So its derivative needs no division, and is right where factors are 0.
 */
export function reduceProd(x: SymbolicTensor, axes?: readonly number[], keepDims = false): SymbolicTensor {
  const reduced = normalAxes(chosenAxes(x, axes), x.rank)
  if (reduced.length === 0) return x
  const left = allAxes(x).filter((axis) => !reduced.includes(axis))
  const order = [...reduced, ...left]
  const turned = order.every((axis, i) => axis === i) ? x : transpose(x, order)
  const rest = left.map((axis) => x.shape[axis])
  let product = reshape(turned, [sizeOf(reduced.map((axis) => x.shape[axis])), ...rest])
  if (product.shape[0] === 0) product = constant(filledTensor(x.dtype, [1, ...rest], 1))
  while (product.shape[0] > 1) {
    const half = Math.floor(product.shape[0] / 2)
    const pairs = mul(slice(product, { axis: 0, end: half }), slice(product, { axis: 0, start: half, end: 2 * half }))
    product = product.shape[0] % 2 === 0 ? pairs : concat([pairs, slice(product, { axis: 0, start: 2 * half })], 0)
  }
  return reshape(product, reducedShape(x.shape, reduced, keepDims))
}
