/** Searches without derivatives, by asking and telling. */

export { bayesianSearch } from './methods/bayesian.ts'
export { defaultSearch, fixedSearch } from './methods/fixed.ts'
export { gridSearch } from './methods/grid.ts'
export { halvingSearch } from './methods/halving.ts'
export { randomSearch } from './methods/random.ts'
export { sobolSearch } from './methods/sobol.ts'
export { SEARCH_METHODS } from './methods.ts'
export { MOST_SOBOL, sobolPoint } from './sobol.ts'
export type { Dimension, SearchSpace } from './space.ts'
export { checkSpace, fromUnit, toUnit } from './space.ts'
export type { Outcome, Proposal, SearchMethod, Study, Trial } from './study.ts'
export { leastOf, Search, toldOf } from './study.ts'
