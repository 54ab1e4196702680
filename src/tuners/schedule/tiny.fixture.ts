/** The smallest job there is: 4x4 images of two kinds, a perceptron, and classifiers with random weights as feature network and judge. */
import { BilevelError, randomStream } from '../../base/index.ts'
import type { Dataset, Split } from '../../data/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { classifierFeatures, classifierParameters } from '../../metrics/index.ts'
import type { NetworkState } from '../../nn/index.ts'
import { flatSize, initialVector, mlp, unflatten } from '../../nn/index.ts'
import type { LearnSettings } from './settings/index.ts'
import { LEARN_DEFAULTS } from './settings/index.ts'

export const SHAPE = [1, 4, 4] as const
const PIXELS = 16

function split(purpose: string, count: number): Split {
  const random = randomStream({ seed: 1, purpose })
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2)
  const images = Float32Array.from({ length: count * PIXELS }, (_, i) => {
    const bright = Number(i % 4 < 2) === labels[Math.floor(i / PIXELS)]
    return (bright ? 0.6 : -0.6) + 0.6 * (random.uniform() - 0.5)
  })
  return { shape: SHAPE, count, images, labels }
}

/** Left half bright or right half bright. */
export const tinyData: Dataset = {
  name: 'halves',
  shape: SHAPE,
  splits: { train: split('train', 40), tuning: split('tuning', 32), heldOut: split('held-out', 32) },
  classes: ['left', 'right'],
  provenance: { source: 'synthetic', rule: 'drawn apart', sha256: '0' },
}

export const tinyNetwork = mlp({ image_shape: [...SHAPE], hidden: [12], time_width: 8 })

/** Weights moved off the start, so that nothing is 0. */
export function tinyState(network = tinyNetwork, seed = 2): NetworkState {
  const noise = randomStream({ seed, purpose: 'test' }).normal(new Float32Array(flatSize(network.parameters)))
  const weights = initialVector(network.parameters, seed).map((weight, i) => weight + 0.1 * noise[i])
  return { weights, statistics: initialVector(network.statistics, seed) }
}

/** A smooth nonlinear feature network of five features that is a classifier too. */
export function tinyFeatures(seed = 3): Promise<FeatureNetwork> {
  const config = { imageShape: SHAPE, widths: [3, 4], kernels: [3, 3], features: 5, classes: 2 } as const
  const parameters = classifierParameters(config)
  const weights = unflatten(
    parameters,
    initialVector(parameters, seed).map((weight) => 2.5 * weight),
  )
  return classifierFeatures({ config, weights, name: `random-${seed}`, hash: `${seed}`, batch: 24 })
}

export const tinySettings: LearnSettings = {
  ...LEARN_DEFAULTS,
  samplingFamily: 'cosine',
  // One start, so that what is not about the search is not the search's time.
  start: 'trailing',
  sampler: 'ddim',
  samplingSteps: 4,
  timesteps: 40,
  trainSteps: 5,
  batch: 8,
  warmUpSteps: 2,
  iterations: 2,
  tuningSamples: 12,
  lowerSteps: 1,
  twinSteps: 2,
  z: true,
  candidateSamples: 12,
  evaluationSamples: 12,
  samplingSeeds: [11, 12],
  chunk: 8,
  seed: 5,
}

/** One job of each mode, each with something that is not the default. */
export const TINY_MODES: readonly (Pick<LearnSettings, 'learn'> & Partial<LearnSettings>)[] = [
  { learn: 'sampling', sampler: 'dpm-solver++', samplingFamily: 'levels+times' },
  { learn: 'tied' },
  { learn: 'both', estimator: 'two-point', freshSamples: true },
]

/** The error that an action ends in. */
export async function errorOf(action: Promise<unknown>): Promise<BilevelError> {
  const error: unknown = await action.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof BilevelError) return error
  throw new Error(`expected a BilevelError, got ${error}`)
}
