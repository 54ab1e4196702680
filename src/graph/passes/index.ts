/** Passes: graph to graph, same values. */
export { eliminateCommon } from './eliminateCommon.ts'
export { foldConstants } from './foldConstants.ts'
export { simplify } from './simplify.ts'
