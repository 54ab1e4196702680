/**
 * Adam on the upper variables in units of each parameter's step scale, u = v / scale: one rate serves parameters of different size, and
 * the rate can rise in a straight line at first and fall in one to 0. The first step of Adam is that of a sign, as long as all others: from a
 * good start it leads away, unless it is short.
 */
import type { HostAdamState } from './hostAdam.ts'
import { hostAdam } from './hostAdam.ts'

export interface AdamSettings {
  /** Step in units of scale. */
  readonly rate: number
  readonly beta1: number
  readonly beta2: number
  /** Added to the root of the second moment. Far below any gradient: those of F_gamma / gamma are small. */
  readonly epsilon: number
  /** Iterations over which the rate falls in a straight line to 0, or null: constant. */
  readonly decayOver: number | null
  /** Steps before the rate is whole: of so many, step i has i/(n + 1) of it. 0: whole from the first. */
  readonly warmUp: number
}

/** Half a scale a step, and moments short enough for some ten noisy iterations. */
export const ADAM_DEFAULTS: AdamSettings = {
  rate: 0.5,
  beta1: 0.7,
  beta2: 0.9,
  epsilon: 1e-30,
  decayOver: null,
  warmUp: 0,
}

/** Moments in units of scale. */
export type AdamState = HostAdamState

/** The state before the first step of `size` parameters. */
export function adamInit(size: number): AdamState {
  return hostAdam().init(size)
}

/** One step: the displacement of the variables (to be added) and the new state. `gradient` is in the variables' own units. */
export function adamStep(
  gradient: Float64Array,
  state: AdamState,
  scale: Float64Array,
  { rate, beta1, beta2, epsilon, decayOver, warmUp }: AdamSettings,
): { readonly displacement: Float64Array; readonly state: AdamState } {
  const rising = Math.min(1, (state.step + 1) / (warmUp + 1))
  const falling = decayOver === null ? 1 : Math.max(0, 1 - state.step / decayOver)
  const now = rate * rising * falling
  const scaled = gradient.map((g, i) => g * scale[i])
  const { updates, state: next } = hostAdam({ beta1, beta2, epsilon }).update(scaled, state, now)
  return { displacement: updates.map((u, i) => u * scale[i]), state: next }
}
