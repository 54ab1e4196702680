/** The part Adam and AdamW share: moving first and second moments of the gradient and the step they give (Kingma, Ba 2015). */
import { tensor } from '../../base/index.ts'
import type { SymbolicTensor } from '../../graph/index.ts'
import { add, cast, constant, div, mul, pow, sqrt, sub } from '../../graph/index.ts'
import type { OptimizerArguments } from './optimizer.ts'
import { checkRange } from './optimizer.ts'

/** Decay of both moments and the number that keeps the division finite. PyTorch's defaults: .9, .999, 1e-8. */
export interface MomentOptions {
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
}

export const MOMENT_SLOTS = ['firstMoment', 'secondMoment'] as const

const double = (value: number) => constant(tensor('float64', [], Float64Array.of(value)))

/** 1 - beta^step, a float64 scalar: in float32 a beta of .999 leaves four good digits at the first step. */
function biasCorrection(beta: number, step: SymbolicTensor): SymbolicTensor {
  return sub(double(1), pow(double(beta), cast(step, 'float64')))
}

/** @throws `nn.optimizer` if a number is outside its range */
export function resolveMoments({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: MomentOptions): Required<MomentOptions> {
  checkRange('beta1', beta1, 0, 1)
  checkRange('beta2', beta2, 0, 1)
  checkRange('epsilon', epsilon, 0, Number.POSITIVE_INFINITY)
  return { beta1, beta2, epsilon }
}

/**
 * weights - learningRate mHat / (sqrt(vHat) + epsilon), with mHat = m/(1 - beta1^t), vHat = v/(1 - beta2^t). Both corrections are
 * taken out of the vectors: with c = sqrt(1 - beta2^t) the step is (learningRate c / (1 - beta1^t)) m / (sqrt(v) + c epsilon).
 */
export function momentStep(
  args: Pick<OptimizerArguments, 'weights' | 'gradient' | 'slots' | 'learningRate' | 'step'>,
  { beta1, beta2, epsilon }: Required<MomentOptions>,
) {
  const { weights, gradient, slots, learningRate, step } = args
  const first = add(mul(slots.firstMoment, beta1), mul(gradient, 1 - beta1))
  const second = add(mul(slots.secondMoment, beta2), mul(mul(gradient, gradient), 1 - beta2))
  const root = sqrt(biasCorrection(beta2, step))
  const size = div(mul(cast(learningRate, 'float64'), root), biasCorrection(beta1, step))
  const denominator = add(sqrt(second), cast(mul(root, double(epsilon)), 'float32'))
  return {
    weights: sub(weights, mul(div(first, denominator), cast(size, 'float32'))),
    slots: { firstMoment: first, secondMoment: second },
  }
}

/** 1 / (sqrt(vHat) + epsilon) on the host; 0 for weights that have seen no gradient above epsilon, which nothing moves. */
export function unitSteps(
  { secondMoment }: Readonly<Record<string, Float32Array>>,
  step: number,
  { beta2, epsilon }: Required<MomentOptions>,
): Float64Array {
  const correction = 1 - beta2 ** step
  return Float64Array.from(secondMoment, (v) => {
    const root = Math.sqrt(v / correction)
    return root > epsilon ? 1 / (root + epsilon) : 0
  })
}
