/** Points drawn evenly, each from a stream of its own. */
import { randomStream } from '../../base/index.ts'
import { fromUnit } from '../space.ts'
import type { SearchMethod, Study } from '../study.ts'

/** The point of a number. */
export function randomPoint({ space, seed }: Pick<Study, 'space' | 'seed'>, index: number): number[] {
  const stream = randomStream({ seed, purpose: 'search.random', step: index })
  return fromUnit(
    space,
    space.map(() => stream.uniform()),
  )
}

export const randomSearch: SearchMethod = {
  name: 'random',
  propose: (study) => ({ point: randomPoint(study, study.trials.length) }),
}
