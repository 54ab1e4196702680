/** ONNX files: graph to bytes, a strict reading of them, and their hash. */
export { checkModel } from './check.ts'
export { encode, encodeModel } from './encode.ts'
export { modelFileHash } from './modelFileHash.ts'
export { encodeOpenBatch } from './openBatch.ts'
