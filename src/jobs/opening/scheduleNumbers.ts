/** A way of sampling as reports hold it. */
import type { SolverNumbers } from '../../diffusion/index.ts'
import type { SamplingChoice } from './samplingChoice.ts'

/** A way of sampling in numbers. */
export interface ScheduleNumbers {
  readonly name: string
  readonly sampler: string
  readonly steps: number
  readonly eta: number
  readonly clip: readonly [number, number] | null
  /** log(signal^2/noise^2), noisiest first. */
  readonly levels: readonly number[]
  readonly times: readonly number[]
  /** Numbers of the exponential step; absent: none. */
  readonly solver?: SolverNumbers
}

export function scheduleNumbers({ name, schedule, settings, own }: SamplingChoice): ScheduleNumbers {
  const { eta } = settings
  const [sampler, clip] = own ? [`own steps of ${own.className}`, own.clean.clip] : [settings.sampler, settings.clip]
  const levels = schedule.levels.map(({ logSnr }) => logSnr)
  return {
    name,
    sampler,
    steps: levels.length,
    eta,
    clip,
    levels,
    times: schedule.times,
    ...(schedule.solver && { solver: schedule.solver }),
  }
}
