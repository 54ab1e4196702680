/** Reductions. Their axes became an input: of the sum in operator set 13, of the others in 18. */
import type { SymbolicTensor } from '../../../graph/index.ts'
import {
  cast,
  logSumExp,
  reduceL1,
  reduceL2,
  reduceLogSum,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceProd,
  reduceSum,
  reduceSumSquare,
} from '../../../graph/index.ts'
import type { Importer, ImporterTable } from '../importer.ts'
import { required } from '../importer.ts'
import { axesOf } from './shape.ts'

type Reduce = (x: SymbolicTensor, axes?: readonly number[], keepDims?: boolean) => SymbolicTensor

/** @param since the operator set in which its axes became an input */
export const reducing =
  (reduce: Reduce, since: number): Importer =>
  (call) => {
    const x = required(call, 0, 'data')
    const { attributes } = call
    const axes = axesOf(call, since)
    const keep = attributes.int('keepdims', 1) !== 0
    const nothing = attributes.int('noop_with_empty_axes', 0) !== 0
    // With no axes and nothing to sum, what is done before and after the sum stays.
    if (!axes || axes.length === 0) return [reduce(x, nothing ? [] : undefined, keep)]
    return [reduce(x, axes, keep)]
  }

/** The same of truth values: whether any, or all, hold. */
const ofTruths =
  (reduce: Reduce): Reduce =>
  (x, axes, keep) =>
    x.dtype === 'bool' ? cast(reduce(cast(x, 'int32'), axes, keep), 'bool') : reduce(x, axes, keep)

export const reduction: ImporterTable = {
  ReduceSum: reducing(reduceSum, 13),
  ReduceMean: reducing(reduceMean, 18),
  ReduceMax: reducing(ofTruths(reduceMax), 18),
  ReduceMin: reducing(ofTruths(reduceMin), 18),
  ReduceProd: reducing(reduceProd, 18),
  ReduceL1: reducing(reduceL1, 18),
  ReduceL2: reducing(reduceL2, 18),
  ReduceLogSum: reducing(reduceLogSum, 18),
  ReduceLogSumExp: reducing(logSumExp, 18),
  ReduceSumSquare: reducing(reduceSumSquare, 18),
}
