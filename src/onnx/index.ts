/** ONNX files: graph to bytes, and a strict reading of them. */
export { checkModel } from './check.ts'
export { encode, encodeModel } from './encode.ts'
export { encodeOpenBatch } from './openBatch.ts'
