/** Graphs and ONNX files as programs on a device; the only layer that knows the engine. */
export type { CompileOptions } from './compile.ts'
export { compile } from './compile.ts'
export type { DeviceOptions } from './device.ts'
export type { ForeignModel, ForeignValue } from './foreign.ts'
export { openModel } from './foreign.ts'
export type { Device, Program } from './program.ts'
export type { SplitGraph } from './split.ts'
export { splitGraph } from './split.ts'
