/** Jobs on latents: what looks at images looks at their pictures, guidance goes through the decoder or the whole, and grids hold pictures. */
import { expect, test } from 'vitest'
import type { Denoiser, Images, PictureDecoder } from '../../diffusion/index.ts'
import { checkThrough, imagesOf } from '../../diffusion/index.ts'
import { tanhDecoder } from '../../diffusion/latents.fixture.ts'
import type { Reward } from '../../rewards/index.ts'
import { functionReward } from '../../rewards/index.ts'
import { gaussianJob } from './gaussianJob.fixture.ts'
import { rewardOfLatents } from './latents.ts'
import { tuneEntropyStrength } from './tune.ts'

const scaled = ({ data, shape: [count, ...shape] }: Images, factor: number) =>
  imagesOf(
    data.map((value) => factor * value),
    count,
    shape,
  )
/** Pictures are latents times 2. */
const doubling = (pictureShape: readonly number[]): PictureDecoder => ({
  pictureShape,
  differentiable: true,
  decode: async (latents) => scaled(latents, 2),
  vjp: async (_, cotangent) => scaled(cotangent, 2),
})

/** r(x / 2). */
const halved = (reward: Reward): Reward => ({
  ...reward,
  values: (images, classes) => reward.values(scaled(images, 0.5), classes),
  async gradient(images, classes) {
    const { values, gradient } = await reward.gradient(scaled(images, 0.5), classes)
    return { values, gradient: scaled(gradient, 0.5) }
  },
})

test('a job on latents comes to what the same job comes to on the images, digit for digit', async () => {
  const job = gaussianJob({ a: 1, b: 2, steps: 4, settings: { maxEvaluations: 4000, gridImages: 2 } })
  const { denoiser, reward, judge } = job
  const latent: Denoiser = { ...denoiser, decoder: doubling(denoiser.imageShape) }
  const [on, of] = await Promise.all([
    tuneEntropyStrength(job),
    tuneEntropyStrength({ ...job, denoiser: latent, reward: halved(reward), judge: halved(judge) }),
  ])
  expect(of.entropyStrength).toEqual(on.entropyStrength)
  const without = ({ curve }: typeof on) => curve.map(({ diversity: _, ...point }) => point)
  expect(without(of)).toEqual(without(on))
  // Distances between pictures are twice those between latents.
  const spread = ({ curve }: typeof on) => curve.map(({ diversity }) => diversity?.mean ?? 0)
  expect(spread(of)).toEqual(spread(on).map((value) => 2 * value))
  expect(Math.min(...spread(on))).toBeGreaterThan(0)
  expect(of.grids[0].images).toEqual(on.grids[0].images.map((value) => 2 * value))
})

test('the derivative of a reward of latents is that of its pictures, pulled back', async () => {
  const ink = functionReward({
    name: 'first squared',
    values: ({ data, shape: [n] }) => Array.from({ length: n }, (_, i) => data[2 * i] ** 2),
    gradient: ({ data, shape: [n] }) => ({
      values: Array.from({ length: n }, (_, i) => data[2 * i] ** 2),
      gradient: Array.from(data, (pixel, j) => (j % 2 === 0 ? 2 * pixel : 0)),
    }),
  })
  const reward = rewardOfLatents(ink, tanhDecoder, [1, 2, 2])
  const z = (first: number) => imagesOf(Float64Array.of(first, -0.2, 0.5, 0.1), 1, [1, 2, 2])
  const { gradient } = await reward.gradient(z(0.4))
  const [above, below] = [await reward.values(z(0.4 + 1e-5)), await reward.values(z(0.4 - 1e-5))]
  expect(gradient.data[0]).toBeCloseTo((above[0] - below[0]) / 2e-5, 8)
  expect(Math.abs(gradient.data[0])).toBeGreaterThan(0.1)
})

test('of latents guidance leaves out the network with decoder, of pictures with reward', () => {
  const decoder = tanhDecoder
  expect(() => checkThrough('reward', { decoder })).toThrow(/take through decoder/)
  expect(() => checkThrough('decoder', {})).toThrow(/take through reward/)
  for (const through of ['network', 'decoder'] as const) expect(() => checkThrough(through, { decoder })).not.toThrow()
})
