/** Minibatches whose targets are what the network predicts: the same inputs, no loss, and the Gauss-Newton matrix for a Hessian. */
import { describe, expect, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import { adam, flatSize, mlp, shuffleUnet, unet } from '../../nn/index.ts'
import type { TrainingTarget } from '../denoiser.ts'
import { TRAINING_TARGETS } from '../denoiser.ts'
import { flowSchedule } from '../schedules/flowSchedule.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { levelsOfDraw } from './forward.ts'
import { Trainer } from './trainer.ts'

const T = 200
const BATCH = 16
const cosine = noiseSchedule({ family: 'cosine', timesteps: T })
const points = randomStream({ seed: 3, purpose: 'points' }).normal(new Float32Array(2 * 128))
const network = mlp({ image_shape: [2, 1, 1], hidden: [24, 24] })

const trainerOf = (prediction: TrainingTarget) =>
  Trainer.create({
    network,
    data: { images: points.map((value) => 0.3 * value), labels: null, count: 128 },
    ...{ timesteps: T, prediction, optimizer: adam(), batch: BATCH, seed: 4 },
    ...(prediction === 'noise' && { weighting: { name: 'min-snr' as const } }),
  })

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, v, i) => sum + v * b[i], 0)

describe.each(TRAINING_TARGETS)('%s', (target) => {
  test('inputs as they were, the loss 0; its Hessian is J J of the predictions, along any direction', async () => {
    const trainer = await trainerOf(target)
    const schedule = target === 'flow' ? flowSchedule(T) : cosine
    const state = trainer.initialState()
    const drawn = trainer.draw(2)
    const own = await trainer.ownTargets(state, schedule, drawn)
    const { signal, noise } = levelsOfDraw(schedule, drawn)
    const inputsOf = ({ images, noise: eps }: typeof drawn) =>
      Float64Array.from(images, (x0, i) => signal[i >> 1] * x0 + noise[i >> 1] * eps[i])
    const inputs = inputsOf(drawn)
    inputsOf(own).forEach((x, i) => {
      expect(Math.abs(x - inputs[i])).toBeLessThan(1e-5)
    })
    const lossOf = async (minibatch: typeof drawn) => (await trainer.lowerGradient(state, schedule, minibatch)).loss
    expect(await lossOf(own)).toBeLessThan(1e-9)
    expect(await lossOf(drawn)).toBeGreaterThan(1e-2)

    const direction = randomStream({ seed: 1, purpose: 'direction' }).normal(
      new Float32Array(flatSize(network.parameters)),
    )
    const h = 2e-3
    const at = (step: number) => ({ ...state, weights: state.weights.map((value, i) => value + step * direction[i]) })
    const gradientAt = (step: number) => trainer.lossGradient(at(step), schedule, own)
    const [above, below] = [await gradientAt(h), await gradientAt(-h)]
    const curvature = (dot(above, direction) - dot(below, direction)) / (2 * h)
    // The loss of moved weights is the mean of the squares by which predictions moved: h^2 v' J' J v, half of the curvature.
    const squared = async (step: number) => (await trainer.lowerGradient(at(step), schedule, own)).loss / step ** 2
    const wanted = (await squared(h)) + (await squared(-h))
    expect(Math.abs(curvature / wanted - 1)).toBeLessThan(1e-2)
    expect(curvature).toBeGreaterThan(0)
    await trainer.dispose()
  })
})

test.each([
  ['batch statistics', shuffleUnet({ sample_size: 8, base_dim: 4, dim_mults: [2, 4] })],
  ['classes', unet({ size: 8, channels: [8, 8], groups: 4, classes: 3 })],
])('a network with %s: its loss is 0 as well', async (_, network) => {
  const images = randomStream({ seed: 5, purpose: 'images' }).normal(new Float32Array(64 * 32))
  const labels = Int32Array.from({ length: 32 }, (_, i) => i % 3)
  const trainer = await Trainer.create({
    network,
    data: { images, labels, count: 32 },
    ...{ timesteps: T, optimizer: adam(), batch: 8, seed: 4 },
  })
  const state = trainer.initialState()
  const own = await trainer.ownTargets(state, cosine, trainer.draw(1))
  expect((await trainer.lowerGradient(state, cosine, own)).loss).toBeLessThan(1e-8)
  await trainer.dispose()
})
