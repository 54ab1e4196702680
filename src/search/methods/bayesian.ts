/**
 * Bayesian search: a Gaussian process of what was told, and the point of greatest expected improvement on the best that it believes in. It reckons with noise: the best
 * is what the process is sure of at a point that was tried, not the luckiest value, and to try again where enough was tried gains nothing. A trial that is still open counts as told with the mean that is expected of it.
 */
import { randomStream } from '../../base/index.ts'
import { logAugmentedImprovement } from '../gaussian/expectedImprovement.ts'
import type { Hyperparameters, Observations } from '../gaussian/process.ts'
import { fitHyperparameters, GaussianProcess } from '../gaussian/process.ts'
import { simplexMinimum } from '../gaussian/simplex.ts'
import { MOST_SOBOL, sobolPoint } from '../sobol.ts'
import { fromUnit, toUnit } from '../space.ts'
import type { SearchMethod, Study, ToldTrial, Trial } from '../study.ts'
import { leastOf, toldOf } from '../study.ts'
import { randomPoint } from './random.ts'

/** Trials before the first model, a dimension: the start and Sobol' points. */
const FIRST = 2
/** Trials that the process is made of: the best half and the latest; its cost grows with the cube. */
const MOST_TRIALS = 240
/** The hyperparameters are fitted again when there is so much more to fit. */
const REFIT = 1.06
/** Where expected improvement is looked at before the best places are refined. */
const CANDIDATES = 600
const NEAR = { best: 4, each: 40, reach: 0.05 }
const REFINED = { places: 3, evaluations: 90 }

/**
 * What values are made of the told: above the median of the first trials, which lie all over the space, they are drawn together, so that what is hopeless decides
 * nothing. The median of all would come down with the search until every other valley looks hopeless.
 */
function observed(
  trials: readonly ToldTrial[],
  first: number,
): { readonly values: Float64Array; readonly noise: Float64Array } {
  const finite = trials.map(({ outcome }) => outcome.value).filter(Number.isFinite)
  const sorted = finite.slice(0, first).toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)]
  const scale = Math.max(median - sorted[0], Number.MIN_VALUE)
  const worst = Math.max(...finite)
  const warped = (value: number) => {
    const over = ((Number.isFinite(value) ? value : worst) - median) / scale
    return over > 0 ? Math.log1p(over) : over
  }
  const errors = trials.map(({ outcome: { standardError } }) => (standardError ?? 0) ** 2)
  const known = errors.filter((error) => error > 0)
  const mean = known.reduce((sum, error) => sum + error, 0) / Math.max(1, known.length)
  return {
    values: Float64Array.from(trials, ({ outcome }) => warped(outcome.value)),
    // Within a factor of 30, so that one lucky estimate of an error does not make a value certain.
    noise: Float64Array.from(errors, (error) =>
      mean > 0 && error > 0 ? Math.min(30, Math.max(1 / 30, error / mean)) : 1,
    ),
  }
}

/** Trials of whole measurements that the process is made of. */
function modelled(trials: readonly Trial[]): ToldTrial[] {
  const told = toldOf(trials).filter(({ share }) => share === 1)
  if (told.length <= MOST_TRIALS) return told
  const latest = told.slice(-MOST_TRIALS / 2)
  const others = told.slice(0, -MOST_TRIALS / 2).toSorted((a, b) => a.outcome.value - b.outcome.value)
  const kept = new Set([...others.slice(0, MOST_TRIALS / 2), ...latest])
  return told.filter((trial) => kept.has(trial))
}

/** Fits, by what they were fitted to: made again they are the same, so this is only time saved. */
const fits = new Map<string, Hyperparameters>()
const MOST_FITS = 64

function observationsOf(space: Study['space'], trials: readonly ToldTrial[]): Observations {
  return { points: trials.map(({ point }) => toUnit(space, point)), ...observed(trials, FIRST * (space.length + 1)) }
}

/** Hyperparameters of as many of the first trials as there were when they were last fitted. */
function hyperparameters({ space }: Study, trials: readonly ToldTrial[]): Hyperparameters {
  let count = Math.min(trials.length, FIRST * (space.length + 1))
  while (Math.max(count + 1, Math.floor(count * REFIT)) <= trials.length) {
    count = Math.max(count + 1, Math.floor(count * REFIT))
  }
  const fitted = observationsOf(space, trials.slice(0, count))
  const key = JSON.stringify([fitted.points, [...Array.from(fitted.values)]])
  const known = fits.get(key)
  if (known) return known
  const found = fitHyperparameters(fitted)
  if (fits.size >= MOST_FITS) fits.clear()
  fits.set(key, found)
  return found
}

function processOf(study: Study): { readonly model: GaussianProcess; readonly told: readonly ToldTrial[] } | null {
  const told = modelled(study.trials)
  if (told.filter(({ outcome }) => Number.isFinite(outcome.value)).length < 2) return null
  const at = hyperparameters(study, told)
  const seen = observationsOf(study.space, told)
  const model = new GaussianProcess(seen, at)
  const open = study.trials.filter(({ outcome }) => outcome === null).map(({ point }) => toUnit(study.space, point))
  if (open.length === 0) return { model, told }
  const believed: Observations = {
    points: [...seen.points, ...open],
    values: [...Array.from(seen.values), ...open.map((point) => model.predict(point).mean)],
    noise: [...Array.from(seen.noise), ...open.map(() => 1)],
  }
  return { model: new GaussianProcess(believed, at), told }
}

const clamped = (u: readonly number[]): number[] => u.map((v) => Math.min(1, Math.max(0, v)))

export const bayesianSearch: SearchMethod = {
  name: 'bayesian',

  propose(study) {
    const { space, seed, start, trials } = study
    const index = trials.length
    if (index === 0) return { point: start }
    const spread = (i: number) =>
      space.length <= MOST_SOBOL ? fromUnit(space, sobolPoint(i, space.length, seed)) : randomPoint(study, i)
    if (index < FIRST * (space.length + 1)) return { point: spread(index) }
    const known = processOf(study)
    if (!known) return { point: spread(index) }
    const { model, told } = known
    const means = told.map(({ point }) => model.predict(toUnit(space, point)).mean)
    const incumbent = effectiveBest(study, model, told)
    const best = model.predict(toUnit(space, incumbent.point)).mean
    const worth = (u: readonly number[]) => logAugmentedImprovement(model.predict(u), best, model.noise)
    const places = candidates(study, told, means).map((u) => ({ u, gain: worth(u) }))
    places.sort((a, b) => b.gain - a.gain)
    const refined = places.slice(0, REFINED.places).map(({ u, gain }) => {
      const { evaluations } = REFINED
      const found = clamped(simplexMinimum((x) => -worth(clamped(x)), { start: u, step: 0.03, evaluations }))
      return { u: found, gain: Math.max(gain, worth(found)) }
    })
    const [first, ...rest] = refined
    return { point: fromUnit(space, rest.reduce((top, one) => (one.gain > top.gain ? one : top), first).u) }
  },

  best(study) {
    const known = processOf(study)
    if (!known) return leastOf(study.trials)
    const { model, told } = known
    return effectiveBest(study, model, told)
  },
}

/** Of the points that were tried the one of least mean and deviation together: what is known to be good, not what may be. */
function effectiveBest({ space }: Study, model: GaussianProcess, told: readonly ToldTrial[]): ToldTrial {
  const finite = told.filter(({ outcome }) => Number.isFinite(outcome.value))
  const worth = finite.map(({ point }) => {
    const { mean, deviation } = model.predict(toUnit(space, point))
    return mean + deviation
  })
  return finite[worth.indexOf(Math.min(...worth))]
}

/** Points over the whole cube, and near the best that were tried. */
function candidates({ space, seed, trials }: Study, told: readonly ToldTrial[], means: readonly number[]): number[][] {
  const stream = randomStream({ seed, purpose: 'search.candidates', step: trials.length })
  const wide = Array.from({ length: CANDIDATES }, () => space.map(() => stream.uniform()))
  const order = [...told.keys()].sort((a, b) => means[a] - means[b]).slice(0, NEAR.best)
  const near = order.flatMap((i) => {
    const centre = toUnit(space, told[i].point)
    return Array.from({ length: NEAR.each }, () => {
      const step = stream.normal(new Float64Array(space.length))
      return clamped(centre.map((u, j) => u + NEAR.reach * step[j]))
    })
  })
  return [...wide, ...near]
}
