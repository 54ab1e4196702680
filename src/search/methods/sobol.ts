/** Scrambled Sobol' points: random search without its gaps. */
import { sobolPoint } from '../sobol.ts'
import { fromUnit } from '../space.ts'
import type { SearchMethod } from '../study.ts'

export const sobolSearch: SearchMethod = {
  name: 'sobol',
  propose: ({ space, seed, trials }) => ({ point: fromUnit(space, sobolPoint(trials.length, space.length, seed)) }),
}
