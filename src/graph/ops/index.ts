/** All operators, by family. Importing this registers every one of them. */
export { cast, identity, stopGradient } from './cast.ts'
export {
  and,
  clip,
  equal,
  greater,
  greaterOrEqual,
  less,
  lessOrEqual,
  maximum,
  minimum,
  not,
  or,
  where,
} from './compare.ts'
export type { CumSumOptions } from './cumsum.ts'
export { cumSum } from './cumsum.ts'
export type { Operand } from './elementwise.ts'
export {
  abs,
  add,
  ceil,
  cos,
  div,
  erf,
  exp,
  floor,
  leakyRelu,
  log,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
  unbroadcast,
} from './elementwise.ts'
export type { Reduction } from './gather.ts'
export { gather, gatherElements, gatherND, oneHot, scatterAdd, scatterElements, scatterND } from './gather.ts'
export type { GemmOptions } from './matmul.ts'
export { attention, gemm, linear, matmul } from './matmul.ts'
export { argMax, logSumExp, reduceMax, reduceMean, reduceMin, reduceSum } from './reduce.ts'
export { concat, expand, flatten, reshape, split, squeeze, transpose, unsqueeze } from './shape.ts'
export type { Padding, Range } from './slice.ts'
export { pad, slice } from './slice.ts'
export { logSoftmax, softmax } from './softmax.ts'
