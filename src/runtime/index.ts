/** Graphs and ONNX files as programs on a device, by an engine that is said at the edge: node/ or web/. */
export type { BatchOptions, BatchProgram } from './batchProgram.ts'
export { compileBatch } from './batchProgram.ts'
export { checkpointed } from './checkpoints.ts'
export type { CompileOptions } from './compile.ts'
export { compile } from './compile.ts'
export type { HeldOutputs } from './compileLanes.ts'
export { lanesFor, mostLanes } from './compileLanes.ts'
export type { DecodedForeign } from './decodeForeign.ts'
export { COTANGENT, decodeFiles, decodeForeign, derivativeName, MOST_MODEL_BYTES, tooLarge } from './decodeForeign.ts'
export type { DeviceOptions } from './device.ts'
export type {
  DeclaredValue as ForeignValue,
  Engine,
  LaneSession,
  ModelFiles,
  Session,
  SessionSettings,
} from './engine.ts'
export { useEngine } from './engine.ts'
export type { ForeignModel, LoadedForeignModel } from './foreign.ts'
export { openModel } from './foreign.ts'
export type { Device, Program } from './program.ts'
export { recompute } from './recompute.ts'
export type { SplitGraph } from './split.ts'
export { splitGraph } from './split.ts'
