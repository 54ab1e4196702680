/** A variant at one seed: as many iterations as its budget allows, and what they came to on images that steered nothing. */
import { tensor } from '../../src/base/index.ts'
import { digits } from '../../src/data/index.ts'
import { loadModel, shippedModelFolder } from '../../src/diffusion/files/index.ts'
import { compileDenoiser } from '../../src/diffusion/index.ts'
import { digitFeatures, digitJudge } from '../../src/metrics/files/index.ts'
import { evaluationReference } from '../../src/metrics/index.ts'
import { learnSettings } from '../../src/tuners/index.ts'
import { planOf, rankDefaults } from '../../src/tuners/schedule/candidates.ts'
import { largestThat, unscreened } from '../../src/tuners/schedule/compare/learning.ts'
import { scheduleTuningCost } from '../../src/tuners/schedule/cost.ts'
import { openJob } from '../../src/tuners/schedule/job.ts'
import { measureRow } from '../../src/tuners/schedule/rows.ts'
import { Search } from '../../src/tuners/schedule/search/search.ts'
import { SEARCH_START } from '../../src/tuners/schedule/search/state.ts'
import { learnedSampler } from '../../src/tuners/schedule/settings/index.ts'
import type { Variant } from './variants.ts'

/** How much is spent. */
export interface Effort {
  readonly steps: number
  /** Network evaluations of a search, screening and decision included. */
  readonly budget: number
  readonly images: number
  readonly samplingSeeds: readonly number[]
}

/** What a variant came to. */
export interface Cell {
  readonly variant: string
  readonly seed: number
  readonly parameters: number
  readonly iterations: number
  readonly evaluations: number
  /** What would be returned: the start, where the learned schedule is not told to be better. */
  readonly kept: 'learned' | 'start' | null
  readonly fid: number
  readonly judgeFid: number
  readonly seconds: number
}

export interface StartRow {
  readonly label: string
  readonly fid: number
  readonly judgeFid: number
}

/** What `bilevel schedule` frees by default, from one start. */
const FIRST: Variant['settings'] = {
  sampler: 'exponential',
  free: ['levels', 'times', 'tau', 'weights', 'scale', 'output', 'clip'],
  starts: 1,
}

export async function openAblations({ steps, budget, images: samplesPerSeed, samplingSeeds }: Effort) {
  const [data, features, judge] = await Promise.all([
    digits({ size: 16 }),
    digitFeatures({ size: 16 }),
    digitJudge({ size: 16 }),
  ])
  const folder = shippedModelFolder('digits-16')
  if (folder === null) throw new Error('digits-16 is no shipped model')
  const { network, state, noiseSchedule: schedule } = await loadModel(folder)
  const denoiser = await compileDenoiser({ network, state, batch: 64, binding: 'bound' })
  const { images, count, shape } = data.splits.heldOut
  const reference = await evaluationReference(tensor('float32', [count, ...shape], images), { features, judge })
  const condition = (item: number) => item % data.classes.length
  const protocol = { features, judge, reference, measures: null, samplesPerSeed, samplingSeeds, condition }
  const jobOf = (settings: Variant['settings'], seed: number, iterations = 10) =>
    openJob({
      subject: { kind: 'pretrained', network, state, schedule },
      ...{ data, features, judge },
      settings: learnSettings({ ...FIRST, samplingSteps: steps, ...settings, seed, iterations }),
    })
  const [best] = await rankDefaults(await jobOf({}, 0), denoiser)
  const rowOf = async (plan: Parameters<typeof measureRow>[1]): Promise<StartRow> => {
    const { row } = await measureRow(denoiser, plan, protocol)
    return { label: row.label, fid: row.fid?.mean ?? Number.NaN, judgeFid: row.judgeFid?.mean ?? Number.NaN }
  }

  return {
    start: async (): Promise<StartRow> => {
      const { label: _, ...figures } = await rowOf(planOf(await jobOf({}, 0), best))
      return { label: `${best.sampler}, ${best.stepList}`, ...figures }
    },
    async measured({ name, settings }: Variant, seed: number): Promise<Cell> {
      const began = Date.now()
      const trial = await jobOf(settings, seed)
      const parameters = trial.family.names.length
      const costOf = (iterations: number) =>
        scheduleTuningCost({ ...trial.settings, iterations }, { parameters, statistics: false }).total
      const saved = unscreened(trial.settings, planOf(trial, best))
      const iterations = largestThat((count) => costOf(count) - saved <= budget)
      if (costOf(1) - saved > budget)
        throw new Error(`${name} needs ${costOf(1)} evaluations for one iteration, of ${budget}`)
      const job = await jobOf(settings, seed, iterations)
      const incumbent = planOf(job, best)
      const search = new Search(job, denoiser, incumbent)
      const found = await search.run(SEARCH_START)
      const isStart = found.decision?.kept === 'start'
      const learned = { label: 'learned', stepList: 'learned', schedule: search.found(found).sampling }
      const { fid, judgeFid } = await rowOf(
        isStart ? incumbent : { ...learned, settings: learnedSampler(job.settings) },
      )
      return {
        ...{ variant: name, seed, parameters, iterations, evaluations: found.evaluations },
        ...{ kept: found.decision?.kept ?? null, fid, judgeFid, seconds: Math.round((Date.now() - began) / 1000) },
      }
    },
  }
}
