/** The result as one plain object: what `--json` prints, and what the report carries inside for other programs. */
import type { SolverNumbers } from '../../../diffusion/index.ts'
import type { MeanAndStandardError } from '../../../metrics/index.ts'
import type { ScheduleResult, ScheduleRow } from '../../../tuners/index.ts'
import type { HeldOutContext, ReportContext } from '../../reporting/context.ts'

type Estimate = { readonly mean: number; readonly standardError: number | null }

/** What is said of every row. */
interface RowJson {
  readonly label: string
  readonly fid: Estimate
  readonly judgeFid: Estimate | null
  readonly recognised: number | null
  readonly inceptionScore: number | null
  readonly diversity: number | null
  readonly sampler: string
  readonly steps: number
  readonly stepList: string
}

/** Fréchet distances are in the features of `featureNetwork`, `judgeFid` in those of `judgeNetwork`; gains are other minus learned. */
export interface ScheduleJson {
  readonly preset: string | null
  readonly seed: number
  readonly learn: ScheduleResult['learn']
  readonly sampler: string
  readonly samplingSteps: number
  readonly featureNetwork: string
  readonly judgeNetwork: string | null
  /** Share of labelled real images that the judge names rightly, and how many it was asked; null where it was not. */
  readonly judgeAccuracy: { readonly accuracy: number; readonly images: number } | null
  readonly protocol: ScheduleResult['protocol']
  /** Whether the model is known not to have seen the held-out images, and how many it has seen were left out of the splits. */
  readonly heldOut: HeldOutContext
  readonly default: RowJson
  readonly bestDefault: RowJson
  /** What tuning began with. */
  readonly start: RowJson
  readonly manySteps: RowJson
  readonly learned: RowJson & {
    readonly schedule: {
      readonly family: string
      readonly parameters: Readonly<Record<string, number>>
      readonly timesteps: number
      /** log(signal^2/noise^2), noisiest first. */
      readonly levels: readonly number[]
      readonly times: readonly number[]
      /** Numbers of the exponential step; absent: none. */
      readonly solver?: SolverNumbers
    }
  }
  readonly judgeFid: {
    readonly default: Estimate | null
    readonly bestDefault: Estimate | null
    readonly start: Estimate | null
    readonly learned: Estimate | null
    readonly manySteps: Estimate | null
  }
  readonly gain: {
    readonly overDefault: Estimate
    readonly overBestDefault: Estimate
    readonly overStart: Estimate
    readonly overManySteps: Estimate
    readonly judgeOverDefault: Estimate | null
  }
  readonly real: ScheduleResult['real']
  readonly candidates: ScheduleResult['candidates']
  readonly fidBySteps: readonly {
    readonly label: string
    readonly points: readonly (Estimate & { readonly steps: number })[]
  }[]
  readonly networkEvaluations: ScheduleResult['networkEvaluations']
  /** Seconds of the whole job; `secondsOf` by phase. */
  readonly seconds: number
  readonly secondsOf: Omit<ScheduleResult['seconds'], 'total'>
  readonly peakMemoryMiB: number | null
  readonly run: string
}

/** @param context which run, which preset, the peak memory */
export function scheduleJson(result: ScheduleResult, context: ReportContext): ScheduleJson {
  const { default: byDefault, bestDefault, start, manySteps, learned, gain, schedule, seconds } = result
  const { total, ...secondsOf } = seconds
  const judgeFid = (row: ScheduleRow) => row.judgeFid && estimate(row.judgeFid)
  return {
    preset: context.preset,
    seed: result.seed,
    learn: result.learn,
    sampler: result.sampler,
    samplingSteps: result.samplingSteps,
    featureNetwork: result.featureNetwork,
    judgeNetwork: result.judgeNetwork,
    judgeAccuracy: judgeAccuracy(context),
    protocol: result.protocol,
    heldOut: context.heldOut ?? { known: true, leftOut: { tuning: 0, heldOut: 0 } },
    default: rowJson(byDefault),
    bestDefault: rowJson(bestDefault),
    start: rowJson(start),
    manySteps: rowJson(manySteps),
    learned: {
      ...rowJson(learned),
      schedule: {
        family: schedule.family,
        parameters: schedule.parameters,
        timesteps: schedule.sampling.timesteps,
        levels: schedule.sampling.levels.map(({ logSnr }) => logSnr),
        times: schedule.sampling.times,
        ...(schedule.sampling.solver && { solver: schedule.sampling.solver }),
      },
    },
    judgeFid: {
      default: judgeFid(byDefault),
      bestDefault: judgeFid(bestDefault),
      start: judgeFid(start),
      learned: judgeFid(learned),
      manySteps: judgeFid(manySteps),
    },
    gain: {
      overDefault: estimate(gain.overDefault),
      overBestDefault: estimate(gain.overBestDefault),
      overStart: estimate(gain.overStart),
      overManySteps: estimate(gain.overManySteps),
      judgeOverDefault: gain.judgeOverDefault && estimate(gain.judgeOverDefault),
    },
    real: result.real,
    candidates: result.candidates,
    fidBySteps: result.fidBySteps.map(({ label, points }) => ({
      label,
      points: points.map(({ steps, fid }) => ({ steps, ...estimate(fid) })),
    })),
    networkEvaluations: result.networkEvaluations,
    seconds: total,
    secondsOf,
    peakMemoryMiB: context.peakMemoryMiB,
    run: context.run,
  }
}

const judgeAccuracy = ({ judgeKnowledge }: ReportContext) =>
  judgeKnowledge ? { accuracy: judgeKnowledge.accuracy, images: judgeKnowledge.images } : null

const estimate = ({ mean, standardError }: MeanAndStandardError): Estimate => ({ mean, standardError })

function rowJson({ fid, judgeFid, ...row }: ScheduleRow): RowJson {
  return { ...row, fid: estimate(fid), judgeFid: judgeFid && estimate(judgeFid) }
}
