import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { float32 } from '../../base/index.ts'
import type { SamplerName, SamplingSchedule } from '../../diffusion/index.ts'
import {
  compileDenoiser,
  generate,
  noiseSchedule,
  STEP_LISTS,
  samplerSettings,
  samplingScheduleFrom,
} from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { frechetDistance, referenceMoments } from '../../metrics/index.ts'
import { defaultPlans, rankPlans } from './candidates.ts'
import { FrechetObjective } from './objectives/fid.ts'
import type { LearnSettings } from './settings.ts'
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

  test('is the one that a search by hand finds, and costs what it says', async () => {
    const denoiser = await compileDenoiser({ network: tinyNetwork, state: tinyState(), batch: 10, binding: 'bound' })
    const { images, count } = tinyData.splits.tuning
    const reference = referenceMoments(await features.features(float32(images, [count, ...SHAPE])))
    const plans = defaultPlans(schedule, 3, common)
    let evaluations = 0
    const ranked = await rankPlans(denoiser, plans, {
      objective: new FrechetObjective({
        denoiser,
        features,
        reference,
        settings: samplerSettings(),
        samples: 16,
        seed: 21,
      }),
      onEvaluations: (more) => {
        evaluations += more
      },
    })
    expect(evaluations).toBe(plans.length * 3 * 16)
    const byHand = []
    for (const plan of plans) {
      const sampled = await generate({
        denoiser,
        schedule: plan.schedule,
        settings: plan.settings,
        count: 16,
        seed: 21,
      })
      byHand.push({ plan, fid: frechetDistance(await features.features(sampled.images), reference).value })
    }
    const best = byHand.reduce((a, b) => (b.fid < a.fid ? b : a))
    expect(ranked[0].plan).toBe(best.plan)
    expect(ranked[0].candidate).toEqual({
      sampler: best.plan.settings.sampler,
      stepList: best.plan.stepList,
      value: best.fid,
    })
    expect(ranked.map(({ candidate }) => candidate.value)).toEqual(
      byHand.map(({ fid }) => fid).toSorted((a, b) => a - b),
    )
    await denoiser.dispose()
  })
})
