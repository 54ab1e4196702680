/** Stochastic gradient descent with heavy-ball momentum, PyTorch's arithmetic: b = momentum b + g; w = w - learningRate b. */
import type { Named } from '../../graph/index.ts'
import { add, mul, sub } from '../../graph/index.ts'
import type { Optimizer } from './optimizer.ts'
import { checkRange } from './optimizer.ts'

export interface SgdOptions {
  /** Default 0: plain descent, no moment vector. */
  readonly momentum?: number
  /** weightDecay * weights is added to the gradient. Default 0. */
  readonly weightDecay?: number
}

/** SGD. @throws `nn.optimizer` if a number is outside its range */
export function sgd({ momentum = 0, weightDecay = 0 }: SgdOptions = {}): Optimizer {
  checkRange('momentum', momentum, 0, 1)
  checkRange('weightDecay', weightDecay, 0, Number.POSITIVE_INFINITY)
  return {
    name: 'sgd',
    slots: momentum === 0 ? [] : ['momentum'],
    momentum,
    momentumSlot: momentum === 0 ? null : 'momentum',
    unitSteps: (_, __, parameters) => new Float64Array(parameters).fill(1 / (1 - momentum)),
    update({ weights, gradient, slots, learningRate }) {
      const penalised = weightDecay === 0 ? gradient : add(gradient, mul(weights, weightDecay))
      const direction = momentum === 0 ? penalised : add(mul(slots.momentum, momentum), penalised)
      const kept: Named = momentum === 0 ? {} : { momentum: direction }
      return { weights: sub(weights, mul(direction, learningRate)), slots: kept }
    },
  }
}
