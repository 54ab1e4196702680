/**
 * Successive halving without waiting (ASHA: Li et al., MLSys 2020): many points are measured with a small share of the images, the best third of each rung
 * goes on to three times as many, whenever there is one.
 */
import type { SearchMethod, Study } from '../study.ts'
import { toldOf } from '../study.ts'
import { randomPoint } from './random.ts'

/** One of so many goes on, to so many times the share. */
const KEEPS = 3
const RUNGS = [1 / KEEPS ** 2, 1 / KEEPS, 1]

export const halvingSearch: SearchMethod = {
  name: 'halving',
  propose(study) {
    for (let rung = RUNGS.length - 2; rung >= 0; rung--) {
      const point = promoted(study, rung)
      if (point) return { point, share: RUNGS[rung + 1] }
    }
    const drawn = study.trials.filter(({ share }) => share === RUNGS[0]).length
    return { point: randomPoint(study, drawn), share: RUNGS[0] }
  },
}

/** The best of a rung that has not gone on, where it is among the third that does. */
function promoted({ trials }: Study, rung: number): readonly number[] | null {
  const told = toldOf(trials).filter(({ share, outcome }) => share === RUNGS[rung] && Number.isFinite(outcome.value))
  const gone = new Set(trials.filter(({ share }) => share === RUNGS[rung + 1]).map(({ point }) => point.join(' ')))
  const best = told.toSorted((a, b) => a.outcome.value - b.outcome.value || a.id - b.id)
  const going = best.slice(0, Math.floor(told.length / KEEPS))
  return going.find(({ point }) => !gone.has(point.join(' ')))?.point ?? null
}
