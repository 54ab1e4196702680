/** Guided paths: streams, chunks, classes, costs, and what is refused. */
import { expect, test } from 'vitest'
import type { Denoiser, Images } from '../denoiser.ts'
import { gaussianDenoiser } from '../denoisers/gaussian.ts'
import { imagesOf } from '../samplers/anyBatch.ts'
import { generate } from '../samplers/generate.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { levelOfLogSnr } from '../schedules/level.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import type { Guidance, RewardGradient } from './guidance.ts'
import { nonlinearDenoiser, nonlinearReward } from './guided.fixture.ts'
import { generateGuided } from './guided.ts'
import { guidanceCoefficient } from './guidedStep.ts'

const noise = noiseSchedule({ family: 'cosine', timesteps: 1000 })
const schedule = samplingScheduleFrom(noise, 'trailing', 6)
const settings = samplerSettings({ eta: 0.8 })
const guidance: Guidance = { reward: nonlinearReward, scale: 1.5 }
const RUN = { denoiser: nonlinearDenoiser(), schedule, settings, count: 64, seed: 5, guidance }

test.each([
  samplerSettings({ eta: 0.8 }),
  samplerSettings({ eta: 1, clippedNoise: 'recompute' }),
  samplerSettings({ sampler: 'ddpm', clip: null }),
  samplerSettings({ sampler: 'ddpm', variance: 'large', noisyLastStep: true }),
])('at scale 0 the images are those of generate, byte for byte, float32 and float64: %o', async (rule) => {
  const logSnrAt = (time: number) => ({ value: noise.logSnr[time], slope: 0 })
  const single = gaussianDenoiser({ mean: 0.2, std: 0.5, logSnrAt, imageShape: [1, 2, 2], dtype: 'float32', batch: 3 })
  for (const denoiser of [nonlinearDenoiser(), single]) {
    const run = { ...RUN, denoiser, settings: rule, count: 8, firstItem: 3 }
    const paths = await generateGuided({ ...run, guidance: { ...guidance, scale: 0 } })
    expect(paths.images).toEqual((await generate(run)).images)
    expect(Math.min(...paths.b)).toBeGreaterThan(0)
    expect((await generateGuided(run)).images).not.toEqual(paths.images)
  }
})

test('a path depends on its seed and item, not on the batch: chunks of 7 and of 64, later items, classes', async () => {
  const condition = Int32Array.from({ length: 64 }, (_, n) => n % 3)
  const together = await generateGuided({ ...RUN, denoiser: nonlinearDenoiser('noise', 64), condition })
  const inSevens = await generateGuided({ ...RUN, denoiser: nonlinearDenoiser('noise', 7), condition })
  expect(inSevens).toEqual(together)
  const told: number[] = []
  const byClass: Guidance['reward'] = async (x0Hat, classes) => {
    told.push(...classes!)
    return nonlinearReward(x0Hat)
  }
  await generateGuided({
    ...RUN,
    denoiser: nonlinearDenoiser('noise', 7),
    condition,
    guidance: { scale: 1, reward: byClass },
  })
  expect(told.slice(0, 7)).toEqual([...condition.subarray(0, 7)])
  expect(told.slice(-1)).toEqual([...condition.subarray(63)])
  const late = { firstItem: 50, count: 14, condition: condition.subarray(50) }
  const later = await generateGuided({ ...RUN, ...late })
  expect(later.images.data).toEqual(together.images.data.subarray(50 * 4))
  expect([later.a, later.b]).toEqual([together.a.subarray(50), together.b.subarray(50)])
  const plain = await generateGuided(RUN)
  expect(plain.images.data.subarray(0, 4)).toEqual(together.images.data.subarray(0, 4))
  expect(plain.images.data.subarray(4, 8)).not.toEqual(together.images.data.subarray(4, 8))
})

test('evaluations: a prediction 1, a derivative 2, per image and guided step; progress ends at the total', async () => {
  const seen: [number, number][] = []
  const denoiser = nonlinearDenoiser('noise', 4)
  const onProgress = (done: number, total: number) => seen.push([done, total])
  const paths = await generateGuided({ ...RUN, denoiser, count: 6, onProgress })
  // Six trailing steps: the first has alphaBar 2e-9, the last no noise.
  expect(paths.guidedSteps).toBe(4)
  expect(paths.evaluations).toBe(6 * (6 + 2 * 4))
  expect(seen.at(-1)).toEqual([84, 84])
  expect(seen.map(([done]) => done)).toEqual([...seen.map(([done]) => done)].sort((p, q) => p - q))
  expect(seen.length).toBe(2 * (6 + 4))
})

test('the coefficient has its textbook form where that is exact, and no singular place', () => {
  for (const eta of [0.2, 0.7, 1]) {
    for (const [from, to] of [
      [-5, -3],
      [-1, 0.5],
      [2, 6],
    ]) {
      const [here, next] = [levelOfLogSnr(from), levelOfLogSnr(to)]
      const [v, w] = [here.signal ** 2, next.signal ** 2]
      const sigma2 = (eta * eta * (1 - w) * (1 - v / w)) / (1 - v)
      const want = (Math.sqrt(w) * (1 - v)) / Math.sqrt(v) - Math.sqrt(1 - w - sigma2) * Math.sqrt(1 - v)
      expect(guidanceCoefficient(here, next, eta) / want).toBeCloseTo(1, 9)
    }
  }
  // Nearby levels at high SNR, where the textbook form has no digit left: (1-v) sqrt(w/v) (1 - e^-h) at eta 1.
  const [here, next] = [levelOfLogSnr(60), levelOfLogSnr(60 + 1e-9)]
  expect(guidanceCoefficient(here, next, 1) / (here.noise ** 2 * 1e-9)).toBeCloseTo(1, 5)
  const last = levelOfLogSnr(2)
  expect(guidanceCoefficient(last, undefined, 0.4)).toBeCloseTo(last.noise ** 2 / last.signal, 14)
})

const spoilt = (change: (came: RewardGradient) => RewardGradient) => ({
  guidance: { ...guidance, reward: async (x: Images) => change(await nonlinearReward(x)) },
})
const withNaN = <T extends Float64Array>(data: T, at: number) => data.map((v, i) => (i === at ? Number.NaN : v)) as T

test.each<[string, object, RegExp]>([
  [
    'guidance.sampler',
    { settings: samplerSettings() },
    /noise at every step: take ddim with eta > 0, or ddpm; got ddim with eta 0/,
  ],
  ['guidance.sampler', { settings: samplerSettings({ sampler: 'dpm-solver++' }) }, /got dpm-solver\+\+/],
  ['guidance.steps', { schedule: samplingScheduleFrom(noise, 'trailing', 1) }, /none of the 1 is one/],
  ['guidance.minimumAlphaBar', { guidance: { ...guidance, minimumAlphaBar: 1 } }, /in \[0, 1\), got 1/],
  ['guidance.scale', { guidance: { ...guidance, scale: -0.1 } }, /at least 0, got -0.1/],
  ['guidance.scale', { guidance: { ...guidance, scale: Number.NaN } }, /got NaN/],
  ['guidance.through', { guidance: { ...guidance, through: 'netwrok' } }, /network, decoder, reward, got netwrok/],
  ['guidance.derivative', { denoiser: { ...nonlinearDenoiser(), differentiable: false } }, /sequential Monte Carlo/],
  ['guidance.reward', spoilt((r) => ({ ...r, values: withNaN(r.values, 2) })), /value NaN for image 12 at step 2 of 6/],
  [
    'guidance.reward',
    spoilt((r) => ({ ...r, gradient: imagesOf(withNaN(r.gradient.data as Float64Array, 5), 64, [1, 2, 2]) })),
    /gradient that is not for image 11 at step 2 of 6/,
  ],
  ['guidance.reward', spoilt((r) => ({ ...r, values: r.values.subarray(0, 1) })), /64 at step 2 of 6, got 1; sum over/],
  [
    'guidance.reward',
    spoilt((r) => ({ ...r, gradient: imagesOf(new Float64Array(4), 1, [1, 2, 2]) })),
    /shape of the images, \[64, 1, 2, 2\], got \[1, 1, 2, 2\] at step 2/,
  ],
  ['sampler.count', { count: 1.5 }, /at least 1, got 1.5/],
  ['sampler.condition', { condition: Int32Array.of(1) }, /one class per image \(64\), got 1/],
])('%s: %o', async (code, change, message) => {
  const run = generateGuided({ ...RUN, firstItem: 10, ...change })
  await expect(run).rejects.toMatchObject({ code, kind: 'input', message: expect.stringMatching(message) })
})

test('a network that gives NaN is not called the reward’s fault; an abort stops between network calls', async () => {
  const broken: Denoiser = {
    ...nonlinearDenoiser(),
    predict: async (x) => imagesOf(new Float64Array(x.data.length).fill(Number.NaN), x.shape[0], [1, 2, 2]),
  }
  const nan = generateGuided({ ...RUN, denoiser: broken })
  await expect(nan).rejects.toMatchObject({ code: 'guidance.network', kind: 'failed' })
  const controller = new AbortController()
  let calls = 0
  const onProgress = () => (++calls === 3 ? controller.abort() : undefined)
  const stopped = generateGuided({ ...RUN, signal: controller.signal, onProgress })
  await expect(stopped).rejects.toMatchObject({ code: 'interrupted' })
  expect(calls).toBe(3)
})
