/** Learned schedules of a shipped model against the best of all defaults, on many images of the held-out split. */
import { tensor } from '../../src/base/index.ts'
import type { Split } from '../../src/data/index.ts'
import { digits } from '../../src/data/index.ts'
import { loadModel, shippedModelFolder } from '../../src/diffusion/files/index.ts'
import type { FreeName, SamplingSchedule } from '../../src/diffusion/index.ts'
import { compileDenoiser, samplerSettings, samplingScheduleFrom } from '../../src/diffusion/index.ts'
import { digitFeatures, digitJudge } from '../../src/metrics/files/index.ts'
import { evaluationReference } from '../../src/metrics/index.ts'
import { learnSettings } from '../../src/tuners/index.ts'
import { planOf, rankDefaults } from '../../src/tuners/schedule/candidates.ts'
import { openJob } from '../../src/tuners/schedule/job.ts'
import { resampled } from '../../src/tuners/schedule/neighbour.ts'
import type { ScheduleRow } from '../../src/tuners/schedule/result.ts'
import type { MeasuredRow, SamplingPlan } from '../../src/tuners/schedule/rows.ts'
import { measureRow } from '../../src/tuners/schedule/rows.ts'
import { Search } from '../../src/tuners/schedule/search/search.ts'
import { SEARCH_START } from '../../src/tuners/schedule/search/state.ts'
import { learnedSampler } from '../../src/tuners/schedule/settings/index.ts'

/** What is asked of a row. */
export interface Effort {
  readonly images: number
  readonly samplingSeeds: readonly number[]
}

/** A row, as it is kept. */
export interface KeptRow extends ScheduleRow {
  readonly fidBySeed: readonly number[]
  readonly judgeFidBySeed: readonly number[]
}

const kept = ({ row, fidBySeed, judgeFidBySeed }: MeasuredRow): KeptRow => ({
  ...row,
  fidBySeed: fidBySeed ?? [],
  judgeFidBySeed: judgeFidBySeed ?? [],
})

/** What a search came to. */
export interface KeptSearch {
  readonly steps: number
  readonly free: readonly string[]
  readonly seed: number
  readonly row: KeptRow
  readonly kept: 'learned' | 'start' | null
  readonly start: string
  readonly schedule: SamplingSchedule
  readonly evaluations: number
  readonly seconds: number
}

const imagesOf = ({ images, count, shape }: Split) => tensor('float32', [count, ...shape], images)

/** A shipped model with all that measures it. */
export async function openShipped(name: 'digits-16' | 'digits-28', effort: Effort) {
  const size = name === 'digits-16' ? 16 : 28
  const [data, features, judge] = await Promise.all([digits({ size }), digitFeatures({ size }), digitJudge({ size })])
  const folder = shippedModelFolder(name)
  if (folder === null) throw new Error(`${name} is no shipped model`)
  const model = await loadModel(folder)
  const { network, state, noiseSchedule: schedule } = model
  const denoiser = await compileDenoiser({ network, state, batch: 64, binding: 'bound' })
  const reference = await evaluationReference(imagesOf(data.splits.heldOut), { features, judge })
  const condition = (item: number) => item % data.classes.length
  const { images: samplesPerSeed, samplingSeeds } = effort
  const protocol = { features, judge, reference, measures: null, samplesPerSeed, samplingSeeds, condition }
  const jobAt = (steps: number, free: readonly FreeName[], seed: number) =>
    openJob({
      subject: { kind: 'pretrained', network, state, schedule },
      data,
      features,
      judge,
      settings: learnSettings({ samplingSteps: steps, seed, free, iterations: 12 }),
    })
  return {
    /** The best default at so many steps, chosen on the tuning split. */
    async bestDefault(steps: number): Promise<KeptRow> {
      const job = await jobAt(steps, ['levels'], 0)
      const [best] = await rankDefaults(job, denoiser)
      return kept(await measureRow(denoiser, planOf(job, best), protocol))
    },
    /** DDPM on the trailing list. */
    async ceiling(steps: number): Promise<KeptRow> {
      const plan: SamplingPlan = {
        label: `DDPM, ${steps} steps`,
        stepList: 'trailing',
        schedule: samplingScheduleFrom(schedule, 'trailing', steps),
        settings: samplerSettings({ sampler: 'ddpm', clip: [-1, 1], clippedNoise: 'recompute' }),
      }
      return kept(await measureRow(denoiser, plan, { ...protocol, samplingSeeds: samplingSeeds.slice(0, 1) }))
    },
    async learned(steps: number, free: readonly FreeName[], seed: number): Promise<KeptSearch> {
      const began = Date.now()
      const job = await jobAt(steps, free, seed)
      const [best] = await rankDefaults(job, denoiser)
      const incumbent = planOf(job, best)
      const search = new Search(job, denoiser, incumbent)
      const state = await search.run(SEARCH_START)
      const seconds = (Date.now() - began) / 1000
      const found = search.found(state)
      const isKept = state.decision?.kept !== 'start'
      const plan: SamplingPlan = isKept
        ? {
            label: `learned, ${steps} steps`,
            stepList: 'learned',
            schedule: found.sampling,
            settings: learnedSampler(job.settings),
          }
        : incumbent
      return {
        steps,
        free,
        seed,
        row: kept(await measureRow(denoiser, plan, protocol)),
        kept: state.decision?.kept ?? null,
        start: found.start,
        schedule: plan.schedule,
        evaluations: state.evaluations,
        seconds,
      }
    },
    /** A schedule that was learned with classes in turn, and the best default of as many steps, on images of no class. */
    async withoutClass({ steps, free, seed, schedule }: KeptSearch) {
      const { nullClass } = network
      if (nullClass === undefined) throw new Error(`${name} has no null class`)
      const job = await jobAt(steps, ['levels'], 0)
      const [best] = await rankDefaults(job, denoiser)
      const { settings } = await jobAt(steps, free as FreeName[], seed)
      const asked = { ...protocol, condition: () => nullClass }
      const plan = { label: 'learned', stepList: 'learned', schedule, settings: learnedSampler(settings) }
      const learned = kept(await measureRow(denoiser, plan, asked))
      return { steps, learned, bestDefault: kept(await measureRow(denoiser, planOf(job, best), asked)) }
    },
    /** A schedule that was learned at one number of steps, read between its steps at one more, not tuned there; and the best default of one more. */
    async oneMoreStep({ steps: learnedAt, free, seed, schedule }: KeptSearch) {
      const steps = learnedAt + 1
      const job = await jobAt(steps, ['levels'], 0)
      const [best] = await rankDefaults(job, denoiser)
      const { settings } = await jobAt(learnedAt, free as FreeName[], seed)
      const between = resampled(schedule, steps, denoiser.times === 'integer')
      const plan = { label: 'learned', stepList: 'learned', schedule: between, settings: learnedSampler(settings) }
      const learned = kept(await measureRow(denoiser, plan, protocol))
      return { steps: learnedAt, learned, bestDefault: kept(await measureRow(denoiser, planOf(job, best), protocol)) }
    },
    close: () => denoiser.dispose(),
  }
}
