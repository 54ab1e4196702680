/** Where tuning starts, against the levels and distances computed apart. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tensor } from '../../base/index.ts'
import { compileDenoiser, noiseSchedule, sample, samplerSettings, startNoise } from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { frechetDistance, referenceMoments } from '../../metrics/index.ts'
import { learnSchedule } from './learn.ts'
import { FrechetObjective } from './objectives/fid.ts'
import type { LearnSettings } from './settings.ts'
import { learnSettings } from './settings.ts'
import { bestPower, familyFrom, tryStarts } from './start.ts'
import { tinyData, tinyFeatures, tinyNetwork, tinySettings, tinyState } from './tiny.fixture.ts'

const schedule = noiseSchedule({ family: 'cosine', timesteps: 40 })
const settings: LearnSettings = { ...tinySettings, samplingFamily: 'levels', startPowers: [0.5, 1, 2.5] }

let features: FeatureNetwork
let objective: FrechetObjective
beforeAll(async () => {
  features = await tinyFeatures()
  const { tuning } = tinyData.splits
  objective = new FrechetObjective({
    denoiser: await compileDenoiser({ network: tinyNetwork, state: tinyState(), batch: 8, binding: 'bound' }),
    features,
    reference: referenceMoments(
      await features.features(tensor('float32', [tuning.count, ...tuning.shape], tuning.images)),
    ),
    settings: samplerSettings(),
    samples: 12,
    seed: 9,
  })
})
afterAll(() => features.dispose())

test.each(['levels', 'levels+times'] as const)('%s start at alphaBar^power of the trailing times', (samplingFamily) => {
  const family = familyFrom({ ...settings, samplingFamily }, schedule, 2.5)
  const { levels, times } = family.toSchedule(family.initial)
  expect(times).toEqual([39, 29, 19, 9])
  for (const [i, time] of times.entries()) {
    const alphaBar = schedule.level(time).signal ** 2
    expect(levels[i].signal ** 2).toBeCloseTo(alphaBar ** 2.5, 12)
  }
})

test('other families, and modes that train, start at the model and try nothing', async () => {
  const told: unknown[] = []
  for (const other of [{ samplingFamily: 'level-power' }, { learn: 'both' }, { startPowers: [1.7] }] as const) {
    expect(await tryStarts(objective, { ...settings, ...other }, schedule, (trial) => void told.push(trial))).toEqual(
      [],
    )
  }
  expect(told).toEqual([])
  expect(bestPower({ ...settings, startPowers: [1.7] }, [])).toBe(1.7)
  expect(bestPower({ ...settings, samplingFamily: 'cosine', startPowers: [1.7] }, [])).toBe(1)
})

test('each trial is the distance of the same start noise at its levels, and the smallest wins', async () => {
  const trials = await tryStarts(objective, settings, schedule, () => undefined)
  expect(trials.map(({ power }) => power)).toEqual([0.5, 1, 2.5])
  const { denoiser, reference } = objective.options
  for (const { power, value: fid } of trials) {
    const family = familyFrom(settings, schedule, power)
    const { images } = await sample({
      denoiser,
      schedule: family.toSchedule(family.initial),
      settings: samplerSettings(),
      start: startNoise({ imageShape: denoiser.imageShape, count: 12, seed: 9 }),
      seed: 9,
    })
    expect(fid).toBe(frechetDistance(await features.features(images), reference).value)
  }
  const best = Math.min(...trials.map(({ value }) => value))
  expect(trials.find(({ power }) => power === bestPower(settings, trials))?.value).toBe(best)
})

test('the first iteration is at the best start, on samples of its own', async () => {
  const { result } = await learnSchedule({
    subject: { kind: 'pretrained', network: tinyNetwork, state: tinyState(), schedule },
    data: tinyData,
    features,
    judge: null,
    settings,
  })
  const [first] = result.history
  const family = familyFrom(settings, schedule, bestPower(settings, result.starts))
  expect(Object.values(first.parameters)).toEqual([...family.initial])
  expect(result.starts.map(({ value }) => value)).not.toContain(first.value)
})

test('powers must be positive', () => {
  expect(() => learnSettings({ startPowers: [1, 0] })).toThrow(/startPowers must be at least one number above 0/)
  expect(() => learnSettings({ startPowers: [] })).toThrow(/startPowers/)
})
