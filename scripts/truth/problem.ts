/** A problem of finding lambda whose answer quadrature knows: data with an exact denoiser, a chased reward r2 and a judge r1. */
import type { Curve } from './lineLaw.ts'
import type { Data } from './mixture.ts'
import type { Surface } from './planeLaw.ts'
import type { ChainSampler } from './steps.ts'

/** Independent coordinates, one or two, and r2 the sum of a reward of each. The images are those points turned by `angle`, as a whole. */
export interface Coordinates {
  readonly kind: 'coordinates'
  readonly data: readonly Data[]
  readonly chased: readonly Curve[]
  /** Default 0; two coordinates only. */
  readonly angle?: number
}

/** Data of the plane that are no product. */
export interface Plane {
  readonly kind: 'plane'
  readonly data: Data
  readonly chased: Surface
}

export interface TruthProblem {
  /** Letters, digits and dashes. */
  readonly name: string
  readonly space: Coordinates | Plane
  /** r1 of a point before it is turned; v is 0 on a line. */
  readonly judge: (u: number, v: number) => number
  readonly steps: number
  readonly sampler: ChainSampler
  readonly target: 'guided' | 'tilt' | 'penalty'
  /** Penalty constant; read by target `penalty` alone. */
  readonly gamma: number
  readonly estimator: 'auto' | 'importance'
  readonly lambdaRange: readonly [number, number]
}

/** Steps are guided where alphaBar is above this. */
export const MINIMUM_ALPHA_BAR = 2e-3
