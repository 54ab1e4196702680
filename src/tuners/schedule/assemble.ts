/** The result of a schedule learning job at one number of steps, put together from what was learned, compared and spent. */
import { frechetDistance, pairedDifference, RECOGNISED_ABOVE, verdictsOf } from '../../metrics/index.ts'
import { finalSamples } from './candidates.ts'
import { comparedBy, gainOver } from './compared.ts'
import type { Comparison } from './comparison.ts'
import type { Job } from './job.ts'
import type { Ledger } from './ledger.ts'
import { imagesOfSplit } from './references.ts'
import type { Protocol, ScheduleCurve, ScheduleResult } from './result.ts'
import type { SamplingPlan } from './rows.ts'
import type { LearnedSchedules } from './tuning.ts'

/** What was learned at one number of steps, and where its search ended. */
export interface Learned {
  readonly job: Job
  readonly schedules: LearnedSchedules
  /** What is there without tuning. */
  readonly start: SamplingPlan
  readonly outcome: Pick<ScheduleResult, 'starts' | 'tuned' | 'history' | 'decision' | 'stillMoving'>
}

export async function assembled(
  { job, schedules: learned, outcome }: Learned,
  comparison: Comparison,
  ledger: Ledger,
): Promise<ScheduleResult> {
  const { settings, features, judge } = job
  const { rows, candidates, grids, bySteps } = comparison
  const { seconds } = ledger
  return {
    seed: settings.seed,
    learn: settings.learn,
    sampler: settings.sampler,
    samplingSteps: settings.samplingSteps,
    objective: settings.objective,
    objectiveWords: objectiveWords(job),
    comparedBy: comparedBy(job),
    featureNetwork: features?.name ?? null,
    judgeNetwork: judge?.name ?? null,
    protocol: protocolOf(job, ledger),
    default: rows.default.row,
    bestDefault: rows.bestDefault.row,
    start: rows.start.row,
    manySteps: rows.manySteps.row,
    learned: rows.learned.row,
    ceiling: comparison.ceiling?.row ?? null,
    gain: {
      overDefault: gainOver(job, rows.default, rows.learned),
      overBestDefault: gainOver(job, rows.bestDefault, rows.learned),
      overStart: gainOver(job, rows.start, rows.learned),
      overManySteps: gainOver(job, rows.manySteps, rows.learned),
      judgeOverDefault:
        rows.default.judgeFidBySeed && rows.learned.judgeFidBySeed
          ? pairedDifference(rows.default.judgeFidBySeed, rows.learned.judgeFidBySeed)
          : null,
    },
    real: await realRow(job),
    candidates,
    schedule: { family: learned.family, parameters: learned.parameters, sampling: learned.sampling },
    settings: learned.settings,
    ...outcome,
    curves: curvesOf(comparison),
    bySteps,
    grids,
    networkEvaluations: {
      learned: ledger.trainedSteps * ledger.stepCost + ledger.tuningEvaluations,
      default: job.trainer ? ledger.defaultSteps * ledger.stepCost : 0,
    },
    seconds: {
      training: seconds.train + seconds.continue,
      tuning: seconds.tune,
      evaluation: seconds.measure,
      total: seconds.train + seconds.tune + seconds.continue + seconds.measure,
    },
  }
}

/** What the objective compares with or asks. */
function objectiveWords({ settings, features, reward }: Job): string | null {
  const { objective, teacherSampler, teacherSteps, teacherList, teacherSpace, teacherSoft } = settings
  if (objective === 'fid') return null
  if (objective === 'reward') return reward?.name ?? null
  const space = teacherSpace === 'features' ? `features of ${features?.name}` : 'pixels'
  const soft = teacherSoft === null ? '' : `, start noise within ${teacherSoft} (root mean square) while tuning`
  return `${teacherSampler}, ${teacherSteps} steps on ${teacherList}, in ${space}${soft}`
}

function protocolOf(job: Job, ledger: Ledger): Protocol {
  const { settings, data, trainer } = job
  const { iterations, tuningSamples: samples, estimator } = settings
  return {
    data: data && `${data.name} (${data.provenance.source}): ${data.provenance.rule}`,
    heldOutImages: data?.splits.heldOut.count ?? 0,
    samplesPerSeed: settings.evaluationSamples,
    samplingSeeds: settings.samplingSeeds,
    trainingSteps: trainer
      ? {
          learned: ledger.stepsAt(settings.samplingSteps).tuning?.trained?.steps ?? ledger.trainedSteps,
          default: ledger.defaultSteps,
        }
      : { learned: 0, default: 0 },
    batch: settings.batch,
    tuning: { iterations, samples, estimator },
    bestDefaultChosenOn: `${finalSamples(settings)} generated images${comparedBy(job) === 'fid' ? ' against the tuning split' : ''}`,
    clip: settings.clip,
    clippedNoise: settings.clippedNoise,
    budget:
      'per image: forward 1, derivative in the input 1, derivative in the weights 1, recomputed forward counts; ' +
      'the default side trains on by what tuning costs, the choice among defaults is charged to neither',
  }
}

/** Real tuning images against held-out images: what a perfect model would score. */
async function realRow({ data, features, judge, heldOut }: Job): Promise<ScheduleResult['real']> {
  if (!data || !features || !heldOut) return null
  const tuning = imagesOfSplit(data.splits.tuning)
  const fid = frechetDistance(await features.features(tuning), heldOut.features).value
  if (!judge?.probabilities) return { fid, recognised: null }
  const { confidence } = verdictsOf(await judge.probabilities(imagesOfSplit(data.splits.heldOut)))
  const known = confidence.reduce((sum, value) => sum + Number(value > RECOGNISED_ABOVE), 0)
  return { fid, recognised: known / confidence.length }
}

function curvesOf({ plans }: Comparison): ScheduleCurve[] {
  return (['default', 'bestDefault', 'start', 'learned'] as const).map((name) => ({
    label: plans[name].label,
    logSnr: plans[name].schedule.levels.map(({ logSnr }) => logSnr),
    times: [...plans[name].schedule.times],
  }))
}
