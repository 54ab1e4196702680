/** What of a schedule learning job's settings the driver of its bilevel problem takes. */
import type { PenaltySettings } from '../../bilevel/index.ts'
import { estimatorByName, PENALTY_DEFAULTS } from '../../bilevel/index.ts'
import { learnedFamily } from '../../diffusion/index.ts'
import type { LearnSettings } from './settings/index.ts'

export function penaltySettings(settings: LearnSettings): PenaltySettings {
  const { estimator, delta, iterations, seed, upperRate, gamma, lowerSteps, twinSteps, z, emaDecay, freshSamples } =
    settings
  const { hypergradient } = settings
  const chosen = estimatorByName(estimator, estimator === 'backpropagation' ? {} : { delta })
  return {
    ...PENALTY_DEFAULTS,
    hypergradient,
    differenceBatches: DIFFERENCE_BATCHES,
    // what is deployed in the end is as many steps away
    linear: {
      ...PENALTY_DEFAULTS.linear,
      horizon: (iteration) => Math.max(1, (iterations - iteration) * (lowerSteps + twinSteps)),
    },
    gamma,
    // one-point only primes in the first iteration, where the pull is looked at
    refusePull: gamma !== 'auto' && z && chosen.name !== 'one-point',
    lowerSteps,
    twinSteps,
    pullEvery: Math.max(1, twinSteps),
    z,
    averageDecay: emaDecay,
    estimator: chosen,
    // The gradient that pulls z is in the weights; coordinate differences cannot give it.
    weightsEstimator: chosen.inWeights ? chosen : estimatorByName('backpropagation'),
    adam: { ...PENALTY_DEFAULTS.adam, rate: upperRate, decayOver: iterations, warmUp: warmUpOf(settings) },
    freshSamples,
    seed,
  }
}

/** One minibatch of 64 does not tell the difference of two networks so near from its noise. */
const DIFFERENCE_BATCHES = 32

/** Iterations before the first step of the schedule is whole. */
const WARM_UP = 4

/** Only where a start may be anywhere is it a good one; of few iterations, a third. */
const warmUpOf = (settings: LearnSettings): number =>
  settings.learn === 'sampling' && learnedFamily(settings.samplingFamily).startsAnywhere
    ? Math.min(WARM_UP, Math.floor(settings.iterations / 3))
    : 0
