/** Learning rates as pure functions of the step, from plain descriptions that config files hold. Steps count from 0. */
import { inputError } from '../base/index.ts'

/** Warm-up, then constant: any moment is a fair stop. */
export interface ConstantRate {
  readonly kind: 'constant'
  readonly rate: number
  /** The rate grows linearly over the first steps: rate (step + 1)/warmUpSteps. Default 0: none. */
  readonly warmUpSteps?: number
}

/** Warm-up times a half cosine from `rate` at step 0 to `floor` x `rate` at `steps`. */
export interface CosineRate {
  readonly kind: 'cosine'
  readonly rate: number
  readonly steps: number
  readonly warmUpSteps?: number
  /** Last rate as a fraction of the first, in [0, 1]. Default 0. */
  readonly floor?: number
}

/** One cycle (Smith, Topin 2018) with PyTorch's arithmetic: cosine from rate/25 up to `rate`, then down to rate/250,000. */
export interface OneCycleRate {
  readonly kind: 'one-cycle'
  /** The largest rate. */
  readonly rate: number
  readonly steps: number
  /** Fraction of the steps spent rising. Default .3. */
  readonly rise?: number
  /** rate / first rate. Default 25. */
  readonly startDivisor?: number
  /** First rate / last rate. Default 1e4. */
  readonly endDivisor?: number
}

export type LearningRateConfig = ConstantRate | CosineRate | OneCycleRate
export type LearningRate = (step: number) => number

/** The rate at each step. Beyond `steps` the last rate holds. @throws `nn.learningRate` on a number outside its range */
export function learningRate(config: LearningRateConfig): LearningRate {
  check(config.rate > 0 && Number.isFinite(config.rate), `a learning rate must be above 0, got ${config.rate}`)
  switch (config.kind) {
    case 'constant': {
      const warmUp = warmUpOf(config.warmUpSteps)
      return (step) => config.rate * warmUp(step)
    }
    case 'cosine':
      return cosine(config)
    case 'one-cycle':
      return oneCycle(config)
    default:
      throw inputError(
        'nn.learningRate',
        `a learning rate must be constant, cosine or one-cycle, got ${JSON.stringify(config)}`,
      )
  }
}

function check(holds: boolean, message: string): void {
  if (!holds) throw inputError('nn.learningRate', message)
}

function warmUpOf(steps = 0): (step: number) => number {
  check(Number.isInteger(steps) && steps >= 0, `warmUpSteps must be an integer of at least 0, got ${steps}`)
  return (step) => (steps === 0 ? 1 : Math.min(1, (step + 1) / steps))
}

function cosine({ rate, steps, warmUpSteps, floor = 0 }: CosineRate): LearningRate {
  check(Number.isInteger(steps) && steps > 0, `steps must be an integer above 0, got ${steps}`)
  check(floor >= 0 && floor <= 1, `floor must be in [0, 1], got ${floor}`)
  const warmUp = warmUpOf(warmUpSteps)
  return (step) => rate * warmUp(step) * annealed(1, floor, Math.min(1, step / steps))
}

function oneCycle({ rate, steps, rise = 0.3, startDivisor = 25, endDivisor = 1e4 }: OneCycleRate): LearningRate {
  check(Number.isInteger(steps) && steps > 1, `steps must be an integer above 1, got ${steps}`)
  check(rise > 0 && rise < 1 && rise * steps > 1, `rise must be in (0, 1) and hold more than one step, got ${rise}`)
  check(startDivisor >= 1 && endDivisor >= 1, `divisors must be at least 1, got ${startDivisor} and ${endDivisor}`)
  const start = rate / startDivisor
  const top = rise * steps - 1
  const last = steps - 1
  return (step) =>
    step <= top
      ? annealed(start, rate, step / top)
      : annealed(rate, start / endDivisor, Math.min(1, (step - top) / (last - top)))
}

/** Half a cosine from `from` at 0 to `to` at 1. */
function annealed(from: number, to: number, progress: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * progress))) / 2
}
