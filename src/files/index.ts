/** Files on disk: written whole or not at all, hashed, tensors and models by their paths. The lower half of the Node edge. */
export { diskFailure, isPartialName, makeFolder, partialName, writeAtomically, writeFlushed } from './disk.ts'
export { fileHash } from './fileHash.ts'
export { modelFileHash } from './modelFileHash.ts'
export type { OnnxFile } from './onnxFile.ts'
export { readOnnxFile, readOnnxModel } from './onnxFile.ts'
export { readSafetensors, writeSafetensors } from './safetensorsFile.ts'
