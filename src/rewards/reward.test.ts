/** What every reward does, whatever it is made of: ranges mapped, calls and answers checked. */
import { describe, expect, test } from 'vitest'
import { tensor } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
import type { RewardDefinition } from './reward.ts'
import { defineReward } from './reward.ts'

const images = tensor('float64', [2, 1, 1, 2], Float64Array.from([-1, 0.5, 0, 1]))

/** r = sum of x^2 over the pixels, in the reward's own units. */
const squares = {
  name: 'squares',
  hash: 'h',
  values: async ({ data }: Images) => [data[0] ** 2 + data[1] ** 2, data[2] ** 2 + data[3] ** 2],
  gradient: async ({ data }: Images) => ({
    values: [data[0] ** 2 + data[1] ** 2, data[2] ** 2 + data[3] ** 2],
    gradient: Array.from(data, (pixel) => 2 * pixel),
  }),
}
const failing = (change: Partial<RewardDefinition>, call: Images = images, classes?: Int32Array) =>
  defineReward({ ...squares, ...change }).values(call, classes)

describe('pixel ranges', () => {
  test('images in [-1, 1] arrive in the range of the reward, and derivatives come back per unit of [-1, 1]', async () => {
    const reward = defineReward({ ...squares, imageRange: [10, 30] })
    // -1 -> 10, .5 -> 25, 0 -> 20, 1 -> 30
    expect([...(await reward.values(images))]).toEqual([100 + 625, 400 + 900])
    const { values, gradient } = await reward.gradient(images)
    expect([...values]).toEqual([725, 1300])
    expect([...gradient.data]).toEqual([200, 500, 400, 600])
    expect([gradient.dtype, gradient.shape]).toEqual(['float64', [2, 1, 1, 2]])
  })

  test('float32 images give float32 derivatives, and are left as they were', async () => {
    const single = tensor('float32', [2, 1, 1, 2], Float32Array.from(images.data))
    const { gradient } = await defineReward({ ...squares, imageRange: [0, 1] }).gradient(single)
    expect(gradient.dtype).toBe('float32')
    expect([...gradient.data]).toEqual([0, 0.75, 0.5, 1])
    expect([...single.data]).toEqual([...images.data])
  })

  test('pixels beyond [-1, 1] are rated as they are, and noted', async () => {
    const reward = defineReward(squares)
    await reward.values(images)
    expect(reward.notes?.()).toEqual([])
    await reward.values(tensor('float64', [2, 1, 1, 2], Float64Array.from([-1.0005, 1.0005, 0, 0])))
    expect(reward.notes?.()).toEqual([])
    const unclipped = tensor('float64', [2, 1, 1, 2], Float64Array.from([-3, 0, 0, 1.5]))
    expect([...(await reward.values(unclipped))]).toEqual([9, 2.25])
    expect(reward.notes?.()).toEqual([expect.stringMatching(/'squares' was given pixels from -3.00 to 1.50/)])
  })

  test.each([
    ['image', { imageRange: [1, 0] as const }, /image range of reward 'squares'.*low < high, got \[1, 0\]/],
    ['image', { imageRange: [0, Infinity] as const }, /image range/],
    ['value', { valueRange: [2, 2] as const }, /value range.*got \[2, 2\]/],
  ])('a range that is none is refused: %s', (_, change, message) => {
    expect(() => defineReward({ ...squares, ...change })).toThrow(message)
  })
})

describe('a call that does not fit', () => {
  test.each([
    [
      'image size',
      { imageShape: [1, 2, 1] },
      images,
      undefined,
      'reward.images',
      /\[n,1,2,1\], n >= 1, got \[2,1,1,2\]/,
    ],
    ['no images', {}, tensor('float64', [0, 1, 1, 2], new Float64Array()), undefined, 'reward.images', /n >= 1/],
    [
      'NaN pixel',
      {},
      tensor('float64', [2, 1, 1, 1], Float64Array.of(0, Number.NaN)),
      undefined,
      'reward.images',
      /image 1 has a pixel NaN/,
    ],
    ['classes missing', { classes: 10 }, images, undefined, 'reward.classes', /depends on the class/],
    ['classes of another count', {}, images, Int32Array.of(1), 'reward.classes', /one class per image \(2\), got 1/],
    [
      'the null class',
      { classes: 10 },
      images,
      Int32Array.of(3, 10),
      'reward.classes',
      /0 to 9, image 1 was asked to be 10/,
    ],
  ] as const)('%s', async (_, change, call, classes, code, message) => {
    const error = await failing(change, call, classes).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('a derivative that is not there says why', async () => {
    const { gradient: _, ...plain } = squares
    const reward = defineReward({ ...plain, noDerivative: 'it is a file' })
    expect(reward.differentiable).toBe(false)
    await expect(reward.gradient(images)).rejects.toMatchObject({
      code: 'reward.derivative',
      message: expect.stringMatching(/'squares' has none: it is a file/),
    })
  })
})

describe('an answer that does not fit', () => {
  const answer = (values: unknown) => ({ values: async () => values as number[] })
  test.each([
    [
      'too few',
      answer([1]),
      'reward.shape',
      /one number per image, a list of 2 for images \[2,1,1,2\], got a list of 1$/,
    ],
    ['nothing', answer(undefined), 'reward.shape', /got undefined$/],
    [
      'a scalar',
      answer(3),
      'reward.shape',
      /a list of 2 for .*, got the single number 3; rate each image by itself, not the batch$/,
    ],
    ['one text', answer('ab'), 'reward.shape', /got the text "ab"; make numbers of texts/],
    ['an object', answer({ data: [1, 2] }), 'reward.shape', /got an object of data$/],
    [
      'a tensor',
      answer({ dims: [2], data: Float32Array.of(1, 2) }),
      'reward.shape',
      /got an object of dims, data; return its numbers, such as tensor.data$/,
    ],
    ['a bigint', answer(3n), 'reward.shape', /got the bigint 3n; make numbers of bigints with Number/],
    ['a bigint each', answer(BigInt64Array.of(1n, 2n)), 'reward.shape', /image 0 got the bigint 1n; make numbers/],
    ['a text each', answer(['1', '2']), 'reward.shape', /image 0 got the text "1"; make numbers of texts with Number/],
    ['a list each', answer([[1], [2]]), 'reward.shape', /image 0 got the list \[1\]; return a flat list/],
    [
      'an object each',
      answer([{ score: 1 }, 2]),
      'reward.shape',
      /image 0 got an object of score; return a plain number/,
    ],
    ['null', answer([1, null]), 'reward.nan', /image 1 got null; repair .* --on-bad-reward drop/],
    ['huge', answer([1, -2e30]), 'reward.scale', /must stay within ±1e\+30, .*, got -2.00e\+30; scale the reward down/],
    ['NaN', answer([1, Number.NaN]), 'reward.nan', /image 1 got NaN/],
    ['infinite', answer([-Infinity, 0]), 'reward.nan', /image 0 got -Infinity/],
    ['no number', answer([1, 'two']), 'reward.shape', /image 1 got the text "two"/],
    [
      'above its range',
      { valueRange: [-1, 1] as const, ...answer([1, 1.2]) },
      'reward.range',
      /\[-1, 1\], image 1 got 1.2/,
    ],
    [
      'below its range',
      { valueRange: [0, Infinity] as const, ...answer([-0.1, 1]) },
      'reward.range',
      /image 0 got -0.1/,
    ],
  ])('%s', async (_, change, code, message) => {
    await expect(failing(change)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('values so small that float32 loses their derivatives are refused with these, and not without', async () => {
    const tiny = { ...squares, values: async () => [0, 1e-31] }
    expect([...(await defineReward(tiny).values(images))]).toEqual([0, 1e-31])
    const reward = defineReward({ ...tiny, gradient: async () => ({ values: [0, 1e-31], gradient: [0, 0, 1e-31, 0] }) })
    await expect(reward.gradient(images)).rejects.toMatchObject({
      code: 'reward.scale',
      message: expect.stringMatching(/must reach 1e-30 somewhere, .*, got at most 1.00e-31 in 2 images; scale it up/),
    })
  })

  test('rounding in float32 does not leave a range', async () => {
    expect([...(await failing({ valueRange: [0, 1], ...answer([1.0000002, -1e-7]) }))]).toEqual([1.0000002, -1e-7])
  })

  test.each([
    ['of another size', [1, 2, 3], 'reward.shape', /a number per pixel.*4 in all, got 3/],
    ['with NaN', [1, 2, 3, Number.NaN], 'reward.nan', /that of image 1 has NaN/],
    [
      'beyond float32',
      [1, 2, 3, 1e39],
      'reward.scale',
      /the derivative of reward 'squares' must stay within .*got 1.00e\+39/,
    ],
  ])('a derivative %s', async (_, gradient, code, message) => {
    const reward = defineReward({ ...squares, gradient: async () => ({ values: [1, 2], gradient }) })
    await expect(reward.gradient(images)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })
})

describe('images that a reward cannot rate, left out', () => {
  const drops = (values: unknown[], gradient: number[] = [1, 2, 3, 4]) =>
    defineReward({
      ...squares,
      onBad: 'drop',
      values: async () => values as number[],
      gradient: async () => ({ values: values as number[], gradient }),
    })
  test.each([[Number.NaN], [Infinity], [null], [undefined]])('%s: the value NaN, the derivative 0', async (bad) => {
    expect([...(await drops([bad, 2]).values(images))]).toEqual([Number.NaN, 2])
    const { values, gradient } = await drops([bad, 2], [Number.NaN, 5, 3, 4]).gradient(images)
    expect([...values]).toEqual([Number.NaN, 2])
    expect([...gradient.data]).toEqual([0, 0, 3, 4])
  })

  test('a derivative that is not finite leaves its image out; what is no number at all is still a mistake', async () => {
    const { values, gradient } = await drops([1, 2], [1, 2, Number.NaN, 4]).gradient(images)
    expect([...values]).toEqual([1, Number.NaN])
    expect([...gradient.data]).toEqual([1, 2, 0, 0])
    await expect(drops(['1', 2]).values(images)).rejects.toMatchObject({ code: 'reward.shape' })
  })

  test('at most a tenth of them', async () => {
    const some = tensor('float64', [100, 1, 1, 1], new Float64Array(100))
    const bad = (count: number) =>
      defineReward({
        ...squares,
        onBad: 'drop',
        values: async () => Float64Array.from({ length: 100 }, (_, i) => (i < count ? Number.NaN : i)),
      }).values(some)
    expect((await bad(10)).filter(Number.isNaN).length).toBe(10)
    await expect(bad(11)).rejects.toMatchObject({
      code: 'reward.unrated',
      message: expect.stringMatching(/10 % of the images at most, .*, but gave no finite number for 11 of 100/),
    })
    // An image that is left out by its derivative is one of them.
    const steep = (count: number) =>
      defineReward({
        ...squares,
        onBad: 'drop',
        gradient: async () => ({
          values: new Float64Array(100).fill(1),
          gradient: Float64Array.from({ length: 100 }, (_, i) => (i < count ? Infinity : 1)),
        }),
      }).gradient(some)
    expect((await steep(10)).values.filter(Number.isNaN).length).toBe(10)
    await expect(steep(11)).rejects.toMatchObject({ code: 'reward.unrated' })
  })
})
