export type { CompileOptions } from './compile.ts'
export { compile } from './compile.ts'
export type { DeviceOptions } from './device.ts'
export type { Device, Program } from './program.ts'
