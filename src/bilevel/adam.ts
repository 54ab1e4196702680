/**
 * Adam on the upper variables (Kingma and Ba, arXiv 1412.6980), in float64 and in units of each parameter's step scale: u = v / scale, so one
 * rate serves parameters of different size. A pure function of (gradient, state).
 */

export interface AdamSettings {
  /** Step in units of scale. */
  readonly rate: number
  readonly beta1: number
  readonly beta2: number
  /** Added to the root of the second moment. Far below any gradient: those of F_gamma / gamma are small. */
  readonly epsilon: number
  /** Iterations over which the rate falls in a straight line to 0, or null: constant. */
  readonly decayOver: number | null
}

/** Rate .5 of a scale, falling linearly: moments short enough for some ten noisy iterations. */
export const ADAM_DEFAULTS: AdamSettings = { rate: 0.5, beta1: 0.7, beta2: 0.9, epsilon: 1e-30, decayOver: null }

/** Moments in units of scale, and the number of steps taken. */
export interface AdamState {
  readonly steps: number
  readonly first: Float64Array
  readonly second: Float64Array
}

export function adamInit(size: number): AdamState {
  return { steps: 0, first: new Float64Array(size), second: new Float64Array(size) }
}

/** One step: the displacement of the variables (to be added) and the new state. `gradient` is in the variables' own units. */
export function adamStep(
  gradient: Float64Array,
  state: AdamState,
  scale: Float64Array,
  settings: AdamSettings,
): { readonly displacement: Float64Array; readonly state: AdamState } {
  const { rate, beta1, beta2, epsilon, decayOver } = settings
  const steps = state.steps + 1
  const first = state.first.map((m, i) => beta1 * m + (1 - beta1) * gradient[i] * scale[i])
  const second = state.second.map((m, i) => beta2 * m + (1 - beta2) * (gradient[i] * scale[i]) ** 2)
  const now = decayOver === null ? rate : rate * Math.max(0, 1 - state.steps / decayOver)
  const displacement = first.map((m, i) => {
    const mean = m / (1 - beta1 ** steps)
    const root = Math.sqrt(second[i] / (1 - beta2 ** steps))
    return (-now * scale[i] * mean) / (root + epsilon)
  })
  return { displacement, state: { steps, first, second } }
}
