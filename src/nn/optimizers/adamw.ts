/** AdamW: Adam with weight decay apart from the gradient (Loshchilov, Hutter, ICLR 2019), PyTorch's arithmetic. */
import { mul, sub } from '../../graph/index.ts'
import type { MomentOptions } from './moments.ts'
import { MOMENT_SLOTS, momentStep, resolveMoments, unitSteps } from './moments.ts'
import type { Optimizer } from './optimizer.ts'
import { checkRange } from './optimizer.ts'

export interface AdamWOptions extends MomentOptions {
  /** Weights are multiplied by 1 - learningRate * weightDecay before the step. Default .01, as in PyTorch. */
  readonly weightDecay?: number
}

/** AdamW. @throws `nn.optimizer` if a number is outside its range */
export function adamw(options: AdamWOptions = {}): Optimizer {
  const { weightDecay = 0.01 } = options
  checkRange('weightDecay', weightDecay, 0, Number.POSITIVE_INFINITY)
  const moments = resolveMoments(options)
  return {
    name: 'adamw',
    slots: MOMENT_SLOTS,
    momentum: moments.beta1,
    momentumSlot: 'firstMoment',
    unitSteps: (slots, step) => unitSteps(slots, step, moments),
    update(args) {
      const { weights, learningRate } = args
      const decayed = weightDecay === 0 ? weights : mul(weights, sub(1, mul(learningRate, weightDecay)))
      return momentStep({ ...args, weights: decayed }, moments)
    },
  }
}
