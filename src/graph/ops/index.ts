/** All operators, by family. Importing this registers every one of them. */

export { gelu, silu } from './activation.ts'
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
export type { ConvOptions } from './conv.ts'
export { conv } from './conv.ts'
export type { ConvInputGradientAttributes, ConvWeightGradientAttributes } from './convGradient.ts'
export { adjointWeight, convInputGradient, convWeightGradient } from './convGradient.ts'
export type { ConvTransposeOptions } from './convTranspose.ts'
export { convTranspose } from './convTranspose.ts'
export type {
  ConvAttributes,
  ConvLayout,
  PerAxis,
  SlidingWindow,
  WindowAttributes,
  WindowOptions,
} from './convWindow.ts'
export { convLayout } from './convWindow.ts'
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
export type { BatchNormOptions, BatchNormTrainingOptions } from './normBatch.ts'
export { batchNorm, batchNormTraining } from './normBatch.ts'
export type { GroupNormOptions } from './normGroup.ts'
export { groupNorm, instanceNorm } from './normGroup.ts'
export type { LayerNormOptions } from './normLayer.ts'
export { layerNorm } from './normLayer.ts'
export type { AveragePoolOptions, MaxPoolOptions } from './pool.ts'
export { averagePool, globalAveragePool, maxPool } from './pool.ts'
export { argMax, logSumExp, reduceMax, reduceMean, reduceMin, reduceSum } from './reduce.ts'
export { upsampleBilinear, upsampleNearest } from './resize.ts'
export type { ResizeOptions } from './resizeOperator.ts'
export { resize } from './resizeOperator.ts'
export { concat, expand, flatten, reshape, split, squeeze, transpose, unsqueeze } from './shape.ts'
export type { Padding, SliceRange } from './slice.ts'
export { pad, slice } from './slice.ts'
export { logSoftmax, softmax } from './softmax.ts'
