/** ONNX files as graphs. */
export type { DecodedModel, DecodeOptions } from './decode.ts'
export { decode } from './decode.ts'
export type { MissingDerivative } from './derivative.ts'
export { decodedVjp, missingDerivatives } from './derivative.ts'
export type { OnnxAxis, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.ts'
export { readModel } from './model.ts'
export type { ExternalFiles } from './tensorData.ts'
