/**
 * Errors with codes, seeded random streams, tensors, hashes, the nearest known word, interpolation, derivatives against differences, files that stand in for others:
 * what every layer stands on.
 */
export type { Disagreement } from './disagreement.ts'
export { rowsDisagreement, slopeDisagreement } from './disagreement.ts'
export type { ErrorKind } from './errors.ts'
export {
  BilevelError,
  deviceError,
  exitCodeOf,
  failure,
  inputError,
  internalError,
  throwIfInterrupted,
} from './errors.ts'
export { fileName } from './fileName.ts'
export { brainToFloat, floatToHalf, halfToFloat } from './half.ts'
export type { InterpolationWindow, Resampling } from './interpolation.ts'
export { interpolationWindows, RESAMPLINGS } from './interpolation.ts'
export type { Room } from './limits.ts'
export { MOST, MOST_INFLATION, requireRoom } from './limits.ts'
export { effectiveSampleSize, logSumExp, weightsOf } from './logWeights.ts'
export type { Machine, Sha256 } from './machine.ts'
export { machine, useMachine } from './machine.ts'
export { releaseMemory } from './memory.ts'
export { didYouMean, nearestOf } from './nearest.ts'
export { erfOf, normalCdf, normalQuantile } from './normal.ts'
export { parseJson, requireBounded, requireLength } from './parseJson.ts'
export type { AskedOf, PlainImages } from './plainFunction.ts'
export { inWords, numbersFrom, throwing } from './plainFunction.ts'
export { RandomStream, randomStream } from './random.ts'
export { relativeDifference } from './relativeDifference.ts'
export { sha256, sha256Stream } from './sha256.ts'
export { STAND_IN_BYTES, standInError } from './standIn.ts'
export type { DType, NamedTensors, Shape, Tensor, TypedArrays } from './tensor.ts'
export { filled, float32, int64, sameShape, sizeOf, stridesOf, tensor } from './tensor.ts'
