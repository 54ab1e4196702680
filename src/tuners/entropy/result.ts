/** What tuning an entropy strength gives back: lambda with its interval, the trade-off behind it, and what it took. */
import type { SamplerSettings } from '../../diffusion/index.ts'
import type { MeanAndStandardError } from '../../metrics/index.ts'
import type { EntropyEstimator, EntropyTarget } from './settings.ts'

/** The chosen lambda. Not resolved is an outcome, not an error: `reason` says why and what to raise. */
export interface EntropyStrength {
  readonly value: number
  /** Ends of the interval where the gradient's 95 % interval contains 0; the ends of the range where nothing could be said. */
  readonly low: number
  readonly high: number
  /**
   * True: from paths drawn for nothing else, the objective falls towards low and high on either side, and high/low is within the tolerance;
   * or, at a `boundary`, it still rises there.
   */
  readonly resolved: boolean
  readonly reason: string | null
  /** Which end of the range is the optimum, where there is none inside: `low` is the smallest lambda. */
  readonly boundary: 'low' | 'high' | null
  /** Gradient in log lambda of F = -E r1 (penalty: of F_gamma) at the boundary; null where the optimum is inside. */
  readonly slope: MeanAndStandardError | null
}

/** What the images behind lambda say nothing of, and how large it would have to be to move lambda out of its interval. */
export interface Unseen {
  /** Rarest share of images that is told of at 95 %: 3/n of n images. */
  readonly share: number
  /** Largest r2 among them. */
  readonly highest: number
  /** r2 from which on images that rare would move lambda: the tilt gives them a weight of e^(r2/lambda). Null for `guided`. */
  readonly reward: number | null
  /** How far r1 of images that rare would have to lie from its mean. Null for `tilt` and `penalty`. */
  readonly judge: number | null
}

/** A quantity at the base model, at the chosen lambda and at the smallest lambda of the range, the strongest guidance. */
export interface AtThree {
  readonly base: MeanAndStandardError
  readonly tuned: MeanAndStandardError
  readonly lambdaMin: MeanAndStandardError
}

/** The trade-off at one lambda. */
export interface CurvePoint {
  readonly lambda: number
  readonly target: 'guided' | 'tilt'
  /** E r1. */
  readonly upper: MeanAndStandardError
  /** E r2. */
  readonly lower: MeanAndStandardError
  /** KL from the base model in nats: path-space (an upper bound) for `guided`, of the samples for `tilt`. */
  readonly kl: MeanAndStandardError
  /** Mean pairwise feature distance; null without features. */
  readonly diversity: MeanAndStandardError | null
  /** Of the weights; of populations of particles, the starts that they descend from. */
  readonly effectiveSampleSize: number
  /** Of the weights; null where there are none or too few to fit. */
  readonly paretoK: number | null
  /** Whether the numbers can be believed; the others are drawn grey. */
  readonly trusted: boolean
  /** Whether its images were drawn from the target at this very lambda; else they are weighted. */
  readonly drawn: boolean
}

/** One step of the search. */
export interface EntropyIteration {
  readonly iteration: number
  readonly phase: 'explore' | 'refine' | 'confirm'
  readonly lambda: number
  /** In log lambda, of what is minimised: negative means that a larger lambda is better. */
  readonly gradient: MeanAndStandardError
  /** Whether it is of weights that have collapsed: then its error bar means nothing. */
  readonly collapsed: boolean
  /** Paths (particles) behind the gradient. */
  readonly paths: number
  /** Network evaluations spent up to here. */
  readonly evaluations: number
}

/** Images [count, ...shape] in [-1, 1]; guided chains have the same start and step noise in each grid. */
export interface EntropyGrid {
  readonly label: 'base' | 'weak' | 'chosen' | 'strongest'
  /** Null: the base model. */
  readonly lambda: number | null
  readonly count: number
  readonly shape: readonly number[]
  readonly images: Float32Array
}

/** The result of `tuneEntropyStrength`. */
export interface EntropyResult {
  readonly seed: number
  readonly target: EntropyTarget
  /** The estimator that gave the interval. */
  readonly estimator: Exclude<EntropyEstimator, 'auto'>
  /** Penalty constant; null for the other targets. */
  readonly gamma: number | null
  readonly sampler: SamplerSettings
  readonly samplingSteps: number
  readonly lambdaRange: readonly [number, number]
  readonly tolerance: number
  readonly minimumAlphaBar: number
  readonly rewardName: string
  readonly judgeName: string
  /** Of the diversity; null without features. */
  readonly featureNetwork: string | null
  readonly entropyStrength: EntropyStrength
  /** Lambdas in other valleys of the range that are as good within errors. */
  readonly rivals: readonly number[]
  /** What was never drawn; null where nothing was confirmed. */
  readonly unseen: Unseen | null
  /** The end of the range beyond which to look for the optimum, as all gradients point there; null where they do not, or it was found inside. */
  readonly extend: 'low' | 'high' | null
  /** r1, of the target's own samples (`penalty`: of p*). */
  readonly upper: AtThree
  /** r2. */
  readonly lower: AtThree
  readonly diversity: AtThree | null
  /** At the chosen lambda, in nats. */
  readonly kl: { readonly value: number; readonly standardError: number | null; readonly kind: 'path' | 'tilt' }
  /** Of the numbers at the chosen lambda. */
  readonly effectiveSampleSize: number
  readonly paretoK: number | null
  readonly networkEvaluations: {
    readonly explore: number
    readonly refine: number
    readonly confirm: number
    readonly curve: number
    readonly total: number
  }
  /** Images that reward or judge gave no finite number: drawn again, or particles of weight 0. Absent: none. */
  readonly unrated?: number
  readonly curve: readonly CurvePoint[]
  readonly iterations: readonly EntropyIteration[]
  readonly grids: readonly EntropyGrid[]
  readonly seconds: number
}
