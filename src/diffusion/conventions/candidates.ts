/** The conventions that a network is tried with: all that what it takes allows. */
import { flowSchedule } from '../schedules/flowSchedule.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import type { ToldTimes } from '../schedules/samplingSchedule.ts'
import type { ConventionPrediction, DenoiserConvention, StatedConvention, ToldTimeKind } from './convention.ts'
import { completed, PIXEL_RANGES, usualTime } from './convention.ts'
import { isWhole, sigmaSchedule } from './toldTime.ts'

/** A convention, and the levels that go with it. */
export interface Candidate {
  readonly convention: DenoiserConvention
  readonly trained: NoiseSchedule
  /** What the levels are, where they are none of the stated scheduler's. */
  readonly levels: string | null
}

/** A family of conventions that are called alike: what they predict, what they are told, in which ranges. */
interface Family {
  readonly predictions: readonly ConventionPrediction[]
  readonly times: readonly ToldTimeKind[]
  readonly ranges: typeof PIXEL_RANGES
  readonly levels: 'betas' | 'flow' | 'sigmas'
}

const FRACTIONS: readonly ToldTimeKind[] = ['index', 'fraction', 'reversed', 'reversed-fraction']

const FAMILIES: readonly Family[] = [
  {
    predictions: ['noise', 'sample', 'velocity'],
    times: ['index', 'from-one', 'fraction', 'reversed', 'reversed-fraction', 'log-snr', 'log-sigma'],
    ranges: PIXEL_RANGES,
    levels: 'betas',
  },
  { predictions: ['flow', 'flow-to-data'], times: FRACTIONS, ranges: PIXEL_RANGES.slice(0, 2), levels: 'flow' },
  { predictions: ['edm'], times: ['log-sigma', 'sigma'], ranges: PIXEL_RANGES.slice(0, 1), levels: 'sigmas' },
  {
    predictions: ['denoised'],
    times: ['sigma', 'log-sigma', 'index'],
    ranges: PIXEL_RANGES.slice(0, 2),
    levels: 'sigmas',
  },
]

/** The levels that a prediction is of. */
export const levelsOfPrediction = (prediction: ConventionPrediction): Family['levels'] =>
  FAMILIES.find(({ predictions }) => predictions.includes(prediction))?.levels ?? 'betas'

/**
 * Every convention that what is stated leaves open or contradicts. What is stated comes first, as it is by default where it leaves something open.
 * @param trained the levels that are stated
 * @param times what the network's input for the time takes
 */
export function candidatesOf(stated: StatedConvention, trained: NoiseSchedule, times: ToldTimes): readonly Candidate[] {
  const { sigmaData, timeScale, pixels } = stated
  const shared = { ...(sigmaData !== undefined && { sigmaData }), ...(timeScale !== undefined && { timeScale }) }
  const own = completed(stated, trained.path === 'flow' ? 'flow' : 'noise')
  const found = FAMILIES.flatMap((family) =>
    scheduleOptions(family, trained).flatMap((levels) =>
      family.predictions.flatMap((prediction) =>
        timesOf(family, stated, times).flatMap((time) =>
          rangesOf(family, pixels).map((range): Candidate => {
            return { convention: completed({ ...shared, prediction, time, pixels: range }), ...levels }
          }),
        ),
      ),
    ),
  )
  const key = ({ convention, levels }: Candidate) => JSON.stringify([convention, levels])
  const first = { convention: own, ...scheduleOptions({ levels: levelsOfPrediction(own.prediction) }, trained)[0] }
  const all = [first, ...found.toSorted((one, other) => strangeness(one) - strangeness(other))]
  return [...new Map(all.map((candidate) => [key(candidate), candidate])).values()]
}

/** Of equals the plainer one is taken. */
function strangeness({ convention: { pixels, time, prediction }, levels }: Candidate): number {
  const range = PIXEL_RANGES.findIndex((one) => one.join() === pixels.join())
  return (range === 0 ? 0 : 2) + (time === usualTime(prediction) ? 0 : 1) + (levels === null ? 0 : 1)
}

function timesOf({ times }: Family, { time, timeScale = 1 }: StatedConvention, takes: ToldTimes) {
  // A scale that is stated is that of what is told with it.
  if (timeScale !== 1) return [time ?? 'index']
  const all = time !== undefined && !times.includes(time) ? [...times, time] : times
  return takes === 'integer' ? all.filter(isWhole) : all
}

const rangesOf = ({ ranges }: Family, stated: StatedConvention['pixels']) =>
  stated === undefined || ranges.some((range) => range.join() === stated.join()) ? ranges : [stated, ...ranges]

/** The stated levels where they are of the family's kind; else those that such networks are trained on. */
function scheduleOptions({ levels }: Pick<Family, 'levels'>, trained: NoiseSchedule): Omit<Candidate, 'convention'>[] {
  const isFlow = trained.path === 'flow'
  if (levels === 'flow') {
    const timesteps = isFlow ? trained.timesteps - 1 : trained.timesteps
    return isFlow ? [{ trained, levels: null }] : [{ trained: flowSchedule(timesteps), levels: 'a flow' }]
  }
  if (!isFlow) return [{ trained, levels: null }]
  if (levels === 'sigmas') return [{ trained: sigmaSchedule(), levels: 'sigma .002 to 80' }]
  const timesteps = trained.timesteps - 1
  return (['linear', 'cosine'] as const).map((family) => ({
    trained: noiseSchedule({ family, timesteps }),
    levels: `${family} betas`,
  }))
}
