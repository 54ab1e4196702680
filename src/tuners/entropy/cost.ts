/**
 * What an entropy strength job takes at most, in network evaluations, from its settings alone: a prediction 1, its derivative 2. The search and its
 * confirmation take no more than `maxEvaluations`, unless the first look alone does; the trade-off curve and the grids come on top.
 */
import { searchPlaces } from './run.ts'
import { MOST_BASINS } from './search/basins.ts'
import { REPETITIONS } from './search/curve.ts'
import { GRIDS, PARTICLES_PER_IMAGE } from './search/grids.ts'
import type { MethodName } from './search/methods.ts'
import { BASE_ITEMS, FIRST_REPETITIONS, MOST_NODES } from './search/methods.ts'
import type { EntropySettings } from './settings.ts'

export interface EntropyCost {
  readonly total: number
  /** Of them in vector-Jacobian products, the recomputed forward pass included. */
  readonly derivative: number
}

/** Evaluations of a guided step, and those of them that are its derivative's. */
const GUIDED_STEP = 3
const DERIVATIVE = 2

/** Points of the curve beside its own: the chosen lambda, and the base model. */
const MORE_POINTS = 2

/** @param evaluations of the network that an image takes unguided */
export function entropyCost(settings: EntropySettings, evaluations: number): EntropyCost {
  const { target, through, maxEvaluations, curvePoints, curvePaths, gridImages, particles } = settings
  const methods = possibleMethods(settings)
  const perPath = through === 'network' ? GUIDED_STEP * evaluations : evaluations
  const guided = methods.some((method) => !UNGUIDED.includes(method))
  const search = Math.max(maxEvaluations, ...methods.map((method) => firstLook(method, settings, evaluations, perPath)))
  const paths = (curvePoints + MORE_POINTS) * curvePaths * (guided ? perPath : evaluations)
  const populations = methods.includes('smc') ? (curvePoints + 1) * REPETITIONS * particles * evaluations : 0
  const grids =
    target === 'guided'
      ? GRIDS * gridImages * perPath
      : (1 + (GRIDS - 1) * PARTICLES_PER_IMAGE) * gridImages * evaluations
  const inPaths = guided ? search + paths + (target === 'guided' ? grids : 0) : 0
  return {
    total: search + paths + populations + grids,
    derivative: through === 'network' ? (inPaths * DERIVATIVE) / GUIDED_STEP : 0,
  }
}

/** What the search draws whatever it may take: below so many network evaluations it has nothing to say. */
export function leastEvaluations(settings: EntropySettings, evaluations: number): number {
  const perPath = settings.through === 'network' ? GUIDED_STEP * evaluations : evaluations
  return Math.max(...possibleMethods(settings).map((method) => firstLook(method, settings, evaluations, perPath)))
}

/** Those that take no derivative. */
const UNGUIDED: readonly MethodName[] = ['importance', 'smc']

/** What may come to be used. */
function possibleMethods({ target, estimator }: EntropySettings): readonly MethodName[] {
  if (estimator !== 'auto') return [estimator]
  return target === 'guided' ? ['paired-differences', 'score-function'] : ['paths', 'smc']
}

/** The look over the range and the first stretch, which are drawn whatever they take. */
function firstLook(method: MethodName, settings: EntropySettings, evaluations: number, perPath: number): number {
  const { explorePaths, particles, target } = settings
  // Where valleys are compared, each of them once more.
  const places = searchPlaces(settings) + MOST_NODES + MOST_BASINS
  if (method === 'importance') return BASE_ITEMS * explorePaths * evaluations
  if (method !== 'smc') return places * explorePaths * perPath
  return places * FIRST_REPETITIONS * particles * (target === 'penalty' ? 2 : 1) * evaluations
}
