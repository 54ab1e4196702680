/** Traced rewards against closed forms, in chunks that do not fit. */
import { afterAll, describe, expect, test } from 'vitest'
import { randomStream, tensor } from '../base/index.ts'
import type { SymbolicTensor } from '../graph/index.ts'
import {
  add,
  argMax,
  cast,
  exp,
  gatherElements,
  greater,
  mul,
  reduceMean,
  reduceSum,
  reshape,
  slice,
} from '../graph/index.ts'
import type { Reward } from './reward.ts'
import { tracedReward } from './traced.ts'

const imageShape = [2, 3, 4]
const SIZE = 24
const COUNT = 7
const images = tensor(
  'float64',
  [COUNT, ...imageShape],
  randomStream({ seed: 5, purpose: 'traced reward' }).normal(new Float64Array(COUNT * SIZE)),
)
const opened: Reward[] = []
const keep = (reward: Reward) => {
  opened.push(reward)
  return reward
}
afterAll(async () => {
  for (const reward of opened) await reward.dispose()
})

/** e^(mean pixel) */
const glow = (x: SymbolicTensor) => exp(reduceMean(x, [1, 2, 3]))
const base = { name: 'glow', imageShape, f: glow }
const glowOf = (pixels: Float64Array) => Math.exp(pixels.reduce((sum, pixel) => sum + pixel, 0) / SIZE)
const row = (i: number) => images.data.slice(i * SIZE, (i + 1) * SIZE)

describe('a traced reward', () => {
  test('values and derivatives, whatever batch they are run in', async () => {
    for (const batch of [1, 3, 100]) {
      const reward = keep(tracedReward({ ...base, batch }))
      const values = await reward.values(images)
      const { values: again, gradient } = await reward.gradient(images)
      expect(values).toHaveLength(COUNT)
      for (let i = 0; i < COUNT; i++) {
        const truth = glowOf(row(i))
        expect(values[i] / truth).toBeCloseTo(1, 5)
        expect(again[i] / truth).toBeCloseTo(1, 5)
        for (const j of [0, 11, 23]) expect((gradient.data[i * SIZE + j] * SIZE) / truth).toBeCloseTo(1, 5)
      }
      expect(gradient.shape).toEqual(images.shape)
    }
  })

  test('in a range of its own', async () => {
    const reward = keep(tracedReward({ ...base, imageRange: [0, 1], batch: 4 }))
    const { values, gradient } = await reward.gradient(images)
    const truth = glowOf(row(6).map((pixel) => (pixel + 1) / 2))
    expect(values[6] / truth).toBeCloseTo(1, 5)
    expect((gradient.data[6 * SIZE] * SIZE * 2) / truth).toBeCloseTo(1, 5)
  })

  test('of the class each image was asked to be', async () => {
    // The mean of the row of pixels that the class names, times (1 + the class).
    const f = (x: SymbolicTensor, classes?: SymbolicTensor) => {
      const b = x.shape[0]
      const means = reduceMean(slice(x, { axis: 1, end: 1 }), [1, 3])
      const chosen = reshape(gatherElements(means, reshape(classes!, [b, 1]), 1), [b])
      return mul(chosen, add(cast(classes!, 'float32'), 1))
    }
    const reward = keep(tracedReward({ name: 'row', imageShape, f, classes: 3, batch: 4 }))
    expect(reward.needsClasses).toBe(true)
    const classes = Int32Array.of(2, 0, 1, 1, 2, 0, 1)
    const { values, gradient } = await reward.gradient(images, classes)
    classes.forEach((label, i) => {
      const pixels = row(i).slice(4 * label, 4 * label + 4)
      expect(values[i]).toBeCloseTo(((1 + label) * pixels.reduce((sum, pixel) => sum + pixel, 0)) / 4, 5)
      const own = [...gradient.data.slice(i * SIZE, (i + 1) * SIZE)]
      expect(
        own.map((slope, j) => (Math.floor(j / 4) === label ? slope === (1 + label) / 4 : slope === 0)),
      ).not.toContain(false)
    })
    await expect(reward.values(images)).rejects.toThrow(/depends on the class/)
  })

  test('its hash is that of structure and constants, not of batch or name', () => {
    const { hash } = tracedReward(base)
    expect(tracedReward({ ...base, name: 'other', batch: 3 }).hash).toBe(hash)
    expect(tracedReward({ ...base, f: (x) => mul(glow(x), 1.5) }).hash).not.toBe(hash)
    const [a, b] = [1.5, 1.25].map((c) => tracedReward({ ...base, f: (x) => mul(glow(x), c) }).hash)
    expect(a).not.toBe(b)
  })
})

describe('a function that does not fit', () => {
  test('adding [b] and [b,1] would mix images', () => {
    const f = (x: SymbolicTensor) => add(reduceMean(x, [1, 2, 3]), reduceSum(reshape(x, [x.shape[0], SIZE]), [1], true))
    expect(() => tracedReward({ ...base, f })).toThrow(/'glow' gives float32\[2,2\]/)
  })

  test.each([
    ['a scalar', (x: SymbolicTensor) => reduceSum(x), /gives float32\[\]/],
    ['a column', (x: SymbolicTensor) => reshape(glow(x), [x.shape[0], 1]), /gives float32\[2,1\]/],
    ['integers', (x: SymbolicTensor) => argMax(reshape(x, [x.shape[0], SIZE]), 1), /gives int64\[2\]/],
  ])('%s', (_, f, message) => {
    expect(() => tracedReward({ ...base, f })).toThrow(message)
  })

  test('a step function has values but no derivative, and says which operator is in the way', async () => {
    const f = (x: SymbolicTensor) => reduceMean(cast(greater(x, 0), 'float32'), [1, 2, 3])
    const reward = keep(tracedReward({ ...base, f, batch: 5 }))
    expect(reward.differentiable).toBe(false)
    const values = await reward.values(images)
    expect(values[3]).toBeCloseTo(row(3).filter((pixel) => pixel > 0).length / SIZE, 6)
    await expect(reward.gradient(images)).rejects.toMatchObject({
      code: 'reward.derivative',
      message: expect.stringMatching(/Greater has no derivative/),
    })
  })
})
