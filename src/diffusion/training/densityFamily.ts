/**
 * Densities of log-SNR as an upper variable: mean and width. A share of the levels that a draw has stays, its level moves with them, and with the level what
 * the network is told and what the loss counts; the code, by which models are sampled, stays as it is.
 */
import type { ParameterBox } from '../schedules/families/family.ts'
import { parameterBox } from '../schedules/families/family.ts'
import type { NoiseFamily } from '../schedules/families/noiseParameters.ts'
import { dNoiseDLogSnr, dSignalDLogSnr, flowLevelOfLogSnr, levelOfLogSnr } from '../schedules/level.ts'
import type { LogSnrDensity } from '../schedules/logSnrDensity.ts'
import { cutDensity } from '../schedules/logSnrDensity.ts'
import type { LossDraw } from './forward.ts'
import { pullBackToLogSnr } from './forward.ts'
import type { LowerGradient } from './trainer.ts'

/** Densities of one name and code. */
export interface DensityFamily extends ParameterBox {
  readonly density: LogSnrDensity
  /** Of [mean, width]. */
  toSchedule(vector: ArrayLike<number>): LogSnrDensity
}

/** The densities about one, which is where learning starts: means up to 4 from its own, widths from a fifth to five times its own. */
export function densityFamily(density: LogSnrDensity): DensityFamily {
  const { name, code, mean, width } = density
  const entries = [
    { name: 'mean', initial: mean, low: mean - 4, high: mean + 4, scale: 0.5 },
    { name: 'width', initial: width, low: width / 5, high: width * 5, scale: width / 5 },
  ]
  return {
    ...parameterBox(entries),
    density,
    toSchedule: (vector) => cutDensity({ name, code, mean: vector[0], width: vector[1] }),
  }
}

/** What a training schedule is learned in: the T levels of a noise family, or a density. */
export type TrainingFamily = NoiseFamily | DensityFamily

/** Cotangent of the vector from the loss's derivatives at the levels of a draw. */
export function pullBackDraw(
  family: TrainingFamily,
  vector: ArrayLike<number>,
  { times, shares }: Pick<LossDraw, 'times' | 'shares'>,
  { dSignal, dNoise, dLogSnr }: LowerGradient,
): Float64Array {
  if (!('density' in family)) {
    const all = pullBackToLogSnr(family.toSchedule(vector), times, dSignal, dNoise, dLogSnr)
    return family.pullBack(vector, all)
  }
  const density = family.toSchedule(vector)
  const levelOf = density.code.path === 'flow' ? flowLevelOfLogSnr : levelOfLogSnr
  const sums = new Float64Array(2)
  for (const [i, share] of shares.entries()) {
    const level = levelOf(density.logSnr(share))
    const slope = dSignal[i] * dSignalDLogSnr(level) + dNoise[i] * dNoiseDLogSnr(level) + (dLogSnr?.[i] ?? 0)
    const { mean, width } = density.slopes(share)
    sums[0] += slope * mean
    sums[1] += slope * width
  }
  return sums
}
