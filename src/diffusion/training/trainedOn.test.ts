/** Training on densities of log-SNR and with weighted losses: losses, gradients, importance sampling, zero terminal SNR. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import { adam, flatSize, mlp, shuffleUnet } from '../../nn/index.ts'
import type { TrainingTarget } from '../denoiser.ts'
import { predictionOf, TRAINING_TARGETS } from '../denoiser.ts'
import { compileDenoiser } from '../denoisers/compiledDenoiser.ts'
import { generate } from '../samplers/generate.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { noiseFamily } from '../schedules/families/noiseParameters.ts'
import { flowSchedule } from '../schedules/flowSchedule.ts'
import { logSnrDensity } from '../schedules/logSnrDensity.ts'
import { noiseSchedule, withZeroTerminalSnr } from '../schedules/noiseSchedule.ts'
import { samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { densityFamily, pullBackDraw } from './densityFamily.ts'
import { levelsOfDraw } from './forward.ts'
import { train } from './train.ts'
import { Trainer } from './trainer.ts'
import type { TrainingSchedule } from './trainingSchedule.ts'
import { checkTold } from './trainingSchedule.ts'
import type { LossWeighting } from './weighting.ts'
import { importanceRatio, lossWeight, WEIGHTING_NAMES } from './weighting.ts'

const T = 200
const cosine = noiseSchedule({ family: 'cosine', timesteps: T })
const codeFor = (target: TrainingTarget) => (target === 'flow' ? flowSchedule(T) : cosine)
const COUNT = 128
const points = randomStream({ seed: 3, purpose: 'points' }).normal(new Float32Array(2 * COUNT))
const network = mlp({ image_shape: [2, 1, 1], hidden: [24, 24] })

const trainerOf = (prediction: TrainingTarget, weighting: LossWeighting, batch = 16) =>
  Trainer.create({
    network,
    data: { images: points.map((value) => 0.3 * value), labels: null, count: COUNT },
    ...{ timesteps: T, prediction, weighting, optimizer: adam(), batch, seed: 4 },
  })

describe.each(TRAINING_TARGETS)('%s', (target) => {
  test.each(WEIGHTING_NAMES)('%s: the loss is the weighted mean, its gradients are differences', async (name) => {
    const weighting = { name, gamma: 0.8 }
    const code = codeFor(target)
    const at = (mean: number, width = 1.4) => logSnrDensity({ name: 'normal', mean, width, code })
    const [plain, trainer] = await Promise.all([trainerOf(target, { name: 'uniform' }), trainerOf(target, weighting)])
    const state = trainer.initialState()
    const minibatch = trainer.draw(2)
    const lossAt = async (schedule: TrainingSchedule, weights = state.weights) =>
      (await trainer.lowerGradient({ ...state, weights }, schedule, minibatch)).loss

    // Of unweighted losses image by image: a minibatch of one image alone.
    const { logSnr } = levelsOfDraw(at(0.4), minibatch)
    let sum = 0
    for (let i = 0; i < 16; i++) {
      const one = <A extends Float32Array | Float64Array>(all: A, size: number) =>
        all.map((_, j) => all[i * size + (j % size)]) as A
      const only = { ...minibatch, images: one(minibatch.images, 2), noise: one(minibatch.noise, 2) }
      const { loss } = await plain.lowerGradient(state, at(0.4), { ...only, shares: one(minibatch.shares, 1) })
      sum += (lossWeight(weighting, target, logSnr[i]).value * loss) / 16
    }
    const found = await trainer.lowerGradient(state, at(0.4), minibatch)
    expect(Math.abs(found.loss / sum - 1)).toBeLessThan(1e-5)
    expect((await trainer.step(state, at(0.4), minibatch, 1e-3)).loss).toBeCloseTo(found.loss, 5)

    // In the density's mean and width, by way of level, weight and told time.
    const density = at(0.4)
    const analytic = pullBackDraw(densityFamily(density), [0.4, 1.4], minibatch, found)
    const h = 0.01
    const sloped = async (up: TrainingSchedule, down: TrainingSchedule) =>
      ((await lossAt(up)) - (await lossAt(down))) / (2 * h)
    const differences = [await sloped(at(0.4 + h), at(0.4 - h)), await sloped(at(0.4, 1.4 + h), at(0.4, 1.4 - h))]
    for (const [i, difference] of differences.entries()) {
      expect(Math.abs(analytic[i] - difference)).toBeLessThan(0.02 * Math.abs(difference) + 1e-3)
    }

    // In the levels of even times, the weight's part with them.
    if (target !== 'flow') {
      const cosineFamily = noiseFamily({ family: 'cosine', timesteps: T })
      const start = cosineFamily.initial
      const moved = (step: number) => cosineFamily.toSchedule(start.with(2, start[2] + step))
      const tau = pullBackDraw(
        cosineFamily,
        start,
        minibatch,
        await trainer.lowerGradient(state, moved(0), minibatch),
      )[2]
      const difference = await sloped(moved(h), moved(-h))
      expect(Math.abs(tau - difference)).toBeLessThan(0.02 * Math.abs(difference) + 1e-3)
    }

    // In the weights, along a direction.
    const gradient = await trainer.lossGradient(state, density, minibatch)
    const direction = randomStream({ seed: 1, purpose: 'direction' }).normal(new Float32Array(gradient.length))
    const moved = (step: number) => state.weights.map((value, i) => value + step * direction[i])
    const slope = ((await lossAt(density, moved(1e-3))) - (await lossAt(density, moved(-1e-3)))) / 2e-3
    const along = gradient.reduce((all, value, i) => all + value * direction[i], 0)
    expect(Math.abs(along - slope)).toBeLessThan(0.02 * Math.abs(slope) + 1e-3)
    await plain.dispose()
    await trainer.dispose()
  })

  test('the importance-sampled gradient is that of even times in the mean, without the ratio it is not', async () => {
    const [mean, width] = target === 'sample' ? [1.6, 4] : [1, 4]
    const density = logSnrDensity({ name: 'normal', mean, width, code: codeFor(target) })
    const trainers = await Promise.all([
      trainerOf(target, { name: 'uniform' }, 256),
      trainerOf(target, { name: 'uniform', importance: true }, 256),
    ])
    const [even, sampled] = trainers
    const state = even.initialState()
    const direction = randomStream({ seed: 8, purpose: 'direction' }).normal(
      new Float32Array(flatSize(network.parameters)),
    )
    const alongs = async (trainer: Trainer, schedule: TrainingSchedule, from: number) => {
      const all: number[] = []
      for (let k = 0; k < 60; k++) {
        const gradient = await trainer.lossGradient(state, schedule, trainer.draw(from + k))
        all.push(gradient.reduce((sum, value, i) => sum + value * direction[i], 0))
      }
      const mean = all.reduce((sum, value) => sum + value, 0) / all.length
      return { mean, variance: all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 59 / 60 }
    }
    const a = await alongs(even, codeFor(target), 0)
    const b = await alongs(sampled, density, 100)
    const c = await alongs(even, density, 200)
    const gap = (x: typeof a) => Math.abs(x.mean - a.mean) / Math.sqrt(x.variance + a.variance)
    expect(gap(b)).toBeLessThan(4)
    expect(gap(c)).toBeGreaterThan(5)
    for (const trainer of trainers) await trainer.dispose()
  })
})

test('the mean of the ratio over the density is 1', () => {
  for (const code of [cosine, flowSchedule(T)]) {
    const density = logSnrDensity({ name: 'normal', width: 5, code })
    let sum = 0
    for (let i = 0; i < 20_000; i++) sum += importanceRatio(density, density.logSnr((i + 0.5) / 20_000)) / 20_000
    expect(Math.abs(sum - 1)).toBeLessThan(0.01)
  }
})

test('even times are not importance sampled; whole times carry no density', async () => {
  const trainer = await trainerOf('noise', { name: 'uniform', importance: true })
  await expect(trainer.step(trainer.initialState(), cosine, trainer.draw(0), 1e-3)).rejects.toMatchObject({
    code: 'training.importance',
    kind: 'input',
  })
  const narrow = logSnrDensity({ name: 'laplace', code: cosine })
  await expect(trainer.step(trainer.initialState(), narrow, trainer.draw(0), 1e-3)).rejects.toThrow(/widen it/)
  await trainer.dispose()
  const table = shuffleUnet({ sample_size: [16, 16], in_channels: 1, timesteps: T, base_dim: 8, dim_mults: [1, 2] })
  expect(() => checkTold(table)).toThrow(expect.objectContaining({ code: 'training.told', kind: 'input' }))
  expect(() => checkTold(network)).not.toThrow()
})

test.each(['sample', 'velocity'] as const)('zero terminal SNR, %s: trains and samples without NaN', async (target) => {
  const schedule = withZeroTerminalSnr(cosine, 0)
  expect(schedule.alphaBar[T - 1]).toBeLessThan(1e-40)
  for (const name of WEIGHTING_NAMES) {
    const trainer = await trainerOf(target, { name })
    const last = { ...trainer.draw(0), times: new Int32Array(16).fill(T - 1) }
    expect(Number.isFinite((await trainer.step(trainer.initialState(), schedule, last, 1e-3)).loss)).toBe(true)
    const { dLogSnr, dSignal } = await trainer.lowerGradient(trainer.initialState(), schedule, last)
    expect([...(dLogSnr ?? []), ...dSignal].every(Number.isFinite)).toBe(true)
    if (name === 'uniform') {
      const { training, ema } = await train(trainer, { steps: 60, schedule, rate: () => 3e-3 })
      const denoiser = await compileDenoiser({
        ...{ network, state: { ...training, weights: ema }, batch: 16, binding: 'bound' },
        prediction: predictionOf(target),
      })
      for (const sampler of ['ddim', 'ddpm', 'dpm-solver++'] as const) {
        const sampling = samplingScheduleFrom(schedule, 'trailing', 5)
        expect(sampling.times[0]).toBe(T - 1)
        const settings = samplerSettings({ sampler })
        const { images } = await generate({ denoiser, schedule: sampling, settings, count: 16, seed: 1 })
        expect(Array.from(images.data).every(Number.isFinite)).toBe(true)
      }
      await denoiser.dispose()
    }
    await trainer.dispose()
  }
})
