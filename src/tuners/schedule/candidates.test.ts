import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { float32 } from '../../base/index.ts'
import type { Denoiser, SamplerName, SamplingSchedule } from '../../diffusion/index.ts'
import {
  compileDenoiser,
  generate,
  noiseSchedule,
  STEP_LISTS,
  samplerSettings,
  samplingSchedule,
  samplingScheduleFrom,
} from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { frechetDistance, referenceMoments } from '../../metrics/index.ts'
import { defaultPlans, planOf, rankDefaults, rankingCost } from './candidates.ts'
import type { DefaultCandidate } from './result.ts'
import type { LearnSettings } from './settings/index.ts'
import { learnedSampler } from './settings/index.ts'
import { SHAPE, tinyData, tinyFeatures, tinyNetwork, tinySettings, tinyState } from './tiny.fixture.ts'

const schedule = noiseSchedule({ family: 'cosine', timesteps: 40 })
const common = { sampler: 'ddim', clip: [-1, 1], clippedNoise: 'recompute' } as const

const CANDIDATES: readonly SamplerName[] = ['ddim', 'ddpm', 'dpm-solver++', 'sde-dpm-solver++', 'unipc']

const keyOf = ({ times, levels }: SamplingSchedule) => [...times, ...levels.map(({ logSnr }) => logSnr)].join()

describe('the defaults', () => {
  test.each([2, 4, 8, 10, 39, 40])(
    'at %i steps: every sampler on every list, those that visit the same times once',
    (steps) => {
      const plans = defaultPlans(schedule, steps, common)
      const lists = new Set<string>()
      for (const name of STEP_LISTS) {
        try {
          lists.add(keyOf(samplingScheduleFrom(schedule, name, steps)))
        } catch {
          // More steps than times with signal.
        }
      }
      expect(plans.length).toBe(CANDIDATES.length * lists.size)
      for (const sampler of CANDIDATES) {
        const own = plans.filter(({ settings }) => settings.sampler === sampler)
        expect(new Set(own.map((plan) => keyOf(plan.schedule)))).toEqual(lists)
        expect(new Set(own.map(({ stepList }) => stepList)).size).toBe(own.length)
      }
      for (const { schedule: sampling, stepList, settings } of plans) {
        expect(sampling).toMatchObject(samplingScheduleFrom(schedule, stepList as 'trailing', steps))
        expect(settings).toEqual(samplerSettings({ ...common, sampler: settings.sampler }))
      }
    },
  )

  test('at all T times the lists that visit training times are one; those of sigmas bring levels of their own', () => {
    const lists = ['trailing', 'karras', 'karras-model', 'exponential', 'exponential-model']
    expect(defaultPlans(schedule, 40, common).map(({ label }) => label)).toEqual(
      CANDIDATES.flatMap((sampler) => lists.map((list) => `${sampler}, ${list}`)),
    )
  })

  test.each([
    [{ sampler: 'dpm-solver++', clippedNoise: 'keep' }, 'keep'],
    [{ sampler: 'ddim', clippedNoise: 'recompute' }, 'recompute'],
    // DDPM's own way is no wish for DDIM's rows.
    [{ sampler: 'ddpm', clippedNoise: 'recompute' }, 'keep'],
    [{ sampler: 'ddpm', clippedNoise: 'keep' }, 'keep'],
  ] as const)('where %j is learned, DDPM is the posterior mean of the clipped image, and DDIM %s', (learned, ddim) => {
    const plans = defaultPlans(schedule, 4, { ...learned, clip: [-1, 1] })
    const noiseOf = (name: SamplerName) =>
      new Set(plans.flatMap(({ settings }) => (settings.sampler === name ? settings.clippedNoise : [])))
    expect([noiseOf('ddpm'), noiseOf('ddim')]).toEqual([new Set(['recompute']), new Set([ddim])])
  })

  test('as many for a network of integer times, which is told integers', () => {
    for (const steps of [1, 3, 12, 40]) {
      const [real, integer] = [defaultPlans(schedule, steps, common), defaultPlans(schedule, steps, common, 'integer')]
      expect(integer.map(({ label }) => label)).toEqual(real.map(({ label }) => label))
      expect(integer.every(({ schedule: { times } }) => times.every(Number.isInteger))).toBe(true)
    }
  })

  test('what else is set for the learned sampler stays out of them', () => {
    const settings: LearnSettings = { ...tinySettings, eta: 0.7, sampler: 'ddim' }
    const plans = defaultPlans(schedule, 4, settings)
    expect(plans.every(({ settings }) => settings.eta === 0)).toBe(true)
    expect(Object.keys(plans[0].settings)).toEqual(Object.keys(samplerSettings()))
  })
})

describe('the best default', () => {
  let features: FeatureNetwork
  beforeAll(async () => {
    features = await tinyFeatures()
  })
  afterAll(() => features.dispose())

  test('is the one that rounds by hand find, on the same noise, and costs what is planned', async () => {
    const state = tinyState()
    const denoiser = await compileDenoiser({ network: tinyNetwork, state, batch: 4, binding: 'bound' })
    let evaluations = 0
    const counting: Denoiser = {
      ...denoiser,
      predict(images, ...rest) {
        evaluations += images.shape[0]
        return denoiser.predict(images, ...rest)
      },
    }
    const { images, count } = tinyData.splits.tuning
    const reference = referenceMoments(await features.features(float32(images, [count, ...SHAPE])))
    const settings: LearnSettings = { ...tinySettings, ...common, samplingSteps: 3, candidateSamples: 40 }
    const job = {
      subject: { kind: 'pretrained', network: tinyNetwork, state, schedule },
      settings,
      schedule,
      features,
      tuningReference: reference,
      data: tinyData,
      reward: null,
    } as const
    const told: DefaultCandidate[] = []
    const ranked = await rankDefaults(job, counting, (candidate) => void told.push(candidate))
    expect(evaluations).toBe(rankingCost({ ...job, data: tinyData }))

    const plans = defaultPlans(schedule, 3, common)
    const distanceOf = async (plan: (typeof plans)[number], samples: number) => {
      const sampled = await generate({
        denoiser,
        schedule: plan.schedule,
        settings: plan.settings,
        count: samples,
        seed: 5,
      })
      return frechetDistance(await features.features(sampled.images), reference).value
    }
    // A quarter of 40 images is too few: 16, then 20, then 40, of which a third goes on and four at the least; the final is of three on 160.
    let left = plans
    const all: { label: string; value: number; samples: number }[] = []
    const out: typeof all = []
    for (const samples of [16, 20, 40, 160]) {
      const values = await Promise.all(left.map((plan) => distanceOf(plan, samples)))
      const round = left.map(({ label }, i) => ({ label, value: values[i], samples }))
      all.push(...round)
      const sorted = round.toSorted((a, b) => a.value - b.value)
      const kept = { 16: 0, 20: 0, 40: 3, 160: sorted.length }[samples] || Math.max(4, Math.ceil(sorted.length / 3))
      out.unshift(...sorted.slice(samples === 160 ? 0 : kept))
      left = sorted.slice(0, kept).flatMap(({ label }) => plans.find((plan) => plan.label === label) ?? [])
    }
    const named = ({ sampler, stepList, value, samples }: DefaultCandidate) => ({
      label: `${sampler}, ${stepList}`,
      value,
      samples,
    })
    expect(told.map(named)).toEqual(all)
    expect(ranked.map(named)).toEqual(out)
    expect(planOf(job, ranked[0])).toEqual(plans.find(({ label }) => label === out[0].label))
    await denoiser.dispose()
  })

  test('a schedule that was brought is one of them, by the learned sampler', async () => {
    const denoiser = await compileDenoiser({ network: tinyNetwork, state: tinyState(), batch: 10, binding: 'bound' })
    const { images, count } = tinyData.splits.tuning
    const reference = referenceMoments(await features.features(float32(images, [count, ...SHAPE])))
    const sampling = samplingSchedule({ timesteps: 40, logSnr: [-4, 0.5, 2], times: [38, 19, 7.5] })
    const job = {
      subject: { kind: 'pretrained', network: tinyNetwork, state: tinyState(), schedule },
      settings: { ...tinySettings, samplingFamily: 'levels', start: 'given', samplingSteps: 3 },
      startPoint: { name: 'mine.txt', sampling },
      schedule,
      features,
      tuningReference: reference,
      reward: null,
    } as const
    const ranked = await rankDefaults(job, denoiser)
    expect(ranked.length).toBe(defaultPlans(schedule, 3, tinySettings).length + 1)
    const mine = ranked.find(({ stepList }) => stepList === 'mine.txt')
    const settings = samplerSettings({ sampler: 'ddim', clip: [-1, 1] })
    const sampled = await generate({ denoiser, schedule: sampling, settings, count: 12, seed: 5 })
    expect(mine).toEqual({
      sampler: 'ddim',
      stepList: 'mine.txt',
      value: frechetDistance(await features.features(sampled.images), reference).value,
      samples: 12,
    })
    expect(mine && planOf(job, mine)).toMatchObject({ schedule: sampling, settings: learnedSampler(job.settings) })
    await denoiser.dispose()
  })
})
