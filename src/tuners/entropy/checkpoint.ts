/**
 * Where an entropy strength job stands: every draw it made. A job is a pure function of its options and its draws, so one that goes on
 * takes again the decisions it took, reads the draws it has instead of drawing, and comes to the same numbers.
 */

/** The phases, in order. */
export const ENTROPY_PHASES = ['explore', 'refine', 'confirm', 'curve'] as const
export type EntropyPhase = (typeof ENTROPY_PHASES)[number]

/** What was drawn at one scale: `count` images of items `firstItem`.. and their numbers. */
export interface Draw {
  /** `paths`: guided, with A and B. `base`: the base sampler. `particles`: one repetition of sequential Monte Carlo. */
  readonly kind: 'paths' | 'base' | 'particles'
  readonly phase: EntropyPhase
  readonly scale: number
  readonly firstItem: number
  readonly count: number
  /** Particles: `upper` for the tilt by r2 + r1/gamma, else r2 alone. */
  readonly tilt: 'lower' | 'penalty'
  /** A_path and B_path; empty where they were not measured. */
  readonly a: Float64Array
  readonly b: Float64Array
  /** r1 and r2 of the final images. */
  readonly upper: Float64Array
  readonly lower: Float64Array
  /** Particles: normalised log weights and the estimate of log Z; else empty and 0. */
  readonly logWeights: Float64Array
  readonly logZ: number
  /** Particles: which start each descends from; else empty. */
  readonly ancestors: Int32Array
  /** Feature rows [count, dimensions]; empty where they were not asked for. */
  readonly features: Float32Array
  /** Images that reward or judge could not rate and that were drawn again; of particles, that have weight 0. Absent: none. */
  readonly unrated?: number
  /** Network evaluations it took. */
  readonly evaluations: number
}

export interface EntropyCheckpoint {
  readonly draws: readonly Draw[]
  /** Seconds spent so far. */
  readonly seconds: number
}
