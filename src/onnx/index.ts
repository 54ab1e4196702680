export type { EncodeOptions } from './encode.ts'
export { encode, OPSET_VERSION } from './encode.ts'
export { expandComposites } from './expand.ts'
