/** Sums and rewards per class against the same made by hand. */
import { describe, expect, test } from 'vitest'
import { tensor } from '../base/index.ts'
import { perClass, weightedSum } from './combine.ts'
import { functionReward } from './function.ts'
import type { Reward } from './reward.ts'

const images = tensor('float64', [3, 1, 1, 2], Float64Array.from([-1, 0.5, 0.25, 1, 0.75, -0.5]))

/** r = x0^power + x1^power. */
function power(
  exponent: number,
  extra: { valueRange?: readonly [number, number]; differentiable?: boolean } = {},
): Reward {
  const { differentiable = true, valueRange = null } = extra
  const values = ({ data }: { data: ArrayLike<number> }) =>
    Array.from({ length: data.length / 2 }, (_, i) => data[2 * i] ** exponent + data[2 * i + 1] ** exponent)
  return functionReward({
    name: `power${exponent}`,
    hash: String(exponent),
    values,
    valueRange,
    imageShape: [1, 1, 2],
    ...(differentiable && {
      gradient: (rated) => ({
        values: values(rated),
        gradient: Array.from(rated.data, (pixel) => exponent * pixel ** (exponent - 1)),
      }),
    }),
  })
}

describe('a weighted sum', () => {
  test('adds values and derivatives', async () => {
    const sum = weightedSum([
      { weight: 2, reward: power(2) },
      { weight: -0.5, reward: power(3) },
    ])
    expect(sum.name).toBe('2*power2 + -0.5*power3')
    const { values, gradient } = await sum.gradient(images)
    for (let i = 0; i < 3; i++) {
      const [a, b] = images.data.subarray(2 * i, 2 * i + 2)
      expect(values[i]).toBeCloseTo(2 * (a * a + b * b) - 0.5 * (a ** 3 + b ** 3), 12)
      expect(gradient.data[2 * i]).toBeCloseTo(4 * a - 1.5 * a * a, 12)
      expect(gradient.data[2 * i + 1]).toBeCloseTo(4 * b - 1.5 * b * b, 12)
    }
    expect([...(await sum.values(images))]).toEqual([...values])
  })

  test('its range is that of interval arithmetic, if all terms declare one', () => {
    const [a, b] = [power(2, { valueRange: [0, 2] }), power(3, { valueRange: [-Infinity, 1] })]
    const rangeOf = (wa: number, wb: number) =>
      weightedSum([
        { weight: wa, reward: a },
        { weight: wb, reward: b },
      ]).valueRange
    expect(rangeOf(3, 2)).toEqual([-Infinity, 8])
    expect(rangeOf(3, -2)).toEqual([-2, Infinity])
    expect(rangeOf(-1, 0)).toEqual([-2, 0])
    expect(
      weightedSum([
        { weight: 1, reward: power(4) },
        { weight: 1, reward: a },
      ]).valueRange,
    ).toBeNull()
  })

  test('one term without a derivative leaves the sum without, and is named', async () => {
    const sum = weightedSum([
      { weight: 1, reward: power(2) },
      { weight: 1, reward: power(3, { differentiable: false }) },
    ])
    expect(sum.differentiable).toBe(false)
    await expect(sum.gradient(images)).rejects.toThrow(/'power2 \+ power3' has none: 'power3' has none/)
  })

  test('what cannot be added', () => {
    expect(() => weightedSum([])).toThrow(/got no terms/)
    expect(() => weightedSum([{ weight: Number.NaN, reward: power(2) }])).toThrow(/got NaN for 'power2'/)
    const other = functionReward({ name: 'other', values: () => [], imageShape: [3, 8, 8] })
    expect(() =>
      weightedSum([
        { weight: 1, reward: power(2) },
        { weight: 1, reward: other },
      ]),
    ).toThrow(/'power2' takes \[1,1,2\] and 'other' \[3,8,8\]/)
  })

  test('disposes of its terms', async () => {
    let open = 2
    const counted = { ...power(2), dispose: async () => void open-- }
    await weightedSum([
      { weight: 1, reward: counted },
      { weight: 2, reward: counted },
    ]).dispose()
    expect(open).toBe(0)
  })
})

describe('a reward per class', () => {
  test('rates each image by the reward of its class', async () => {
    const reward = perClass({ 7: power(2), 2: power(3) })
    expect(reward.needsClasses).toBe(true)
    const classes = Int32Array.of(7, 2, 7)
    const { values, gradient } = await reward.gradient(images, classes)
    classes.forEach((label, i) => {
      const [a, b] = images.data.subarray(2 * i, 2 * i + 2)
      const n = label === 7 ? 2 : 3
      expect(values[i]).toBeCloseTo(a ** n + b ** n, 12)
      expect(gradient.data[2 * i]).toBeCloseTo(n * a ** (n - 1), 12)
      expect(gradient.data[2 * i + 1]).toBeCloseTo(n * b ** (n - 1), 12)
    })
    expect([...(await reward.values(images, classes))]).toEqual([...values])
    const single = tensor('float32', images.shape, Float32Array.from(images.data))
    expect((await reward.gradient(single, classes)).gradient.dtype).toBe('float32')
  })

  test('in a sum, the classes go on to it', async () => {
    const sum = weightedSum([
      { weight: 10, reward: perClass({ 0: power(2), 1: power(3) }) },
      { weight: 1, reward: power(1) },
    ])
    expect(sum.needsClasses).toBe(true)
    const values = await sum.values(images, Int32Array.of(1, 0, 1))
    expect(values[1]).toBeCloseTo(10 * (0.0625 + 1) + 1.25, 12)
    await expect(sum.values(images)).rejects.toMatchObject({ code: 'reward.classes' })
  })

  test('a class without a reward is named', async () => {
    await expect(perClass({ 0: power(2), 1: power(3) }).values(images, Int32Array.of(0, 1, 4))).rejects.toThrow(
      /rewards for classes 0, 1, image 2 was asked to be 4/,
    )
    expect(() => perClass({})).toThrow(/at least one class/)
  })
})
