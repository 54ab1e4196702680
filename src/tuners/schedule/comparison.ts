/**
 * The comparison: learned schedule against defaults, on the held-out split, the same sampling seeds in every row. Both sides have
 * spent the same number of network evaluations; the choice among defaults is charged to neither.
 */

import { internalError } from '../../base/index.ts'
import type { Denoiser, SamplingSchedule } from '../../diffusion/index.ts'
import {
  DEFAULT_SAMPLER,
  evaluationsOf,
  networkEvaluations,
  samplingScheduleFrom,
  stepsWithin,
} from '../../diffusion/index.ts'
import type { NetworkState } from '../../nn/index.ts'
import { defaultPlans, defaultSettings, rankPlans, sharedOn } from './candidates.ts'
import { atOtherSteps } from './families.ts'
import type { Job } from './job.ts'
import type { DefaultCandidate, SampleGrid, StepsCurve } from './result.ts'
import type { MeasuredRow, RowProtocol, SamplingPlan } from './rows.ts'
import { imagesOfPlan, measureRow } from './rows.ts'
import { learnedSampler } from './settings.ts'
import type { Start } from './start.ts'
import { denoises, openDenoiser } from './subject.ts'
import type { LearnedSchedules } from './tuning.ts'

/** Times the learned schedule's evaluations that the row with many default steps takes. */
export const MANY = 5
/** Rows at the evaluations of the learned number of steps: default and best default; start and learned. */
const DEFAULT_ROWS = 2
const LEARNED_ROWS = 2
/** Images per row of the sample grid. */
const GRID_IMAGES = 20
/** Sampling seed of the grids and of the search for the best default. */
const GRID_SEED = 7
const CANDIDATE_SEED = 5

export type RowName = 'default' | 'bestDefault' | 'start' | 'manySteps' | 'learned'

/** What the rows are measured at. */
export interface Sides {
  /** What tuning began with: the schedule before its first step, at the network before it. */
  readonly start: Start
  readonly learned: LearnedSchedules
  /** Deployed weights of the default side; null: foreign. */
  readonly defaultState: NetworkState | null
}

export interface Comparison {
  readonly candidates: readonly DefaultCandidate[]
  readonly rows: Readonly<Record<RowName, MeasuredRow>>
  readonly plans: Readonly<Record<RowName, SamplingPlan>>
  readonly grids: readonly SampleGrid[]
  readonly fidBySteps: readonly StepsCurve[]
}

/** What is there already of a comparison that was cut off, and where to put what is new. */
export interface ComparisonProgress {
  readonly candidates: readonly DefaultCandidate[] | null
  readonly rows: Readonly<Record<string, MeasuredRow>>
  onCandidates(candidates: readonly DefaultCandidate[]): Promise<void>
  onRow(name: string, row: MeasuredRow): Promise<void>
  /** Network evaluations made, or found made before. */
  onEvaluations(count: number): void
}

/** Network evaluations of the comparison, all of it. */
export function comparisonCost(job: Pick<Job, 'settings' | 'schedule'>): number {
  const { settings, schedule } = job
  const { samplingSteps: n, evaluationSamples, samplingSeeds, candidateSamples } = settings
  const candidates = defaultPlans(schedule, n, settings).reduce((sum, plan) => sum + evaluationsOf(plan), 0)
  const many = Math.min(MANY * networkEvaluations(settings, n), schedule.timesteps)
  const eachSeed = DEFAULT_ROWS * defaultSteps(job, n) + LEARNED_ROWS * networkEvaluations(settings, n) + many
  const rows = eachSeed * evaluationSamples * samplingSeeds.length
  const learned = atOtherSteps(settings.samplingFamily, schedule, n) !== null
  const curve = otherSteps(job)
    .map((steps) => defaultSteps(job, steps) + (learned ? networkEvaluations(settings, steps) : 0))
    .reduce((sum, evaluations) => sum + evaluations * evaluationSamples, 0)
  return candidates * candidateSamples + rows + curve + eachSeed * GRID_IMAGES
}

/** Steps of default DDIM, an evaluation each, at the evaluations of so many learned steps, as far as the schedule has them. */
const defaultSteps = ({ settings, schedule }: Pick<Job, 'settings' | 'schedule'>, steps: number): number =>
  Math.min(stepsWithin({ sampler: DEFAULT_SAMPLER }, networkEvaluations(settings, steps)), schedule.timesteps)

/** Half and twice the learned number of steps, where the schedule has them. */
const otherSteps = ({ settings: { samplingSteps }, schedule }: Pick<Job, 'settings' | 'schedule'>): number[] =>
  [Math.floor(samplingSteps / 2), 2 * samplingSteps].filter((steps) => steps >= 2 && steps <= schedule.timesteps)

/** Default DDIM on the trailing list. */
function defaultPlan({ schedule, settings }: Job, steps: number, label: string): SamplingPlan {
  const sampling = samplingScheduleFrom(schedule, 'trailing', steps)
  return {
    label,
    stepList: 'trailing',
    schedule: sampling,
    settings: defaultSettings(DEFAULT_SAMPLER, sharedOn(schedule, settings)),
  }
}

/** Measures all rows. */
export async function compare(job: Job, sides: Sides, progress: ComparisonProgress): Promise<Comparison> {
  const { learned, start, defaultState } = sides
  const { subject, settings, device, features, judge, heldOut: reference, condition, signal } = job
  const protocol: RowProtocol = {
    features,
    judge,
    reference,
    samplesPerSeed: settings.evaluationSamples,
    samplingSeeds: settings.samplingSeeds,
    ...(condition && { condition }),
    ...(signal && { signal }),
    onEvaluations: progress.onEvaluations,
  }
  const opened = { chunk: settings.chunk, ...(device && { device }) }
  const other = await openDenoiser(subject, defaultState, opened)
  const own = await openDenoiser(subject, learned.state, opened)
  // Where the network was trained while tuning, it began as another one.
  const first = start.state === learned.state ? own : await openDenoiser(subject, start.state, opened)
  const denoiserOf = (name: string) => (name === 'start' ? first : name.startsWith('learned') ? own : other).denoiser
  const measured = async (name: string, plan: SamplingPlan, how: RowProtocol): Promise<MeasuredRow> => {
    const known = progress.rows[name]
    if (known) {
      progress.onEvaluations(evaluationsOf(plan) * how.samplesPerSeed * how.samplingSeeds.length)
      return known
    }
    const row = await measureRow(denoiserOf(name), plan, how)
    await progress.onRow(name, row)
    return row
  }
  try {
    const candidates = await candidatesOf(job, other.denoiser, progress)
    const plans = plansOf(job, sides, candidates[0])
    const rows: Partial<Record<RowName, MeasuredRow>> = {}
    const grids: SampleGrid[] = []
    for (const name of ['default', 'bestDefault', 'start', 'learned', 'manySteps'] as const) {
      rows[name] = await measured(name, plans[name], protocol)
      grids.push(await gridOf(denoiserOf(name), plans[name], protocol))
    }
    const all = rows as Record<RowName, MeasuredRow>
    const once = { ...protocol, samplingSeeds: settings.samplingSeeds.slice(0, 1) }
    const fidBySteps = await curvesOf(job, learned, all, (name, plan) => measured(name, plan, once))
    return { candidates, rows: all, plans, grids, fidBySteps }
  } finally {
    await other.close()
    await own.close()
    if (first !== own) await first.close()
  }
}

/** Every default on the tuning split, the best first: found now, or before the job was cut off. */
async function candidatesOf(job: Job, denoiser: Denoiser, progress: ComparisonProgress) {
  const { subject, settings, schedule, features, tuningReference, condition, signal, onEvent } = job
  const plans = defaultPlans(schedule, settings.samplingSteps, settings, denoises(subject).times)
  if (progress.candidates) {
    progress.onEvaluations(plans.reduce((sum, plan) => sum + evaluationsOf(plan), 0) * settings.candidateSamples)
    return progress.candidates
  }
  const ranked = await rankPlans(denoiser, plans, {
    features,
    reference: tuningReference,
    samples: settings.candidateSamples,
    seed: CANDIDATE_SEED,
    ...(condition && { condition }),
    ...(signal && { signal }),
    onEvaluations: progress.onEvaluations,
  })
  const candidates = ranked.map(({ candidate }) => candidate)
  for (const candidate of candidates)
    await onEvent?.({ kind: 'candidate', steps: settings.samplingSteps, ...candidate })
  await progress.onCandidates(candidates)
  return candidates
}

/** What is compared on the held-out split. */
function plansOf(job: Job, { learned, start }: Sides, winner: DefaultCandidate): Record<RowName, SamplingPlan> {
  const { subject, settings, schedule } = job
  const n = settings.samplingSteps
  const best = defaultPlans(schedule, n, settings, denoises(subject).times).find(
    ({ settings: { sampler }, stepList }) => sampler === winner.sampler && stepList === winner.stepList,
  )
  if (!best) throw internalError('the best default is none of the defaults')
  const many = Math.min(MANY * networkEvaluations(settings, n), schedule.timesteps)
  const own = defaultSteps(job, n)
  return {
    default: defaultPlan(job, own, `default DDIM, ${own} steps`),
    bestDefault: { ...best, label: `best default, ${best.schedule.levels.length} steps` },
    start: {
      label: `start, not tuned, ${n} steps`,
      stepList: start.name,
      schedule: start.sampling,
      settings: learnedSampler(settings),
    },
    learned: learnedPlan(job, learned.sampling),
    manySteps: defaultPlan(job, many, `default DDIM, ${many} steps`),
  }
}

function learnedPlan({ settings }: Job, schedule: SamplingSchedule): SamplingPlan {
  const label = `learned, ${schedule.levels.length} steps`
  return { label, stepList: 'learned', schedule, settings: learnedSampler(settings) }
}

async function gridOf(denoiser: Denoiser, plan: SamplingPlan, protocol: RowProtocol): Promise<SampleGrid> {
  const images = await imagesOfPlan(denoiser, plan, { ...protocol, count: GRID_IMAGES, seed: GRID_SEED })
  const { label } = plan
  return { label, count: GRID_IMAGES, shape: images.shape.slice(1), images: Float32Array.from(images.data) }
}

/** Distance against number of steps: the rows there are, and half and twice the steps on the first sampling seed. */
async function curvesOf(
  job: Job,
  learned: LearnedSchedules,
  rows: Readonly<Record<RowName, MeasuredRow>>,
  measured: (name: string, plan: SamplingPlan) => Promise<MeasuredRow>,
): Promise<StepsCurve[]> {
  const point = ({ row: { sampler, steps, fid } }: MeasuredRow) => ({
    steps: networkEvaluations({ sampler }, steps),
    fid,
  })
  const defaults = [point(rows.default), point(rows.manySteps)]
  const learnt = [point(rows.learned)]
  for (const steps of otherSteps(job)) {
    const own = defaultSteps(job, steps)
    defaults.push(point(await measured(`default ${own}`, defaultPlan(job, own, `default DDIM, ${own} steps`))))
    const sampling = learned.atSteps(steps)
    if (sampling) learnt.push(point(await measured(`learned ${steps}`, learnedPlan(job, sampling))))
  }
  const sorted = (points: typeof defaults) => points.toSorted((a, b) => a.steps - b.steps)
  return [
    { label: 'default DDIM', points: sorted(defaults) },
    { label: 'learned', points: sorted(learnt) },
  ]
}
