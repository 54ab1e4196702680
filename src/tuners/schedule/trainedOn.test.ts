/** Learning schedules of networks that are trained on a density of log-SNR, with weighted losses, to zero terminal SNR. */
import { expect, test } from 'vitest'
import { noiseSchedule } from '../../diffusion/index.ts'
import { shuffleUnet } from '../../nn/index.ts'
import { checkSubject } from './checkJob.ts'
import { learnSchedule } from './learn.ts'
import type { LearnSettings } from './settings/index.ts'
import { errorOf, tinyData, tinyFeatures, tinyNetwork, tinySettings, tinyState } from './tiny.fixture.ts'

const features = await tinyFeatures()
const learn = (settings: Partial<LearnSettings>) =>
  learnSchedule({
    subject: { kind: 'train', network: tinyNetwork },
    ...{ data: tinyData, features, judge: null },
    settings: { ...tinySettings, learn: 'sampling', z: false, samplingFamily: 'levels+times', ...settings },
  })

test('what it was trained on is told; the schedule that names its levels by times is the family’s', async () => {
  const told = { trainingDensity: 'laplace', densityMean: 0.5, lossWeighting: 'min-snr', snrGamma: 2 } as const
  const { trainingSchedule, trainedOn, defaultModel, sampling } = await learn(told)
  expect(trainingSchedule.logSnr).toEqual(noiseSchedule({ family: 'cosine', timesteps: 40 }).logSnr)
  expect(sampling.timesteps).toBe(40)
  const wanted = {
    density: { name: 'laplace', mean: 0.5, width: 0.5 },
    weighting: { name: 'min-snr', gamma: 2 },
  }
  expect(trainedOn).toEqual(wanted)
  expect(defaultModel?.trainedOn).toEqual(wanted)
})

test('both: mean and width of the density are learned beside the sampling schedule', async () => {
  const { result, trainedOn, trainingSchedule, defaultModel } = await learn({
    ...{ learn: 'both', z: true, trainingDensity: 'normal', lossWeighting: 'soft-min-snr' },
  })
  const [first] = result.history
  expect(Object.keys(first.parameters).slice(0, 2)).toEqual(['trainingSchedule.mean', 'trainingSchedule.width'])
  expect(first.gradient['trainingSchedule.mean']).not.toBe(0)
  const { density } = trainedOn ?? {}
  expect(density?.name).toBe('normal')
  // A parameter moves where its gradient is told from its noise.
  const stayed = (name: string) => result.history.every(({ unresolved = [] }) => unresolved.includes(name))
  expect(density?.mean === 0).toBe(stayed('trainingSchedule.mean'))
  expect(density?.width === 2).toBe(stayed('trainingSchedule.width'))
  expect(defaultModel?.trainedOn?.density).toEqual({ name: 'normal', mean: 0, width: 2 })
  expect(trainingSchedule.logSnr).toEqual(noiseSchedule({ family: 'cosine', timesteps: 40 }).logSnr)
})

test('zero terminal SNR: sampling begins at noise alone, every row is finite', async () => {
  const { result, trainingSchedule } = await learn({
    ...{ zeroTerminalSnr: true, prediction: 'velocity', sampler: 'dpm-solver++' },
  })
  expect(trainingSchedule.alphaBar[39]).toBeLessThan(1e-40)
  for (const row of [result.default, result.bestDefault, result.learned]) {
    expect(Number.isFinite(row.fid?.mean)).toBe(true)
  }
})

test('a network with a table of whole times is refused before anything is trained; so is one that was trained before', async () => {
  const table = shuffleUnet({ sample_size: [16, 16], in_channels: 1, timesteps: 40, base_dim: 8, dim_mults: [1, 2] })
  const settings = { ...tinySettings, trainingDensity: 'laplace' } as const
  expect(() => checkSubject({ kind: 'train', network: table }, settings)).toThrow(
    expect.objectContaining({ code: 'training.told', kind: 'input' }),
  )
  const subject = {
    kind: 'pretrained',
    ...{ network: tinyNetwork, state: tinyState() },
    schedule: noiseSchedule({ family: 'cosine', timesteps: 40 }),
  } as const
  for (const [given, message] of [
    [{ trainingDensity: 'laplace' }, /trainingDensity is for a model that is trained here, got laplace/],
    [{ lossWeighting: 'v-like' }, /lossWeighting is for/],
  ] as const) {
    const all = { ...tinySettings, learn: 'sampling', z: false, ...given } as const
    const error = await errorOf(learnSchedule({ subject, ...{ data: tinyData, features, judge: null }, settings: all }))
    expect(error).toMatchObject({ code: 'learn.training', kind: 'input' })
    expect(error.message).toMatch(message)
  }
})
