/** ONNX files as graphs. */
export type { DecodedModel, DecodeOptions, Refusal } from './decode.ts'
export { decode } from './decode.ts'
export type { MissingDerivative } from './derivative.ts'
export { decodedVjp, missingDerivatives } from './derivative.ts'
export { typeName as elementTypeName } from './elementTypes.ts'
export type { OnnxAxis, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.ts'
export { readModel } from './model.ts'
export type { ExternalFiles } from './tensorData.ts'
