/** What a network is trained to predict: targets, levels and times of each, and samples of networks that were trained so. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import { adam, mlp } from '../../nn/index.ts'
import type { TrainingTarget } from '../denoiser.ts'
import { predictionOf, TRAINING_TARGETS } from '../denoiser.ts'
import { compileDenoiser } from '../denoisers/compiledDenoiser.ts'
import { generate } from '../samplers/generate.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { flowSchedule } from '../schedules/flowSchedule.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { levelsAtTimes, pullBackToLogSnr } from './forward.ts'
import { train } from './train.ts'
import { Trainer } from './trainer.ts'

const T = 100
const scheduleOf = (target: TrainingTarget) =>
  target === 'flow' ? flowSchedule(T) : noiseSchedule({ family: 'cosine', timesteps: T, tau: 1.2 })

/** Points of four clusters, deviation .06. */
const CENTRES = [
  [0.6, 0.5],
  [-0.7, 0.4],
  [-0.3, -0.6],
  [0.5, -0.4],
]
const COUNT = 512
const points = Float32Array.from({ length: 2 * COUNT })
const random = randomStream({ seed: 3, purpose: 'points' })
for (let n = 0; n < COUNT; n++) {
  for (const [d, centre] of CENTRES[n % 4].entries())
    points[2 * n + d] = centre + 0.06 * random.normal(new Float64Array(1))[0]
}

const network = mlp({ image_shape: [2, 1, 1], hidden: [96, 96] })

const trainerOf = (prediction: TrainingTarget, batch = 64) =>
  Trainer.create({
    network,
    data: { images: points, labels: null, count: COUNT },
    timesteps: T,
    prediction,
    optimizer: adam(),
    batch,
    seed: 4,
  })

describe.each(TRAINING_TARGETS)('%s', (target) => {
  test('the loss is the mean square of prediction and target', async () => {
    const trainer = await trainerOf(target, 8)
    const schedule = scheduleOf(target)
    const state = trainer.initialState()
    const minibatch = trainer.draw(5)
    const { images, noise, times } = minibatch
    const [first, last] = target === 'flow' ? [1, T] : [0, T - 1]
    expect(times.every((time) => time >= first && time <= last)).toBe(true)
    const { signal, noise: level } = levelsAtTimes(schedule, times)
    const denoiser = await compileDenoiser({
      network,
      state,
      batch: 1,
      binding: 'fed',
      prediction: predictionOf(target),
    })
    let sum = 0
    for (const [n, time] of times.entries()) {
      const [s, sigma] = [signal[n], level[n]]
      const at = (d: number) => [images[2 * n + d], noise[2 * n + d]]
      if (target === 'flow') expect(s + sigma).toBeCloseTo(1, 6)
      else expect(s * s + sigma * sigma).toBeCloseTo(1, 6)
      const x = Float32Array.from([0, 1], (d) => s * at(d)[0] + sigma * at(d)[1])
      const { data } = await denoiser.predict({ dtype: 'float32', shape: [1, 2, 1, 1], data: x }, time)
      for (const d of [0, 1]) {
        const [x0, eps] = at(d)
        const wanted = { noise: eps, sample: x0, velocity: s * eps - sigma * x0, flow: eps - x0 }[target]
        sum += (data[d] - wanted) ** 2 / 16
      }
    }
    const { loss } = await trainer.lowerGradient(state, schedule, minibatch)
    expect(loss).toBeCloseTo(sum, 5)
    expect((await trainer.step(state, schedule, minibatch, 1e-3)).loss).toBeCloseTo(sum, 5)
    await denoiser.dispose()
    await trainer.dispose()
  })

  test('the loss’s derivative in the levels is the central difference, the target’s own part with it', async () => {
    const trainer = await trainerOf(target, 32)
    const schedule = scheduleOf(target)
    const state = trainer.initialState()
    const minibatch = trainer.draw(2)
    const { times } = minibatch
    const { dSignal, dNoise } = await trainer.lowerGradient(state, schedule, minibatch)
    const moved = async (h: number) => {
      const shifted = {
        ...schedule,
        logSnr: schedule.logSnr.map((value) => value + h),
        level: (time: number) => {
          const { logSnr } = schedule.level(time)
          return {
            logSnr: logSnr + h,
            signal: 1 / (1 + Math.exp(-(logSnr + h) / 2)),
            noise: 1 / (1 + Math.exp((logSnr + h) / 2)),
            path: 'flow' as const,
          }
        },
      }
      return (await trainer.lowerGradient(state, shifted, minibatch)).loss
    }
    const all = pullBackToLogSnr(schedule, times, dSignal, dNoise).reduce((sum, d) => sum + d, 0)
    const difference = ((await moved(0.02)) - (await moved(-0.02))) / 0.04
    expect(Math.abs(all - difference)).toBeLessThan(0.03 * Math.abs(all))
    expect(Math.abs(all)).toBeGreaterThan(1e-3)
    await trainer.dispose()
  })
})

test('levels of another process than what is predicted are refused', async () => {
  const flow = await trainerOf('flow', 4)
  const noise = await trainerOf('velocity', 4)
  const [state, batch] = [flow.initialState(), flow.draw(0)]
  await expect(flow.step(state, scheduleOf('noise'), batch, 1e-3)).rejects.toThrow(
    'to predict flow a network is trained at the levels of a flow, flowSchedule(T); got levels with signal^2 + noise^2 = 1',
  )
  await expect(noise.lowerGradient(state, scheduleOf('flow'), noise.draw(0))).rejects.toMatchObject({
    code: 'training.prediction',
    kind: 'input',
  })
  await flow.dispose()
  await noise.dispose()
})

test('samples of a network come as near to the data whatever it was trained to predict', async () => {
  const distances: Record<string, number> = {}
  for (const target of TRAINING_TARGETS) {
    const trainer = await trainerOf(target)
    const schedule = scheduleOf(target)
    const { training, ema } = await train(trainer, {
      steps: 1500,
      schedule,
      rate: (step) => 4e-3 * Math.min(1, 2 - step / 750),
      maxDecay: 0.99,
    })
    const state = { ...training, weights: ema }
    const denoiser = await compileDenoiser({
      network,
      state,
      batch: 256,
      binding: 'bound',
      prediction: predictionOf(target),
    })
    const { images } = await generate({
      denoiser,
      schedule: samplingScheduleFrom(schedule, 'trailing', 25),
      settings: samplerSettings({ sampler: 'dpm-solver++' }),
      count: 256,
      seed: 9,
    })
    const data = Array.from(images.data)
    const nearest = Array.from({ length: 256 }, (_, n) =>
      CENTRES.map(([x, y]) => Math.hypot(data[2 * n] - x, data[2 * n + 1] - y)).map((distance, k) => ({ distance, k })),
    ).map((all) => all.reduce((best, one) => (one.distance < best.distance ? one : best)))
    distances[target] = nearest.reduce((sum, { distance }) => sum + distance, 0) / 256
    // Every cluster has its share.
    for (const k of CENTRES.keys()) expect(nearest.filter((one) => one.k === k).length, target).toBeGreaterThan(35)
    await denoiser.dispose()
    await trainer.dispose()
  }
  // Measured: noise .152, sample .209, velocity .118, flow .110; the data themselves .075, noise about 1.
  for (const target of TRAINING_TARGETS) expect(distances[target], target).toBeLessThan(1.5 * distances.noise)
  expect(distances.noise).toBeLessThan(0.2)
})
