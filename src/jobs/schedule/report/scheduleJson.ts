/** The result as one plain object: what `--json` prints, and what the report carries inside for other programs. */
import type { SolverNumbers } from '../../../diffusion/index.ts'
import type { MeanAndStandardError } from '../../../metrics/index.ts'
import type { ObjectiveName, ScheduleResult, ScheduleRow } from '../../../tuners/index.ts'
import { toldValue } from '../../../tuners/index.ts'
import type { HeldOutContext, ReportContext } from '../../reporting/context.ts'
import { namedValue } from '../namedValue.ts'
import { toldMean } from './measure.ts'

/** A value of the objective under its name. */
type NamedValue = { readonly [name in ObjectiveName]?: number }

type NamedValueOrNull = { readonly [name in ObjectiveName]?: number | null }

type Estimate = { readonly mean: number; readonly standardError: number | null }

type CurvesJson = readonly {
  readonly label: string
  readonly points: readonly (Estimate & { readonly steps: number })[]
}[]

/** What is said of every row. */
interface RowJson {
  readonly label: string
  /** Null without data. */
  readonly fid: Estimate | null
  /** The objective as it is told (a reward is the more the better); absent with objective fid. */
  readonly objective?: Estimate
  /** Absent but with objective reward. */
  readonly teacherDistance?: Estimate
  readonly judgeFid: Estimate | null
  readonly recognised: number | null
  readonly inceptionScore: number | null
  readonly kid: number | null
  readonly precision: number | null
  readonly recall: number | null
  readonly diversity: number | null
  readonly sampler: string
  readonly steps: number
  readonly stepList: string
}

/** What came out at one number of steps. */
interface StepsJson {
  readonly samplingSteps: number
  readonly default: RowJson
  readonly bestDefault: RowJson
  readonly learned: RowJson
  readonly ceiling: RowJson | null
  readonly overBestDefault: Estimate
  /** Null: nothing was decided. */
  readonly kept: 'learned' | 'start' | null
  readonly stillMoving: boolean
}

/** Fréchet distances are in the features of `featureNetwork`, `judgeFid` in those of `judgeNetwork`; gains are other minus learned. */
export interface ScheduleJson {
  readonly preset: string | null
  readonly seed: number
  readonly learn: ScheduleResult['learn']
  readonly sampler: string
  readonly samplingSteps: number
  /** Absent: fid. */
  readonly objective?: { readonly name: string; readonly words: string | null; readonly comparedBy: string }
  readonly featureNetwork: string | null
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
  /** DDPM with many steps, one sampling seed; null: not measured. */
  readonly ceiling: RowJson | null
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
  /** Under the name of the objective, as it is told: `fid`, `teacher`, `reward`. */
  readonly candidates: readonly ({
    readonly sampler: string
    readonly stepList: string
    /** Images it was found on; those of different numbers do not compare. */
    readonly samples: number
  } & NamedValue)[]
  /** Starts that were tried, the best first; the objective before tuning, null where there was no choice. */
  readonly starts: readonly ({ readonly name: string; readonly samples: number } & NamedValueOrNull)[]
  /** Those of them that were tuned, with the objective of every iteration. */
  readonly tuned: readonly {
    readonly name: string
    readonly won: boolean
    readonly values: readonly (number | null)[]
  }[]
  /** What was kept, and the difference that decided, best default minus learned, as it is minimised; null: nothing was decided. */
  readonly decision: {
    readonly kept: 'learned' | 'start'
    readonly images: number
    readonly difference: Estimate
  } | null
  /** Whether the objective was still falling at the last iteration. */
  readonly stillMoving: boolean
  /** Where rows are compared by FID. */
  readonly fidBySteps?: CurvesJson
  /** Of the objective as it is told, where rows are compared by that. */
  readonly bySteps?: CurvesJson
  /** Every number of steps that a schedule was learned for; what stands above is of the first. */
  readonly steps: readonly StepsJson[]
  readonly networkEvaluations: ScheduleResult['networkEvaluations']
  /** Beside them: those by which the given model was tried and its convention found. */
  readonly checkingEvaluations: number
  /** Seconds of the whole job; `secondsOf` by phase. */
  readonly seconds: number
  readonly secondsOf: Omit<ScheduleResult['seconds'], 'total'>
  readonly peakMemoryMiB: number | null
  readonly run: string
}

/**
 * @param context which run, which preset, the peak memory
 * @param all     the result at every number of steps, this one among them
 */
export function scheduleJson(
  result: ScheduleResult,
  context: ReportContext,
  all: readonly ScheduleResult[] = [result],
): ScheduleJson {
  const { default: byDefault, bestDefault, start, manySteps, learned, gain, schedule, seconds } = result
  const { total, ...secondsOf } = seconds
  const rowOf = (row: ScheduleRow) => rowJson(result.objective, row)
  const judgeFid = (row: ScheduleRow) => row.judgeFid && estimate(row.judgeFid)
  return {
    preset: context.preset,
    seed: result.seed,
    learn: result.learn,
    sampler: result.sampler,
    samplingSteps: result.samplingSteps,
    ...(result.objective !== 'fid' && {
      objective: { name: result.objective, words: result.objectiveWords, comparedBy: result.comparedBy },
    }),
    featureNetwork: result.featureNetwork,
    judgeNetwork: result.judgeNetwork,
    judgeAccuracy: judgeAccuracy(context),
    protocol: result.protocol,
    heldOut: context.heldOut ?? { known: true, leftOut: { tuning: 0, heldOut: 0 } },
    default: rowOf(byDefault),
    bestDefault: rowOf(bestDefault),
    start: rowOf(start),
    manySteps: rowOf(manySteps),
    learned: {
      ...rowOf(learned),
      schedule: {
        family: schedule.family,
        parameters: schedule.parameters,
        timesteps: schedule.sampling.timesteps,
        levels: schedule.sampling.levels.map(({ logSnr }) => logSnr),
        times: schedule.sampling.times,
        ...(schedule.sampling.solver && { solver: schedule.sampling.solver }),
      },
    },
    ceiling: result.ceiling && rowOf(result.ceiling),
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
    candidates: result.candidates.map(({ sampler, stepList, value, samples }) => ({
      sampler,
      stepList,
      samples,
      ...namedValue(result.comparedBy, value),
    })),
    starts: result.starts.map(({ name, value, samples }) => ({
      name,
      samples,
      ...namedValue(result.objective, value),
    })),
    tuned: result.tuned.map(({ name, won, values }) => ({
      name,
      won,
      values: values.map((value) => value && toldValue(result.objective, value)),
    })),
    decision: result.decision && {
      kept: result.decision.kept,
      images: result.decision.images,
      difference: estimate(result.decision.difference),
    },
    stillMoving: result.stillMoving,
    [result.comparedBy === 'fid' ? 'fidBySteps' : 'bySteps']: result.bySteps.map(({ label, points }) => ({
      label,
      points: points.map(({ steps, value }) => ({
        steps,
        ...estimate(toldMean(result.comparedBy, value)),
      })),
    })),
    steps: all.map(stepsJson),
    networkEvaluations: result.networkEvaluations,
    checkingEvaluations: context.checking ?? 0,
    seconds: total,
    secondsOf,
    peakMemoryMiB: context.peakMemoryMiB,
    run: context.run,
  }
}

function stepsJson(result: ScheduleResult): StepsJson {
  const { objective, samplingSteps, decision, stillMoving, gain, ceiling } = result
  return {
    samplingSteps,
    default: rowJson(objective, result.default),
    bestDefault: rowJson(objective, result.bestDefault),
    learned: rowJson(objective, result.learned),
    ceiling: ceiling && rowJson(objective, ceiling),
    overBestDefault: estimate(gain.overBestDefault),
    kept: decision?.kept ?? null,
    stillMoving,
  }
}

const judgeAccuracy = ({ judgeKnowledge }: ReportContext) =>
  judgeKnowledge ? { accuracy: judgeKnowledge.accuracy, images: judgeKnowledge.images } : null

const estimate = ({ mean, standardError }: MeanAndStandardError): Estimate => ({ mean, standardError })

function rowJson(name: ObjectiveName, { fid, judgeFid, objective, teacherDistance, ...row }: ScheduleRow): RowJson {
  return {
    ...row,
    fid: fid && estimate(fid),
    ...(objective && { objective: estimate(toldMean(name, objective)) }),
    ...(teacherDistance && { teacherDistance: estimate(teacherDistance) }),
    judgeFid: judgeFid && estimate(judgeFid),
  }
}
