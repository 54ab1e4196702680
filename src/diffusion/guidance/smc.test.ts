/** Sequential Monte Carlo against tilts of Gaussian chains with a closed form, and the unbiasedness of its Z. */
import { describe, expect, test } from 'vitest'
import { logSumExp, randomStream } from '../../base/index.ts'
import type { Denoiser, Images } from '../denoiser.ts'
import { gaussianDenoiser } from '../denoisers/gaussian.ts'
import { imagesOf } from '../samplers/anyBatch.ts'
import { generate } from '../samplers/generate.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import type { ParticleOptions, Particles } from './smc.ts'
import { imagesByWeight, sequentialMonteCarlo } from './smc.ts'
import { systematicAncestors } from './smcWeights.ts'

const noise = noiseSchedule({ family: 'cosine', timesteps: 1000 })
const logSnrAt = (time: number) => ({ value: noise.level(time).logSnr, slope: 0 })
/** Large variance, noised to the end: the base chain of the exact network is N(0, 1). */
const EXACT = samplerSettings({ sampler: 'ddpm', variance: 'large', noisyLastStep: true, clip: null })
const BASE = {
  denoiser: gaussianDenoiser({ mean: 0, std: 1, logSnrAt }),
  schedule: samplingScheduleFrom(noise, 'trailing', 8),
  settings: EXACT,
  count: 40,
}

const mapped = (f: (u: number) => number) => async (images: Images) => Float64Array.from(images.data, f)
const [a, b] = [0.8, 0.8]
/** Rewards with the tilt of N(0, v) at scale s: mean, variance and log Z. */
const PROBLEMS = {
  linear: {
    reward: mapped((u) => a * u),
    truth: (s: number, v: number) => ({ mean: s * a * v, variance: v, logZ: (s * s * a * a * v) / 2 }),
  },
  quadratic: {
    reward: mapped((u) => -((u - b) ** 2)),
    truth: (s: number, v: number) => ({
      mean: (2 * s * b * v) / (1 + 2 * s * v),
      variance: v / (1 + 2 * s * v),
      logZ: -Math.log(1 + 2 * s * v) / 2 - (s * b * b) / (1 + 2 * s * v),
    }),
  },
}

function meanOf(values: readonly number[]) {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1)
  return { mean, standardError: Math.sqrt(variance / values.length) }
}

const weightedMean = ({ images, logWeights }: Particles, f: (u: number) => number) =>
  logWeights.reduce((sum, w, n) => sum + Math.exp(w) * f(images.data[n]), 0)

describe.each(['linear', 'quadratic'] as const)('%s reward, N(0, 1) base: 200 runs of 40 particles', (name) => {
  const problem = PROBLEMS[name]
  const scale = 1.3
  const truth = problem.truth(scale, 1)
  const choices: [string, Partial<ParticleOptions>][] = [
    ['tempered', { resampleBelow: 0.8 }],
    ['at once', { resampleBelow: 0.8, temper: 0, minimumAlphaBar: 0 }],
    ['tempered late', { resampleBelow: 0.8, temper: 2 }],
    ['resampled at every step', { resampleBelow: 1 }],
    ['never resampled', { resampleBelow: 0 }],
    ['few steps twisted', { minimumAlphaBar: 0.3 }],
  ]
  test.each(choices)('%s: Z, Z E[u] and Z E[u^2] are unbiased', async (_, choice) => {
    const runs: Particles[] = []
    for (let seed = 0; seed < 200; seed++) {
      runs.push(await sequentialMonteCarlo({ ...BASE, reward: problem.reward, scale, seed, ...choice }))
    }
    const moments = [1, truth.mean, truth.variance + truth.mean ** 2]
    for (const [power, moment] of moments.entries()) {
      const relative = runs.map((run) => Math.exp(run.logZ - truth.logZ) * weightedMean(run, (u) => u ** power))
      const { mean, standardError } = meanOf(relative)
      expect(Math.abs(mean - moment)).toBeLessThan(3.5 * standardError)
      expect(standardError).toBeLessThan(0.2)
    }
    const resampled = meanOf(runs.map((run) => run.resampled)).mean
    if (choice.resampleBelow === 0) expect(resampled).toBe(0)
    else if (choice.minimumAlphaBar !== 0.3) expect(resampled).toBeGreaterThan(0.5)
    for (const run of runs) expect(logSumExp(run.logWeights)).toBeCloseTo(0, 10)
  })
})

test('one large population has the tilt and log Z of a DDIM chain at eta 1, whose base is N(0, .843)', async () => {
  const [scale, v] = [1.5, 0.8431]
  const schedule = samplingScheduleFrom(noise, 'trailing', 25)
  const settings = samplerSettings({ eta: 1, clip: null })
  for (const problem of [PROBLEMS.linear, PROBLEMS.quadratic]) {
    const run = { ...BASE, schedule, settings, count: 4000, seed: 5, reward: problem.reward, scale }
    const particles = await sequentialMonteCarlo(run)
    const truth = problem.truth(scale, v)
    const mean = weightedMean(particles, (u) => u)
    expect(Math.abs(mean - truth.mean)).toBeLessThan(0.08)
    expect(Math.abs(weightedMean(particles, (u) => (u - mean) ** 2) / truth.variance - 1)).toBeLessThan(0.1)
    expect(Math.abs(particles.logZ - truth.logZ)).toBeLessThan(0.08)
    expect(particles.evaluations).toBe(4000 * 25)
    expect(particles.effectiveSampleSize).toBeGreaterThan(2000)
    expect(new Set(particles.ancestors).size).toBeGreaterThan(100)
  }
})

test('twists and resampling keep far more particles than weighting in the end', async () => {
  const run = { ...BASE, reward: PROBLEMS.linear.reward, scale: 3.5, count: 500, seed: 3 }
  const plain = await sequentialMonteCarlo({ ...run, resampleBelow: 0 })
  const twisted = await sequentialMonteCarlo(run)
  expect(plain.effectiveSampleSize).toBeLessThan(30)
  expect(twisted.effectiveSampleSize).toBeGreaterThan(200)
})

test('scale 0 gives the images of generate with equal weights; a seed repeats; a fixed batch changes nothing', async () => {
  const reward = PROBLEMS.linear.reward
  const none = await sequentialMonteCarlo({ ...BASE, reward, scale: 0, seed: 9, firstItem: 4 })
  expect(none.images).toEqual((await generate({ ...BASE, seed: 9, firstItem: 4 })).images)
  for (const w of none.logWeights) expect(w).toBeCloseTo(-Math.log(40), 12)
  expect(none).toMatchObject({ logZ: 0, resampled: 0, ancestors: Int32Array.from({ length: 40 }, (_, n) => n) })
  const run = { ...BASE, reward, scale: 2, seed: 9, resampleBelow: 0.8 }
  const [one, again] = [await sequentialMonteCarlo(run), await sequentialMonteCarlo(run)]
  expect(again).toEqual(one)
  expect(one.resampled).toBeGreaterThan(0)
  const denoiser = gaussianDenoiser({ mean: 0, std: 1, logSnrAt, batch: 7 })
  expect(await sequentialMonteCarlo({ ...run, denoiser })).toEqual(one)
  expect(await sequentialMonteCarlo({ ...run, seed: 10 })).not.toEqual(one)
})

test('a particle takes its class along, and the tilt says how often each class comes', async () => {
  // Class c draws N(c, small): r = u makes class 1 e^s times as likely as class 0.
  const told: Denoiser = {
    ...BASE.denoiser,
    async predict(x, time, condition) {
      const { signal, noise: n } = noise.level(time)
      return imagesOf(
        Float64Array.from(x.data, (v, j) => (v - signal * condition![j]) / n),
        x.shape[0],
        [1, 1, 1],
      )
    },
  }
  const condition = Int32Array.from({ length: 2000 }, (_, n) => n % 2)
  const settings = samplerSettings({ eta: 1, clip: null })
  const run = { ...BASE, denoiser: told, settings, count: 2000, condition, seed: 1, scale: 1 }
  const particles = await sequentialMonteCarlo({ ...run, reward: PROBLEMS.quadratic.reward, resampleBelow: 0.95 })
  expect(particles.resampled).toBeGreaterThan(0)
  for (const [n, ancestor] of particles.ancestors.entries()) {
    expect(particles.images.data[n]).toBeCloseTo(condition[ancestor], 3)
  }
  // A reward of the class told with each image: particles and classes stay together.
  const byClass = async (_: Images, classes?: Int32Array) => Float64Array.from(classes!, (c) => (c === 1 ? 1 : 0))
  const favoured = await sequentialMonteCarlo({ ...run, reward: byClass, resampleBelow: 0.95 })
  expect(Math.abs(weightedMean(favoured, (u) => u) - 1 / (1 + Math.exp(-1)))).toBeLessThan(0.02)
  // r(0) = -.64, r(1) = -.04
  expect(Math.abs(weightedMean(particles, (u) => u) - 1 / (1 + Math.exp(-0.6)))).toBeLessThan(0.02)
})

test('systematic resampling in proportion to the weights', () => {
  const logWeights = Float64Array.from([0.5, 0.125, 0.25, 0, 0.125], Math.log)
  const counts = new Float64Array(5)
  const draws = 1000
  for (let k = 0; k < draws; k++) {
    const ancestors = systematicAncestors(logWeights, randomStream({ seed: 1, purpose: 'test', item: k }))
    const here = new Float64Array(5)
    for (const n of ancestors) here[n]++
    for (const [n, w] of logWeights.entries()) {
      expect(Math.abs(here[n] - 5 * Math.exp(w))).toBeLessThan(1)
      counts[n] += here[n]
    }
  }
  for (const [n, w] of logWeights.entries()) expect(counts[n] / draws).toBeCloseTo(5 * Math.exp(w), 1)
  const equal = systematicAncestors(new Float64Array(9), randomStream({ seed: 1, purpose: 'test' }))
  expect([...equal].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
})

test('images drawn by weight: in proportion within one, and of equal weights every kind, whatever period they come in', () => {
  const images = imagesOf(
    Float32Array.from({ length: 160 }, (_, i) => Math.floor(i / 2) + 0.5 * (i % 2)),
    80,
    [1, 1, 2],
  )
  const ancestors = Int32Array.from({ length: 80 }, (_, n) => n % 10)
  const random = () => randomStream({ seed: 2, purpose: 'test' })
  const even = imagesByWeight({ images, logWeights: new Float64Array(80), ancestors }, 10, random())
  expect(even.images.shape).toEqual([10, 1, 1, 2])
  for (let place = 0; place < 10; place++) {
    const [left, right] = even.images.data.subarray(2 * place, 2 * place + 2)
    expect(right).toBe(left + 0.5)
    expect(even.starts[place]).toBe(left % 10)
  }
  // Every eighth of 80 would have 5 of the 10 kinds at most.
  expect(new Set(even.starts).size).toBeGreaterThan(5)
  const logWeights = Float64Array.from({ length: 80 }, (_, n) => (n === 7 ? Math.log(0.6) : Math.log(0.4 / 79)))
  const { images: drawn } = imagesByWeight({ images, logWeights, ancestors }, 20, random())
  const times = Array.from(drawn.data).filter((pixel) => pixel === 7).length
  expect(Math.abs(times - 12)).toBeLessThanOrEqual(1)
})

test('images without a value, left out: the tilt of those that have one', async () => {
  const [scale, most] = [1.3, 1.5]
  const reward = mapped((u) => (u > most ? Number.NaN : a * u))
  const runs = await Promise.all(
    Array.from({ length: 200 }, (_, seed) =>
      sequentialMonteCarlo({ ...BASE, reward, scale, seed, unrated: 'drop', resampleBelow: 0.8 }),
    ),
  )
  for (const { images, logWeights } of runs) {
    expect([...logWeights].map((w) => w === Number.NEGATIVE_INFINITY)).toEqual([...images.data].map((u) => u > most))
  }
  // Z = E e^(s a u) over u < c: e^(m^2/2) Phi(c - m), m = s a; Phi(1.5 - 1.04) = Phi(.46) = .67724.
  const m = scale * a
  const truth = Math.exp((m * m) / 2) * 0.67724
  const { mean, standardError } = meanOf(runs.map(({ logZ }) => Math.exp(logZ)))
  expect(Math.abs(mean - truth)).toBeLessThan(3 * standardError)
  expect(standardError).toBeLessThan(0.05 * truth)
  const none = sequentialMonteCarlo({ ...BASE, reward: mapped(() => Number.NaN), scale, seed: 0, unrated: 'drop' })
  await expect(none).rejects.toMatchObject({ code: 'smc.reward' })
})

const nan = async (images: Images) =>
  new Float64Array(images.shape[0]).fill(0).map((_, n) => (n === 3 ? Number.NaN : 0))
test.each<[string, Partial<ParticleOptions>, RegExp]>([
  [
    'smc.sampler',
    { settings: samplerSettings() },
    /noise at every step: take ddim with eta > 0, or ddpm; got ddim with eta 0/,
  ],
  ['smc.sampler', { settings: samplerSettings({ sampler: 'dpm-solver++' }) }, /got dpm-solver\+\+/],
  ['smc.scale', { scale: -1 }, /at least 0, got -1/],
  ['smc.scale', { scale: Number.NaN }, /got NaN/],
  ['smc.resampleBelow', { resampleBelow: 1.5 }, /in \[0, 1\], got 1.5/],
  ['smc.temper', { temper: -1 }, /finite number of at least 0, got -1/],
  ['smc.temper', { temper: Number.POSITIVE_INFINITY }, /got Infinity/],
  ['smc.minimumAlphaBar', { minimumAlphaBar: 1 }, /in \[0, 1\), got 1/],
  ['smc.reward', { reward: nan, firstItem: 10 }, /got NaN for particle 13 at step \d of 8/],
  ['smc.reward', { reward: async () => new Float64Array(1) }, /one value per image: 40 at step \d of 8, got 1/],
  ['sampler.count', { count: 0 }, /at least 1, got 0/],
])('%s: %o', async (code, change, message) => {
  const run = sequentialMonteCarlo({ ...BASE, reward: PROBLEMS.linear.reward, scale: 1, seed: 0, ...change })
  await expect(run).rejects.toMatchObject({ code, kind: 'input', message: expect.stringMatching(message) })
})

test('a network that gives NaN is not called the reward’s fault', async () => {
  const denoiser: Denoiser = {
    ...BASE.denoiser,
    predict: async (x) => imagesOf(new Float64Array(x.data.length).fill(Number.NaN), x.shape[0], [1, 1, 1]),
  }
  const run = sequentialMonteCarlo({ ...BASE, denoiser, reward: PROBLEMS.linear.reward, scale: 1, seed: 0 })
  await expect(run).rejects.toMatchObject({ code: 'smc.network', kind: 'failed' })
})
