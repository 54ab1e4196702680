/**
 * Adam on the host in float64, for the few numbers of an upper variable (a schedule, an entropy strength). Pure: `init` gives a
 * state, `update` a new one and the step to add; both states are plain data that a checkpoint can hold.
 */
import { inputError } from '../base/index.ts'

/** Moments and the number of updates done. */
export interface HostAdamState {
  readonly step: number
  readonly firstMoment: readonly number[]
  readonly secondMoment: readonly number[]
}

export interface HostAdamOptions {
  /** Decay of the mean gradient. Default .9. */
  readonly beta1?: number
  /** Decay of the mean square. Default .999. */
  readonly beta2?: number
  /** Keeps the division finite. Default 1e-8. */
  readonly epsilon?: number
}

export interface HostAdam {
  init(size: number): HostAdamState
  /**
   * The step -learningRate mHat / (sqrt(vHat) + epsilon), to be added to the variable, and the next state.
   * @throws `nn.optimizer` if the gradient has another length than the state
   */
  update(
    gradient: ArrayLike<number>,
    state: HostAdamState,
    learningRate: number,
  ): { readonly updates: Float64Array; readonly state: HostAdamState }
}

/** Adam in float64. @throws `nn.optimizer` if a number is outside its range */
export function hostAdam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: HostAdamOptions = {}): HostAdam {
  checkRange('beta1', beta1, 0, 1)
  checkRange('beta2', beta2, 0, 1)
  checkRange('epsilon', epsilon, 0, Number.POSITIVE_INFINITY)
  return {
    init: (size) => ({
      step: 0,
      firstMoment: new Array<number>(size).fill(0),
      secondMoment: new Array<number>(size).fill(0),
    }),
    update(gradient, state, learningRate) {
      const size = state.firstMoment.length
      if (gradient.length !== size) {
        throw inputError('nn.optimizer', `the gradient must have the state's ${size} elements, got ${gradient.length}`)
      }
      const step = state.step + 1
      const firstMoment = state.firstMoment.map((m, i) => beta1 * m + (1 - beta1) * gradient[i])
      const secondMoment = state.secondMoment.map((v, i) => beta2 * v + (1 - beta2) * gradient[i] ** 2)
      const updates = Float64Array.from(firstMoment, (m, i) => {
        const mHat = m / (1 - beta1 ** step)
        const vHat = secondMoment[i] / (1 - beta2 ** step)
        return -learningRate * (mHat / (Math.sqrt(vHat) + epsilon))
      })
      return { updates, state: { step, firstMoment, secondMoment } }
    },
  }
}

/** @throws `nn.optimizer` unless low <= value < high */
function checkRange(name: string, value: number, low: number, high: number): void {
  if (value >= low && value < high) return
  throw inputError('nn.optimizer', `${name} must be at least ${low} and below ${high}, got ${value}`)
}
