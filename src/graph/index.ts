/**
 * Symbolic tensors, operators, tracing, derivatives, reference evaluation and passes. Importing this registers every operator:
 * a new one is a file in ops/ and its names here.
 */

export { callOf } from './contract.ts'
export { evaluate, evaluateTensors, toReference } from './evaluate.ts'
export { expandComposites } from './expand.ts'
export { gradient, nodesWithoutDerivative, vjp } from './gradient.ts'
export type { Graph, Named, Rewrite } from './graph.ts'
export { bind, mapRecord, nodesOf, rewrite, trace } from './graph.ts'
export { liveBytes, writtenElements } from './liveBytes.ts'
export { operationCount } from './operationCount.ts'
export type { OperatorDefinition } from './operator.ts'
export { allOperators, apply, defineOperator, operatorFor, operatorOf } from './operator.ts'
export { gelu, geluTanh, silu } from './ops/activation.ts'
export { cast, identity, stopGradient } from './ops/cast.ts'
export {
  and,
  clip,
  elu,
  equal,
  greater,
  greaterOrEqual,
  leakyRelu,
  less,
  lessOrEqual,
  maximum,
  minimum,
  not,
  or,
  where,
} from './ops/compare.ts'
export { concat, split } from './ops/concat.ts'
export type { ConvInputGradientAttributes, ConvOptions, ConvTransposeOptions } from './ops/conv.ts'
export { adjointWeight, conv, convInputGradient, convTranspose } from './ops/conv.ts'
export type { ConvWeightGradientAttributes } from './ops/convWeightGradient.ts'
export { convWeightGradient } from './ops/convWeightGradient.ts'
export type {
  ConvAttributes,
  ConvLayout,
  PerAxis,
  SlidingWindow,
  WindowAttributes,
  WindowOptions,
} from './ops/convWindow.ts'
export { convLayout } from './ops/convWindow.ts'
export type { CumSumOptions } from './ops/cumsum.ts'
export { cumSum } from './ops/cumsum.ts'
export { einsum } from './ops/einsum.ts'
export type { Operand } from './ops/elementwise.ts'
export {
  abs,
  add,
  ceil,
  cos,
  div,
  erf,
  exp,
  floor,
  log,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  round,
  sigmoid,
  sign,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
} from './ops/elementwise.ts'
export type { Reduction } from './ops/gather.ts'
export { gather, gatherElements, gatherND, oneHot, scatterAdd, scatterElements, scatterND } from './ops/gather.ts'
export type { GridSampleOptions } from './ops/gridSample.ts'
export { gridSample } from './ops/gridSample.ts'
export type { GridPadding } from './ops/gridTaps.ts'
export { isGridPadding } from './ops/gridTaps.ts'
export type { GemmOptions } from './ops/matmul.ts'
export { attention, gemm, linear, matmul } from './ops/matmul.ts'
export { floorMod, fmod } from './ops/mod.ts'
export type { BatchNormOptions, BatchNormTrainingOptions } from './ops/normBatch.ts'
export { batchNorm, batchNormTraining } from './ops/normBatch.ts'
export type { GroupNormOptions } from './ops/normGroup.ts'
export { groupNorm, instanceNorm } from './ops/normGroup.ts'
export type { LayerNormOptions } from './ops/normLayer.ts'
export { layerNorm, standardized } from './ops/normLayer.ts'
export { rmsNorm } from './ops/normRms.ts'
export type { AveragePoolOptions, MaxPoolOptions } from './ops/pool.ts'
export { averagePool, globalAveragePool, maxPool } from './ops/pool.ts'
export { argMax, logSumExp, reduceMax, reduceMean, reduceMin } from './ops/reduce.ts'
export { reduceL1, reduceL2, reduceLogSum, reduceProd, reduceSumSquare } from './ops/reduceNorms.ts'
export type { Border } from './ops/repeat.ts'
export { isBorder, padByBorder, tile } from './ops/repeat.ts'
export type { ResampleOptions } from './ops/resample.ts'
export { resample } from './ops/resample.ts'
export { upsampleBilinear, upsampleNearest } from './ops/resize.ts'
export type { Coordinates, Crop, Interpolation, Rounding } from './ops/resizeMatrix.ts'
export { isCoordinates, isRounding } from './ops/resizeMatrix.ts'
export type { ResizeOptions } from './ops/resizeOperator.ts'
export { resize } from './ops/resizeOperator.ts'
export { flatten, reshape, squeeze, transpose, unsqueeze } from './ops/shape.ts'
export type { Padding, SliceRange } from './ops/slice.ts'
export { pad, slice } from './ops/slice.ts'
export { logSoftmax, softmax } from './ops/softmax.ts'
export { expand, reduceSum, unbroadcast } from './ops/sum.ts'
export type { TopKOptions } from './ops/topK.ts'
export { topK } from './ops/topK.ts'
export { triangle } from './ops/triangle.ts'
export { acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan } from './ops/trigonometry.ts'
export { absorbShuffles } from './passes/absorbShuffles.ts'
export { foldBatchNorm } from './passes/foldBatchNorm.ts'
export { foldConstants } from './passes/foldConstants.ts'
export { doubledSource, foldDoubling } from './passes/foldDoubling.ts'
export { recognize, recognized } from './passes/recognize.ts'
export { simplify, tidy } from './passes/simplify.ts'
export { usesOf } from './passes/uses.ts'
export type {
  Attribute,
  AttributeContract,
  AttributeKind,
  Attributes,
  DerivativeCall,
  Node,
  Operator,
  Reference,
  Source,
  TensorType,
} from './symbolic.ts'
export { constant, frozenWeights, input, SymbolicTensor, scalar } from './symbolic.ts'
export { filledTensor, tensorOf } from './values.ts'
