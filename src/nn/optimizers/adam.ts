/** Adam (Kingma, Ba, ICLR 2015), PyTorch's arithmetic; weight decay, where asked for, is a term of the gradient. */
import { add, mul } from '../../graph/index.ts'
import type { MomentOptions } from './moments.ts'
import { MOMENT_SLOTS, momentStep, resolveMoments, unitSteps } from './moments.ts'
import type { Optimizer } from './optimizer.ts'
import { checkRange } from './optimizer.ts'

export interface AdamOptions extends MomentOptions {
  /** weightDecay * weights is added to the gradient. Default 0. */
  readonly weightDecay?: number
}

/** Adam. @throws `nn.optimizer` if a number is outside its range */
export function adam(options: AdamOptions = {}): Optimizer {
  const { weightDecay = 0 } = options
  checkRange('weightDecay', weightDecay, 0, Number.POSITIVE_INFINITY)
  const moments = resolveMoments(options)
  return {
    name: 'adam',
    slots: MOMENT_SLOTS,
    momentum: moments.beta1,
    momentumSlot: 'firstMoment',
    unitSteps: (slots, step) => unitSteps(slots, step, moments),
    update(args) {
      const { weights, gradient } = args
      const penalised = weightDecay === 0 ? gradient : add(gradient, mul(weights, weightDecay))
      return momentStep({ ...args, gradient: penalised }, moments)
    },
  }
}
