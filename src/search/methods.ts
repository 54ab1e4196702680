/** The searches that come along, by name. */
import { bayesianSearch } from './methods/bayesian.ts'
import { defaultSearch } from './methods/fixed.ts'
import { gridSearch } from './methods/grid.ts'
import { halvingSearch } from './methods/halving.ts'
import { randomSearch } from './methods/random.ts'
import { sobolSearch } from './methods/sobol.ts'
import type { SearchMethod } from './study.ts'

export const SEARCH_METHODS: readonly SearchMethod[] = [
  defaultSearch,
  gridSearch,
  randomSearch,
  sobolSearch,
  bayesianSearch,
  halvingSearch,
]
