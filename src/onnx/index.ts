/** ONNX files: graph to bytes, and a strict reading of them. */
export type { CheckedModel, DeclaredAxis, DeclaredNode, DeclaredValue } from './check.ts'
export { checkModel } from './check.ts'
export type { EncodeOptions } from './encode.ts'
export { encode, encodeModel, OPSET_VERSION } from './encode.ts'
export type { OpenBatchOptions } from './openBatch.ts'
export { encodeOpenBatch } from './openBatch.ts'
