/** What of a schedule learning job is done and what is spent, read off one growing checkpoint: so a resumed job goes on where it was. */
import { expectedCost } from '../../bilevel/index.ts'
import { rankingCost } from './candidates.ts'
import type { LearnCheckpoint, Phase, StepsCheckpoint } from './checkpoint.ts'
import { isBefore, LEARN_START, STEPS_START } from './checkpoint.ts'
import { comparisonCost, networksOf } from './comparison.ts'
import { scheduleProblemCost, scheduleTuningCost, trainingStepCost } from './cost.ts'
import type { Job } from './job.ts'
import { penaltySettings } from './penalty.ts'
import { reopened } from './reopen.ts'
import { hasStatistics } from './subject.ts'
import { equalSteps } from './training.ts'

/** All costs are in network evaluations of one image (METHOD's unit: forward 1, each derivative 1). */
export class Ledger {
  readonly #job: Job
  readonly #jobs: readonly Job[]
  #at: LearnCheckpoint
  /** Of rankings and comparisons that are over, made now or before. */
  #measured = 0
  /** Of a ranking or a screening that is under way, which is counted whole when it is over. */
  #underWay = 0
  #clock = Date.now()

  /** @param jobs the job at each number of steps, in the order in which they are tuned */
  constructor(job: Job, jobs: readonly Job[]) {
    this.#job = job
    this.#jobs = jobs
    this.#at = job.from ? reopened(job.from, job.settings) : LEARN_START
  }

  get at(): LearnCheckpoint {
    return this.#at
  }

  stepsAt(steps: number): StepsCheckpoint {
    return this.#at.steps[steps] ?? STEPS_START
  }

  async enter(phase: Phase): Promise<void> {
    this.#tick()
    if (isBefore(this.#at.phase, phase)) await this.save({ phase })
  }

  saveSteps(steps: number, part: Partial<StepsCheckpoint>): Promise<void> {
    return this.save({ steps: { ...this.#at.steps, [steps]: { ...this.stepsAt(steps), ...part } } })
  }

  async save(part: Partial<LearnCheckpoint>): Promise<void> {
    this.#tick()
    this.#at = { ...this.#at, ...part }
    await this.#job.onCheckpoint?.(this.#at)
  }

  /** Seconds by phase, up to now. */
  get seconds(): LearnCheckpoint['seconds'] {
    this.#tick()
    return this.#at.seconds
  }

  /** Counts a part of a ranking or a screening. */
  begin(evaluations: number): void {
    this.#underWay += evaluations
  }

  /** What was under way is over, and counted elsewhere: by the search, or here as `evaluations`. */
  over(evaluations = 0): void {
    this.#underWay = 0
    this.#measured += evaluations
  }

  /** A comparison that begins: `count` adds a part of it, `over` puts what the whole is worth in the place of the parts. */
  comparing(): { readonly count: (evaluations: number) => void; readonly over: (whole: number) => void } {
    const before = this.#measured
    return {
      count: (evaluations) => {
        this.#measured += evaluations
      },
      over: (whole) => {
        this.#measured = before + whole
      },
    }
  }

  get stepCost(): number {
    return trainingStepCost(this.#job.settings)
  }

  get trainedSteps(): number {
    return this.#at.shared?.training.step ?? 0
  }

  /** Steps of the default side: those it shares, and what tuning costs. */
  get defaultSteps(): number {
    return this.trainedSteps + equalSteps(this.#job, this.tuningEvaluations)
  }

  /** Of tuning at all numbers of steps, so far. */
  get tuningEvaluations(): number {
    return Object.values(this.#at.steps).reduce(
      (sum, { search, tuning }) => sum + (search?.evaluations ?? 0) + (tuning?.evaluations ?? 0),
      0,
    )
  }

  /** The same: what is spent where it is over, and what is planned elsewhere. */
  get #tuningCost(): number {
    const { subject } = this.#job
    return this.#jobs.reduce((sum, { settings, family }, neighbours) => {
      const { search, tuning } = this.stepsAt(settings.samplingSteps)
      if (search?.decision) return sum + search.evaluations
      const size = { parameters: family.names.length, statistics: hasStatistics(subject) }
      const planned = scheduleTuningCost(settings, size, neighbours).total
      if (!tuning) return sum + Math.max(planned, search?.evaluations ?? 0)
      const problem = scheduleProblemCost(settings, size)
      return sum + expectedCost(problem, penaltySettings(settings), settings.iterations, tuning)
    }, 0)
  }

  /** Of the comparison: the learned schedule stands at other numbers of steps too, unless the best default was kept. */
  get #comparisonCost(): number {
    return this.#jobs.reduce((sum, job) => sum + this.comparisonCostOf(job), 0)
  }

  /** Of the comparison at one number of steps, ranking included. */
  comparisonCostOf(job: Job): number {
    return comparisonCost(job, networksOf(job), this.stepsAt(job.settings.samplingSteps).search?.decision?.kept)
  }

  /** A best default that takes fewer evaluations than it may leaves less to do than was planned: the whole comparison, less a ranking that was counted. */
  comparisonLeft(job: Job): number {
    const ranked = this.stepsAt(job.settings.samplingSteps).defaults ? rankingCost(job) : 0
    return this.comparisonCostOf(job) - ranked
  }

  /** Reports what is done against the whole job. */
  progress(phase: Phase, detail: string): void {
    const { trainer, settings, onProgress } = this.#job
    const { shared, continued } = this.#at
    const cost = this.stepCost
    const steps = continued?.training.step ?? shared?.training.step ?? 0
    const done = steps * cost + this.tuningEvaluations + this.#measured + this.#underWay
    const allSteps = trainer
      ? Math.max(settings.trainSteps, this.trainedSteps) + equalSteps(this.#job, this.#tuningCost)
      : 0
    const total = allSteps * cost + this.#tuningCost + this.#comparisonCost
    onProgress?.({ phase, done, total, detail })
  }

  /** Adds the time since the last call to the phase. */
  #tick(): void {
    const now = Date.now()
    const { seconds, phase } = this.#at
    this.#at = { ...this.#at, seconds: { ...seconds, [phase]: seconds[phase] + (now - this.#clock) / 1000 } }
    this.#clock = now
  }
}
