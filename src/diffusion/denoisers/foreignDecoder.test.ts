/** An autoencoder against real diffusers: pictures of latents, the derivative of their sum with a cotangent by autograd, latents of pictures. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import vectors from '../../../test/found/latents/vectors.json' with { type: 'json' }
import { tensor } from '../../base/index.ts'
import type { ForeignDecoder } from '../index.ts'
import { encodePictures, openForeignDecoder } from '../index.ts'

const FOUND = 'test/found/latents'
const latentShape = [4, 4, 4]
const images = (values: readonly number[], shape: readonly number[]) =>
  tensor('float32', [2, ...shape], Float32Array.from(values))
const latents = images(vectors.latents, latentShape)

/** max |a - b| / max |b| */
function relative(found: ArrayLike<number>, wanted: readonly number[]): number {
  const most = Math.max(...wanted.map(Math.abs))
  return Math.max(...wanted.map((value, i) => Math.abs(value - found[i]))) / most
}

let decoder: ForeignDecoder
beforeAll(async () => {
  decoder = await openForeignDecoder({ model: `${FOUND}/vae_decoder/model.onnx`, latentShape, scale: { scaling: 0.7 } })
})
afterAll(() => decoder.dispose())

describe('a decoder', () => {
  test('gives the pictures of the pipeline, clipped as there', async () => {
    expect(decoder).toMatchObject({ pictureShape: [3, 8, 8], differentiable: true, missingDerivative: null })
    const { data } = await decoder.decode(latents)
    expect(relative(data, vectors.pictures)).toBeLessThan(1e-4)
    expect(Math.max(...data)).toBe(1)
  })

  test('has the derivative that autograd gives, in latents of either element type', async () => {
    const cotangent = images(vectors.cotangent, [3, 8, 8])
    const { data } = await decoder.vjp(latents, cotangent)
    expect(relative(data, vectors.gradient)).toBeLessThan(1e-3)
    const wide = tensor('float64', latents.shape, Float64Array.from(latents.data))
    expect((await decoder.vjp(wide, cotangent)).data).toEqual(Float64Array.from(data))
  })

  test('has the same derivative where it computes activations again', async () => {
    const lean = await openForeignDecoder({
      ...{ model: `${FOUND}/vae_decoder/model.onnx`, latentShape, scale: { scaling: 0.7 } },
      gradientCheckpointing: 'on',
    })
    const cotangent = images(vectors.cotangent, [3, 8, 8])
    const { data } = await lean.vjp(latents, cotangent)
    expect(relative(data, vectors.gradient)).toBeLessThan(1e-3)
    expect(relative(data, Array.from((await decoder.vjp(latents, cotangent)).data))).toBeLessThan(1e-6)
    const [kept, again] = [false, true].map((checkpoints) => lean.bytes(2048, checkpoints)?.derivative ?? 0)
    expect(again).toBeLessThan(0.8 * kept)
    expect(lean.bytes(2048)?.derivative).toBe(again)
    await lean.dispose()
  })

  test('takes any number of latents, each by itself', async () => {
    const three = tensor(
      'float32',
      [3, ...latentShape],
      Float32Array.from([...vectors.latents.slice(64), ...vectors.latents]),
    )
    const { data } = await decoder.decode(three)
    expect(relative(data.subarray(0, 192), vectors.pictures.slice(192))).toBeLessThan(1e-4)
    expect(relative(data.subarray(192), vectors.pictures)).toBeLessThan(1e-4)
  })

  test('shifts latents, or moves them by the mean and deviation of each channel', async () => {
    const moved = async (scale: Parameters<typeof openForeignDecoder>[0]['scale']) => {
      const other = await openForeignDecoder({ model: `${FOUND}/vae_decoder/model.onnx`, latentShape, scale })
      const { data } = await other.decode(latents)
      await other.dispose()
      return data
    }
    const wanted = vectors.shifted.map((value) => Math.min(1, Math.max(-1, value)))
    expect(relative(await moved({ scaling: 0.7, shift: vectors.shift }), wanted)).toBeLessThan(1e-4)
    const channels = [1, 2, 3, 4]
    const own = await moved({
      scaling: 1.4,
      mean: channels.map(() => vectors.shift),
      deviation: channels.map(() => 2),
    })
    expect(relative(own, wanted)).toBeLessThan(1e-4)
  })

  test('is refused where it does not take the latents, and where it is no decoder', async () => {
    const open = (model: string, shape: readonly number[]) =>
      openForeignDecoder({ model: `${FOUND}/${model}/model.onnx`, latentShape: shape, scale: { scaling: 1 } })
    await expect(open('vae_decoder', [3, 4, 4])).rejects.toMatchObject({ code: 'model.decoder' })
    await expect(open('unet', latentShape)).rejects.toThrow(/must take one input .* has sample/)
    await expect(open('vae_encoder', [3, 8, 8])).rejects.toThrow(/must give pictures \[1, 1 or 3, height, width\]/)
  })
})

test('an encoder gives the mean of the latents, at the scale of the sampler', async () => {
  const found = await encodePictures(`${FOUND}/vae_encoder/model.onnx`, images(vectors.picture, [3, 8, 8]), {
    latentShape,
    scale: { scaling: 0.7, shift: 0.2 },
  })
  const wanted = vectors.mean.map((value) => (value - 0.2) * 0.7)
  expect(relative(found.data, wanted)).toBeLessThan(1e-4)
  const other = encodePictures(`${FOUND}/vae_encoder/model.onnx`, images(vectors.picture, [3, 8, 8]), {
    latentShape: [4, 8, 8],
    scale: { scaling: 1 },
  })
  await expect(other).rejects.toMatchObject({ code: 'model.encoder' })
})
