export type { BlockSize } from './cpu.ts'
export { lowerForCpu } from './cpu.ts'
