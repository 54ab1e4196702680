/** The step of another sampler as numbers of the exponential step, where it is one: a search for a schedule starts at them. */
import type { Level } from '../schedules/level.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import type { SolverNumbers } from '../schedules/solverNumbers.ts'
import { coefficients, stepScalars } from './exponential.ts'
import type { SamplerSettings } from './settings.ts'
import { correctorScalars } from './uniPC.ts'

/**
 * Numbers at which the exponential step is the given sampler's on these levels, whatever the network says; null where it has none: samplers of another
 * order, and clipped images whose noise is kept.
 */
export function asExponential(
  { sampler, clip, clippedNoise, eta, variance, noisyLastStep }: SamplerSettings,
  { levels }: Pick<SamplingSchedule, 'levels'>,
): SolverNumbers | null {
  const all = (value: number) => Array.from({ length: levels.length - 1 }, () => value)
  const each = (tau: number, weight: number): SolverNumbers => ({ tau: all(tau), weight: all(weight) })
  switch (sampler) {
    case 'ddim':
      if (clip !== null && clippedNoise !== 'recompute') return null
      return { tau: all(0).map((_, i) => tauOf(eta, (levels[i + 1].logSnr - levels[i].logSnr) / 2)), weight: all(0) }
    case 'dpm-solver++':
      return each(0, 1)
    case 'ddpm':
      return variance === 'small' && clippedNoise === 'recompute' && !noisyLastStep ? each(1, 0) : null
    case 'sde-dpm-solver++':
      return each(1, 1)
    case 'unipc':
      return uniPCNumbers(levels)
    default:
      return null
  }
}

/** DDIM(eta): tau^2 = -log(1 - eta^2 (1 - e^-2h))/(2h). */
const tauOf = (eta: number, h: number): number => Math.sqrt(Math.log1p(eta * eta * Math.expm1(-2 * h)) / (-2 * h))

/**
 * UniPC's corrected state at a step is its predicted one and a combination of x0Hats that is 0 where they are equal. So the next predicted state is
 * carry x + gain D as well, D of coefficients with the sum 1: that of the step before is the weight's, earlier ones are the history's.
 */
function uniPCNumbers(levels: readonly Level[]): SolverNumbers {
  const weight: number[] = []
  const history: number[][] = []
  /** Corrected less predicted state, by x0Hat. */
  let correction: readonly number[] = [0]
  for (const [i, here] of levels.slice(0, -1).entries()) {
    if (i > 0) correction = correctionAt(levels, i, correction, { weight: weight[i - 1], row: history[i - 1] })
    const { carry, gain, omega } = stepScalars({ before: levels[i - 1], here, next: levels[i + 1], tau: 0, weight: 1 })
    const inD = Array.from({ length: i }, (_, j) => (carry.value * correction[j]) / gain.value)
    weight.push(i === 0 ? 1 : 1 - inD[i - 1] / omega.own)
    history.push(inD.map((value, j) => (j === i - 1 ? 0 : -value)))
  }
  return { tau: weight.map(() => 0), weight, history }
}

/** What the correction adds to the state of step i, by x0Hat of steps 0 to i, when the step before was predicted with these numbers. */
function correctionAt(
  levels: readonly Level[],
  i: number,
  before: readonly number[],
  { weight, row }: { readonly weight: number; readonly row: readonly number[] },
): number[] {
  const [u, v, here] = [levels[i - 2], levels[i - 1], levels[i]]
  const { carry, gain, newest, slope } = correctorScalars(u, v, here)
  const omega = stepScalars({ before: u, here: v, next: here, tau: 0, weight }).omega.value
  const predicted = coefficients(omega, row, i - 1)
  const correct = new Map([
    [i, newest.value],
    [i - 1, 1 - newest.value + slope.value],
    [i - 2, -slope.value],
  ])
  return Array.from(
    { length: i + 1 },
    (_, j) => carry.value * (before[j] ?? 0) + gain.value * ((correct.get(j) ?? 0) - (predicted.get(j) ?? 0)),
  )
}
