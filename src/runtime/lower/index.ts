/** Graphs in the forms that the CPU engine runs fastest. */
export { lowerForCpu } from './cpu.ts'
export type { BlockSize } from './operators.ts'
