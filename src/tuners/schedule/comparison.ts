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
import { evaluationsEach } from '../classGuidance.ts'
import { defaultSettings, planOf, rankDefaults, rankingCost, sharedOn } from './candidates.ts'
import { comparedBy, comparedValue } from './compared.ts'
import { atOtherSteps } from './families.ts'
import type { Job } from './job.ts'
import { teachingCost } from './objectives/cost.ts'
import { rowMeasures } from './objectives/rowMeasures.ts'
import type { Decision, DefaultCandidate, SampleGrid, StepsCurve } from './result.ts'
import type { MeasuredRow, RowProtocol, SamplingPlan } from './rows.ts'
import { imagesOfPlan, measureRow } from './rows.ts'
import { openDenoiser, trainedHere } from './subject.ts'
import type { LearnedSchedules } from './tuning.ts'

/** Times the learned schedule's evaluations that the row with many default steps takes. */
export const MANY = 5
/** Rows at the evaluations of the learned number of steps: default and best default; start and learned. */
const DEFAULT_ROWS = 2
const LEARNED_ROWS = 2
/** Images per row of the sample grid. */
const GRID_IMAGES = 20
/** Sampling seed of the grids. */
const GRID_SEED = 7

export type RowName = 'default' | 'bestDefault' | 'start' | 'manySteps' | 'learned'

/** Deployed weights that rows are measured at; null: foreign. */
export interface States {
  /** Before tuning. */
  readonly start: NetworkState | null
  readonly learned: NetworkState | null
  readonly default: NetworkState | null
}

/** What is compared. */
export interface Sides {
  /** What is there without tuning. */
  readonly start: SamplingPlan
  readonly learned: LearnedSchedules
  readonly states: States
  /** The defaults, where they are ranked at the default side's network already: it is the same before tuning and after. */
  readonly defaults: readonly DefaultCandidate[] | null
}

export interface Comparison {
  readonly candidates: readonly DefaultCandidate[]
  readonly rows: Readonly<Record<RowName, MeasuredRow>>
  readonly plans: Readonly<Record<RowName, SamplingPlan>>
  /** Of the first sampling seed; null: not asked for. */
  readonly ceiling: MeasuredRow | null
  readonly grids: readonly SampleGrid[]
  readonly bySteps: readonly StepsCurve[]
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

/** Network evaluations of the teacher's images in the rows of one network. */
const taughtPerNetwork = (settings: Job['settings']): number =>
  settings.objective === 'fid' ? 0 : teachingCost(settings, settings.evaluationSamples * settings.samplingSeeds.length)

/**
 * Network evaluations of the comparison, all of it.
 * @param networks how many networks there are in its rows: the default side's, the learned side's, and the one before tuning, where they differ
 * @param kept     what is returned, once that is decided: of the best default there is nothing at other numbers of steps
 */
export function comparisonCost(
  job: Pick<Job, 'settings' | 'schedule' | 'data'>,
  networks: number,
  kept: Decision['kept'] = 'learned',
): number {
  const { settings, schedule } = job
  const { samplingSteps: n, evaluationSamples, samplingSeeds } = settings
  const many = Math.min(MANY * networkEvaluations(settings, n), schedule.timesteps)
  const equal = DEFAULT_ROWS * defaultSteps(job, n) + LEARNED_ROWS * networkEvaluations(settings, n)
  const seeds = samplingSeeds.length
  const rows = (equal * seeds + many * (settings.otherSteps ? seeds : 1)) * evaluationSamples
  const learned = kept === 'learned' && atOtherSteps(settings.samplingFamily, schedule, n) !== null
  const curve = otherSteps(job)
    .map((steps) => defaultSteps(job, steps) + (learned ? networkEvaluations(settings, steps) : 0))
    .reduce((sum, evaluations) => sum + evaluations * evaluationSamples, 0)
  // Before tuning, where there is a search; and at the default side's network, where that is another one.
  const rankings = settings.learn === 'sampling' ? Math.min(2, networks) : 1
  const ceiling = (ceilingPlan(job)?.schedule.levels.length ?? 0) * evaluationSamples
  const sampled = ceiling + rows + curve + (equal + many) * GRID_IMAGES
  return evaluationsEach(settings) * sampled + rankings * rankingCost(job) + networks * taughtPerNetwork(settings)
}

/** Networks in the rows: one that is not trained here; else the default side's, which trained on, and the learned side's, perhaps before tuning too. */
export const networksOf = ({ subject, settings: { learn } }: Pick<Job, 'subject' | 'settings'>): number =>
  trainedHere(subject) === null ? 1 : learn === 'sampling' ? 2 : 3

/** Steps of default DDIM, an evaluation each, at the evaluations of so many learned steps, as far as the schedule has them. */
export const defaultSteps = ({ settings, schedule }: Pick<Job, 'settings' | 'schedule'>, steps: number): number =>
  Math.min(stepsWithin({ sampler: DEFAULT_SAMPLER }, networkEvaluations(settings, steps)), schedule.timesteps)

/** Half and twice the learned number of steps, where the schedule has them. */
const otherSteps = ({ settings, schedule }: Pick<Job, 'settings' | 'schedule'>): number[] =>
  settings.otherSteps
    ? [Math.floor(settings.samplingSteps / 2), 2 * settings.samplingSteps].filter(
        (steps) => steps >= 2 && steps <= schedule.timesteps,
      )
    : []

/** Default DDIM on the trailing list. */
export function defaultPlan({ schedule, settings }: Job, steps: number, label: string): SamplingPlan {
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
  const { learned, states } = sides
  const { subject, settings, device, features, judge, heldOut: reference, condition, signal } = job
  const protocol: RowProtocol = {
    features,
    judge,
    reference,
    measures: rowMeasures(job, settings.evaluationSamples),
    samplesPerSeed: settings.evaluationSamples,
    samplingSeeds: settings.samplingSeeds,
    ...(condition && { condition }),
    ...(signal && { signal }),
    onEvaluations: progress.onEvaluations,
  }
  const opened = { ...settings, ...(device && { device }) }
  const other = await openDenoiser(subject, states.default, opened)
  const own = states.learned === states.default ? other : await openDenoiser(subject, states.learned, opened)
  // Where the network was trained while tuning, it began as another one.
  const first = states.start === states.learned ? own : await openDenoiser(subject, states.start, opened)
  const denoiserOf = (name: string) => (name === 'start' ? first : name.startsWith('learned') ? own : other).denoiser
  const taught = new Set<Denoiser>()
  const measured = async (name: string, plan: SamplingPlan, how: RowProtocol): Promise<MeasuredRow> => {
    const known = progress.rows[name]
    // The teacher's images are made with the first row of each network, and again where a job goes on.
    if (!taught.has(denoiserOf(name))) progress.onEvaluations(taughtPerNetwork(settings))
    taught.add(denoiserOf(name))
    // A run that is over may go on with other sampling seeds: then its rows are measured with those.
    if (known?.seeds?.join() === how.samplingSeeds.join()) {
      progress.onEvaluations(
        evaluationsEach(settings) * evaluationsOf(plan) * how.samplesPerSeed * how.samplingSeeds.length,
      )
      return known
    }
    const row = await measureRow(denoiserOf(name), plan, how)
    await progress.onRow(name, row)
    return row
  }
  try {
    const candidates = await candidatesOf(job, sides, other.denoiser, progress)
    const plans = plansOf(job, sides, candidates[0])
    const once = { ...protocol, samplingSeeds: settings.samplingSeeds.slice(0, 1) }
    // The best default may be where tuning starts, and what it returns: one plan at one network is measured once.
    const sameAsBest = (name: RowName) => {
      const [own, best] = [plans[name], plans.bestDefault]
      const isSame = isEqualPlan(own, best)
      return (name === 'start' || name === 'learned') && denoiserOf(name) === other.denoiser && isSame
    }
    const relabelled = (row: MeasuredRow | undefined, plan: SamplingPlan, how: RowProtocol): MeasuredRow => {
      if (!row) throw internalError('the best default was to be measured first')
      progress.onEvaluations(
        evaluationsEach(settings) * evaluationsOf(plan) * how.samplesPerSeed * how.samplingSeeds.length,
      )
      const { label, stepList } = plan
      return { ...row, row: { ...row.row, label, stepList } }
    }
    const rows: Partial<Record<RowName, MeasuredRow>> = {}
    const grids: SampleGrid[] = []
    for (const name of ['default', 'bestDefault', 'start', 'learned', 'manySteps'] as const) {
      const how = name === 'manySteps' && !settings.otherSteps ? once : protocol
      rows[name] = sameAsBest(name)
        ? relabelled(rows.bestDefault, plans[name], how)
        : await measured(name, plans[name], how)
      grids.push(await gridOf(denoiserOf(name), plans[name], protocol))
    }
    const all = rows as Record<RowName, MeasuredRow>
    const bySteps = await curvesOf(job, learned, all, (name, plan) => measured(name, plan, once))
    const ceiling = ceilingPlan(job)
    return {
      candidates,
      rows: all,
      plans,
      ceiling: ceiling && (await measured('ceiling', ceiling, once)),
      grids,
      bySteps,
    }
  } finally {
    await other.close()
    if (own !== other) await own.close()
    if (first !== own) await first.close()
  }
}

/** Whether two plans sample the same images from the same noise. */
const isEqualPlan = (a: SamplingPlan, b: SamplingPlan): boolean =>
  JSON.stringify([a.schedule, a.settings]) === JSON.stringify([b.schedule, b.settings])

/** DDPM on the trailing list, at as many of the asked steps as there are. */
function ceilingPlan({ settings, schedule }: Pick<Job, 'settings' | 'schedule'>): SamplingPlan | null {
  if (settings.ceilingSteps === null) return null
  const steps = Math.min(settings.ceilingSteps, schedule.timesteps)
  return {
    label: `ceiling: DDPM, ${steps} steps`,
    stepList: 'trailing',
    schedule: samplingScheduleFrom(schedule, 'trailing', steps),
    settings: defaultSettings('ddpm', sharedOn(schedule, settings)),
  }
}

/** Every default, the best first: ranked before tuning at the same network, or now, or before the job was cut off. */
async function candidatesOf(
  job: Job,
  { defaults, states }: Sides,
  denoiser: Denoiser,
  progress: ComparisonProgress,
): Promise<readonly DefaultCandidate[]> {
  if (defaults && states.start === states.default) return defaults
  progress.onEvaluations(rankingCost(job))
  if (progress.candidates) return progress.candidates
  const { samplingSteps: steps } = job.settings
  const candidates = await rankDefaults(job, denoiser, (candidate) =>
    job.onEvent?.({ kind: 'candidate', steps, objective: comparedBy(job), ...candidate }),
  )
  await progress.onCandidates(candidates)
  return candidates
}

/** What is compared on the held-out split. */
function plansOf(job: Job, { learned, start }: Sides, winner: DefaultCandidate): Record<RowName, SamplingPlan> {
  const { settings, schedule } = job
  const n = settings.samplingSteps
  const best = planOf(job, winner)
  const many = Math.min(MANY * networkEvaluations(settings, n), schedule.timesteps)
  const own = defaultSteps(job, n)
  return {
    default: defaultPlan(job, own, `default DDIM, ${own} steps`),
    bestDefault: { ...best, label: `best default, ${best.schedule.levels.length} steps` },
    start: { ...start, label: `start, not tuned, ${start.schedule.levels.length} steps` },
    learned: learnedPlan(learned, learned.sampling),
    manySteps: defaultPlan(job, many, `default DDIM, ${many} steps`),
  }
}

function learnedPlan({ settings }: LearnedSchedules, schedule: SamplingSchedule): SamplingPlan {
  const label = `learned, ${schedule.levels.length} steps`
  return { label, stepList: 'learned', schedule, settings }
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
  const point = ({ row }: MeasuredRow) => ({
    steps: networkEvaluations(row, row.steps),
    value: comparedValue(job, row),
  })
  const defaults = [point(rows.default), point(rows.manySteps)]
  const learnt = [point(rows.learned)]
  for (const steps of otherSteps(job)) {
    const own = defaultSteps(job, steps)
    defaults.push(point(await measured(`default ${own}`, defaultPlan(job, own, `default DDIM, ${own} steps`))))
    const sampling = learned.atSteps(steps)
    if (sampling) learnt.push(point(await measured(`learned ${steps}`, learnedPlan(learned, sampling))))
  }
  const sorted = (points: typeof defaults) => points.toSorted((a, b) => a.steps - b.steps)
  return [
    { label: 'default DDIM', points: sorted(defaults) },
    { label: 'learned', points: sorted(learnt) },
  ]
}
