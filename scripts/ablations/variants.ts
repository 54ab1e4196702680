/** What of the search for a sampling schedule is changed, one thing at a time. */
import type { LearnSettings } from '../../src/tuners/index.ts'

export interface Variant {
  readonly name: string
  /** Which choice it is about. */
  readonly about: string
  readonly settings: Partial<LearnSettings>
}

const LEVELS: Partial<LearnSettings> = { free: ['levels'] }

/** The first is what the others are compared with. */
export const VARIANTS: readonly Variant[] = [
  { name: 'one start: the best default', about: '–', settings: {} },
  ...(['coordinate', 'two-point', 'one-point'] as const).map((estimator) => ({
    name: estimator,
    about: 'estimator',
    settings: { estimator },
  })),
  { name: 'levels alone', about: 'estimator, five numbers', settings: LEVELS },
  ...(['coordinate', 'two-point', 'one-point'] as const).map((estimator) => ({
    name: `levels alone, ${estimator}`,
    about: 'estimator, five numbers',
    settings: { ...LEVELS, estimator },
  })),
  { name: 'the same noise at every iteration', about: 'common random numbers', settings: { freshSamples: false } },
  ...[66, 96, 384].map((tuningSamples) => ({
    name: `${tuningSamples} images`,
    about: 'images of a distance',
    settings: { tuningSamples },
  })),
  ...(['level-power', 'cosine', 'levels'] as const).map((samplingFamily) => ({
    name: `${samplingFamily} of DPM-Solver++`,
    about: 'family',
    settings: { samplingFamily, free: null, sampler: 'dpm-solver++' as const },
  })),
  { name: 'levels and told times', about: 'family', settings: { free: ['levels', 'times'] } },
  ...[2, 4].map((starts) => ({ name: `${starts} starts`, about: 'starts', settings: { starts } })),
]
