export { lowerForCpu } from './cpu.ts'
export type { BlockSize } from './operators.ts'
