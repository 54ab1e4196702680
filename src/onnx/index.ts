/** ONNX files: graph to bytes, a strict reading of them, and the files they point to. */
export { checkModel } from './check.ts'
export type {
  DecodedModel,
  DecodeOptions,
  ExternalFiles,
  MissingDerivative,
  OnnxModel,
  OnnxValue,
  Refusal,
} from './decode/index.ts'
export { decode, decodedVjp, elementTypeName, missingDerivatives, readModel } from './decode/index.ts'
export { encode, encodeModel } from './encode.ts'
export { externalLocations, isConfined } from './externalData.ts'
export type { TableOptions } from './inputFromTable.ts'
export { inputFromTable } from './inputFromTable.ts'
export { encodeOpenBatch } from './openBatch.ts'
