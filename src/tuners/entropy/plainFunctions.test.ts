/**
 * Entropy strengths of plain functions: guidance through the network against closed forms. Data N(m, sd^2), r2 = a u, r1 = -(u - b)^2: the chain of DDIM is
 * linear in its noise whatever the scale, x = M0 + s M1 + noise of variance V, so F = -E r1 = (M0 + s M1 - b)^2 + V, and with s = 1/lambda
 *
 *     dF/dlog lambda = -2 s M1 (M0 + s M1 - b),   lambda* = M1/(b - M0) guided, a V/(b - M0) tilted.
 */
import { describe, expect, test } from 'vitest'
import { mixtureOptions, POINTS } from '../../diffusion/denoisers/mixture.fixture.ts'
import type { Denoiser, SamplerSettings, SamplingSchedule } from '../../diffusion/index.ts'
import {
  continuousCosine,
  functionDenoiser,
  generate,
  generateGuided,
  imagesOf,
  noiseSchedule,
  samplerSettings,
  samplingSchedule,
  samplingScheduleFrom,
  sequentialMonteCarlo,
  startNoise,
} from '../../diffusion/index.ts'
import { functionFeatures } from '../../metrics/index.ts'
import { functionReward } from '../../rewards/index.ts'
import { scoreValues } from './estimators/scoreFunction.ts'
import type { EntropySettings } from './settings.ts'
import { entropySettings } from './settings.ts'
import { tuneEntropyStrength } from './tune.ts'

const total = (values: ArrayLike<number>) => Array.from(values).reduce((sum, v) => sum + v, 0)

const [MEAN, SD] = [-0.8, 1.7]
const [A, B] = [0.6, 2.5]
const MINIMUM_ALPHA_BAR = 0.01
const noise = noiseSchedule({ family: 'linear', timesteps: 400 })
const schedule = samplingScheduleFrom(noise, 'trailing', 8)
const settings = samplerSettings({ eta: 0.7, clip: null })

const denoiserOf = (prediction: 'noise' | 'sample' | 'velocity'): Denoiser => {
  // prediction = gain x + offset
  const at = (time: number) => {
    const { signal: s, noise: n } = noise.level(time)
    const D = s * s * SD * SD + n * n
    return {
      noise: [n / D, (-n * s * MEAN) / D],
      sample: [(s * SD * SD) / D, (n * n * MEAN) / D],
      velocity: [(s * n * (1 - SD * SD)) / D, (-n * MEAN) / D],
    }[prediction]
  }
  return functionDenoiser({
    imageShape: [1, 1, 1],
    prediction,
    predict: ({ data }, time) => data.map((x) => at(time)[0] * x + at(time)[1]),
    vjp: (_, time, cotangent) => cotangent.map((g) => at(time)[0] * g),
  })
}

const reward = functionReward({
  name: 'linear',
  values: ({ data }) => data.map((u) => A * u),
  gradient: ({ data }) => ({ values: data.map((u) => A * u), gradient: data.map(() => A) }),
})
const goal = (b: number) =>
  functionReward({ name: `goal ${b}`, hash: `goal ${b}`, values: ({ data }) => data.map((u) => -((u - b) ** 2)) })
const judge = goal(B)
const features = functionFeatures({
  name: 'u, tanh u',
  imageShape: [1, 1, 1],
  dimensions: 2,
  features: ({ data }) => [...data].flatMap((u) => [u, Math.tanh(u)]),
})

/** M0, M1 and V of DDIM by its own formulas. */
function recursion({ levels }: SamplingSchedule, { eta }: SamplerSettings) {
  let [base, slope, variance] = [0, 0, 1]
  for (const [i, { signal: s, noise: n }] of levels.entries()) {
    const next = levels[i + 1]
    const D = s * s * SD * SD + n * n
    const [toClean, toNoise] = [(s * SD * SD) / D, n / D]
    const [clean, eps] = [(n * n * MEAN) / D, (-n * s * MEAN) / D]
    const [v, w] = [s * s, next ? next.signal ** 2 : 1]
    const sigma = eta * Math.sqrt((1 - w) / (1 - v)) * Math.sqrt(1 - v / w)
    const direction = Math.sqrt(Math.max(0, 1 - w - sigma * sigma))
    const gain = Math.sqrt(w) * toClean + direction * toNoise
    const guided = sigma > 0 && v > MINIMUM_ALPHA_BAR
    const d = guided ? ((Math.sqrt(w) * (1 - v)) / Math.sqrt(v) - direction * Math.sqrt(1 - v)) * A * toClean : 0
    base = gain * base + Math.sqrt(w) * clean + direction * eps
    slope = gain * slope + d
    variance = gain * gain * variance + sigma * sigma
  }
  return { base, slope, variance }
}
const TRUTH = recursion(schedule, settings)

describe.each(['noise', 'sample', 'velocity'] as const)('guided through the network, %s prediction', (prediction) => {
  const denoiser = denoiserOf(prediction)
  const paths = (scale: number, count = 2000) =>
    generateGuided({
      denoiser,
      schedule,
      settings,
      count,
      seed: 4,
      guidance: { reward: reward.gradient, scale, minimumAlphaBar: MINIMUM_ALPHA_BAR },
    })

  test('at any scale every image is moved by s M1, and its chance by what A and B say', async () => {
    const zero = await paths(0)
    const mean = total(zero.images.data) / 2000
    expect(Math.abs(mean - TRUTH.base)).toBeLessThan(4 * Math.sqrt(TRUTH.variance / 2000))
    for (const scale of [0.3, 1, 4]) {
      const { images, a, b } = await paths(scale)
      for (const [i, x] of images.data.entries()) expect(x - zero.images.data[i]).toBeCloseTo(scale * TRUTH.slope, 9)
      // Same noise: B is a constant of a linear chain, and A grows by scale B.
      for (const i of a.keys()) expect(a[i] - zero.a[i]).toBeCloseTo(scale * b[i], 8)
    }
  })

  test('the gradient of the upper objective in log lambda: exactly by the paths’ own motion, by score function within its error', async () => {
    const scale = 0.9
    const { images, a, b } = await paths(scale, 8000)
    const items = Int32Array.from(a, (_, i) => i)
    const [upper, lower] = [await judge.values(images), await reward.values(images)]
    const wanted = -2 * scale * TRUTH.slope * (TRUTH.base + scale * TRUTH.slope - B)
    const numbers = scoreValues({ scale, items, a, b, upper, lower })
    const mean = numbers.reduce((sum, v) => sum + v, 0) / numbers.length
    const spread = Math.sqrt(numbers.reduce((sum, v) => sum + (v - mean) ** 2, 0) / numbers.length ** 2)
    expect(Math.abs(mean - wanted)).toBeLessThan(4 * spread)
    expect(spread).toBeLessThan(0.1 * Math.abs(wanted))
    // F at s (1 ± h) with the same noise: its difference is that of a parabola in s.
    const [low, high] = [await paths(scale * 0.99), await paths(scale * 1.01)]
    const means = await Promise.all([low, high].map(async (batch) => total(await judge.values(batch.images)) / 2000))
    const own = total((await paths(scale)).images.data) / 2000
    const paired = (means[1] - means[0]) / (0.02 * scale)
    expect(scale * paired).toBeCloseTo(-2 * scale * TRUTH.slope * (own - B), 8)
  })
})

test('a mixture: a step is shifted along d r(x0Hat(x))/dx, of the components told', async () => {
  const bent = functionReward({
    name: 'bent',
    values: ({ data, shape: [n] }) => Array.from({ length: n }, (_, i) => Math.sin(data[2 * i]) * data[2 * i + 1]),
    gradient: ({ data, shape: [n] }) => ({
      values: Array.from({ length: n }, (_, i) => Math.sin(data[2 * i]) * data[2 * i + 1]),
      gradient: data.map((x, j) => (j % 2 === 0 ? Math.cos(x) * data[j + 1] : Math.sin(data[j - 1]))),
    }),
  })
  // The level that the told time is of.
  const step = samplingSchedule({ timesteps: 1000, logSnr: [continuousCosine(1000)(499).value], times: [499] })
  const [{ signal }] = step.levels
  const chosen = samplerSettings({ sampler: 'ddpm', variance: 'large', noisyLastStep: true, clip: null })
  for (const classes of [undefined, 3]) {
    for (const prediction of ['noise', 'sample', 'velocity'] as const) {
      const denoiser = functionDenoiser({ ...mixtureOptions(POINTS, prediction), ...(classes && { classes }) })
      const condition = classes ? { condition: Int32Array.from({ length: 12 }, (_, i) => i % 3) } : {}
      const at = (scale: number) =>
        generateGuided({
          ...{ denoiser, schedule: step, settings: chosen, count: 12, seed: 6, ...condition },
          guidance: { reward: bent.gradient, scale, minimumAlphaBar: 0 },
        })
      const [zero, moved] = [await at(0), await at(2)]
      const start = startNoise({ imageShape: [1, 1, 2], count: 12, seed: 6, dtype: 'float64' })
      const clean = functionDenoiser({ ...mixtureOptions(POINTS, 'sample'), ...(classes && { classes }) })
      const rated = async (j: number, h: number) => {
        const x = imagesOf(
          start.data.map((v: number, k: number) => (k === j ? v + h : v)) as Float64Array,
          12,
          [1, 1, 2],
        )
        return (await bent.values(await clean.predict(x, 499, condition.condition)))[Math.floor(j / 2)]
      }
      for (const j of [0, 1, 7, 22]) {
        const slope = ((await rated(j, 1e-5)) - (await rated(j, -1e-5))) / 2e-5
        const shift = (2 * (1 - signal ** 2) * slope) / signal
        expect(moved.images.data[j] - zero.images.data[j]).toBeCloseTo(shift, 6)
      }
    }
  }
})

test('particles of a mixture, by class: the mean of e^{s r} and of u as by weights on base samples', async () => {
  const denoiser = functionDenoiser({ ...mixtureOptions(POINTS), classes: 3 })
  const cosine = samplingScheduleFrom(noiseSchedule({ family: 'cosine', timesteps: 1000 }), 'trailing', 8)
  const run = { denoiser, schedule: cosine, settings: samplerSettings({ eta: 1, clip: null }) }
  const conditionOf = (count: number) => Int32Array.from({ length: count }, (_, i) => i % 3)
  const scale = 0.4
  const rated = async ({ data }: { readonly data: ArrayLike<number> }) =>
    Float64Array.from({ length: data.length / 2 }, (_, i) => data[2 * i])
  const base = await generate({ ...run, count: 6000, seed: 9, condition: conditionOf(6000) })
  const weights = (await rated(base.images)).map((r) => Math.exp(scale * r))
  const total = weights.reduce((sum, w) => sum + w, 0)
  const logZ: number[] = []
  const means: number[] = []
  for (let seed = 0; seed < 6; seed++) {
    const particles = await sequentialMonteCarlo({
      ...{ ...run, count: 210, seed, condition: conditionOf(210), reward: rated, scale, resampleBelow: 0.9 },
    })
    logZ.push(particles.logZ)
    const u = await rated(particles.images)
    means.push(particles.logWeights.reduce((sum, w, i) => sum + Math.exp(w) * u[i], 0))
  }
  const meanOf = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length
  const errorOf = (values: readonly number[]) =>
    Math.sqrt(values.reduce((sum, v) => sum + (v - meanOf(values)) ** 2, 0) / (values.length * (values.length - 1)))
  const u = await rated(base.images)
  const wanted = weights.reduce((sum, w, i) => sum + w * u[i], 0) / total
  expect(Math.abs(meanOf(means) - wanted)).toBeLessThan(4 * errorOf(means) + 0.03)
  expect(Math.abs(meanOf(logZ) - Math.log(total / weights.length))).toBeLessThan(4 * errorOf(logZ) + 0.03)
})

describe('tuned', () => {
  const tuned = (chosen: Partial<EntropySettings>, b = B) =>
    tuneEntropyStrength({
      ...{ denoiser: denoiserOf('velocity'), schedule, sampler: settings, reward, judge: goal(b), features },
      settings: entropySettings({
        minimumAlphaBar: MINIMUM_ALPHA_BAR,
        lambdaRange: [0.05, 5],
        tolerance: 1.4,
        curvePaths: 16,
        maxEvaluations: 1e6,
        ...chosen,
      }),
    })
  const guided = TRUTH.slope / (B - TRUTH.base)
  /** For the tilt a nearer goal: weights on base samples reach no further. */
  const NEAR = 0.2
  const tilted = (A * TRUTH.variance) / (NEAR - TRUTH.base)

  test.each(['paired-differences', 'score-function', 'auto'] as const)(
    'guided, %s: the closed form’s lambda',
    async (estimator) => {
      const { entropyStrength, iterations, diversity } = await tuned({ estimator, seed: 3 })
      const { value, low, high, resolved, reason } = entropyStrength
      expect({ resolved, reason }).toEqual({ resolved: true, reason: null })
      expect(low < guided && high > guided).toBe(true)
      expect(Math.abs(Math.log(value / guided))).toBeLessThan(0.17)
      expect(diversity?.tuned.mean).toBeGreaterThan(0)
      // Close to lambda, where the parabola of differences is no more than a parabola.
      const near = iterations.filter(({ phase }) => phase !== 'explore')
      expect(near.length).toBeGreaterThan(0)
      for (const { lambda, gradient } of near) {
        const s = 1 / lambda
        const wanted = -2 * s * TRUTH.slope * (TRUTH.base + s * TRUTH.slope - B)
        expect(Math.abs(gradient.mean - wanted)).toBeLessThan(
          5 * (gradient.standardError ?? 0) + 0.05 * Math.abs(wanted),
        )
      }
    },
  )

  test.each([
    { target: 'tilt', estimator: 'smc', particles: 256 },
    { target: 'tilt', estimator: 'importance', maxEvaluations: 2e5 },
  ] as const)('%j: the tilt of the sampler’s own distribution', async (chosen) => {
    const { entropyStrength } = await tuned({ ...chosen, seed: 2, tolerance: 1.5 }, NEAR)
    const { value, low, high } = entropyStrength
    expect(low <= tilted && high >= tilted).toBe(true)
    expect(Math.abs(Math.log(value / tilted))).toBeLessThan(0.2)
  })

  test('rewards of one text are told apart by a hash, and said to need one', async () => {
    const { hash } = functionReward({ name: 'text', values: ({ data }) => data.map((u) => -((u - B) ** 2)) })
    const alike = (b: number) => ({ ...goal(b), hash })
    const options = { denoiser: denoiserOf('noise'), schedule, sampler: settings, features: null }
    const few = entropySettings({
      target: 'tilt',
      estimator: 'importance',
      maxEvaluations: 2000,
      curvePaths: 8,
      curvePoints: 5,
    })
    const same = tuneEntropyStrength({ ...options, reward: alike(1), judge: alike(2), settings: few })
    await expect(same).rejects.toMatchObject({
      code: 'entropy.judge',
      message: expect.stringMatching(/'goal 1' and 'goal 2' have one hash .* give one of them a hash of its own/),
    })
    const apart = tuneEntropyStrength({ ...options, reward: alike(1), judge: goal(2), settings: few })
    expect((await apart).judgeName).toBe('goal 2')
  })
})
