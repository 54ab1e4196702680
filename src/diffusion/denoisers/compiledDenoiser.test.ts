import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tensor } from '../../base/index.ts'
import { float32, randomStream, sizeOf } from '../../base/index.ts'
import { evaluate } from '../../graph/index.ts'
import type { DenoisingNetwork, NetworkState } from '../../nn/index.ts'
import { initialState, shuffleUnet, unet } from '../../nn/index.ts'
import { anyBatch } from '../samplers/anyBatch.ts'
import type { CompiledDenoiser } from './compiledDenoiser.ts'
import { compileDenoiser } from './compiledDenoiser.ts'
import { activationBytes } from './programCost.ts'
import { denoiseVjpGraph } from './programs.ts'

const network = unet({ size: 8, channels: [8], groups: 4, classes: 3 })
const indexed = shuffleUnet({ sample_size: 4, base_dim: 4, dim_mults: [2], timesteps: 9, time_embedding_dim: 4 })
const BATCH = 3

const normal = (item: number, shape: readonly number[]): Tensor<'float32'> =>
  float32(randomStream({ seed: 2, purpose: 'test', item }).normal(new Float32Array(sizeOf(shape))), shape)

const imagesOf = (item: number, count: number, { imageShape }: DenoisingNetwork = network) =>
  normal(item, [count, ...imageShape])

/** A start moved off the places where layers are 0. */
function stateOf(of: DenoisingNetwork, seed: number): NetworkState {
  const { weights, statistics } = initialState(of, seed)
  const noise = normal(seed, [weights.length]).data
  return { weights: weights.map((value, i) => value + 0.05 * noise[i]), statistics }
}

const difference = (a: { data: ArrayLike<number> }, b: { data: ArrayLike<number> }): number =>
  Array.from(a.data).reduce((most, value, i) => Math.max(most, Math.abs(value - b.data[i])), 0)

const state = stateOf(network, 1)
let bound: CompiledDenoiser
let fed: CompiledDenoiser

beforeAll(async () => {
  bound = await compileDenoiser({ network, state, batch: BATCH, binding: 'bound' })
  fed = await compileDenoiser({ network, state, batch: BATCH, binding: 'fed' })
})
afterAll(() => Promise.all([bound.dispose(), fed.dispose()]))

const classes = Int32Array.of(2, 0, 3)

describe('bound and fed', () => {
  test('predict alike', async () => {
    const x = imagesOf(10, BATCH)
    const [one, two] = [await bound.predict(x, 611.5, classes), await fed.predict(x, 611.5, classes)]
    expect(one.shape).toEqual(x.shape)
    expect(difference(one, two)).toBeLessThan(1e-5)
  })

  test('have the same derivatives, those of the reference; weights on demand', async () => {
    const [x, cotangent] = [imagesOf(11, BATCH), imagesOf(12, BATCH)]
    const time = 87.25
    const truth = evaluate(denoiseVjpGraph(network, BATCH, { weights: true }), {
      weights: float32(state.weights),
      sample: x,
      timestep: float32(new Float32Array(BATCH).fill(time)),
      class_labels: { dtype: 'int64', shape: [BATCH], data: Float64Array.from(classes) },
      cotangent,
    })
    const dtime = truth.dtime.data.reduce((sum, value) => sum + value, 0)
    for (const denoiser of [bound, fed]) {
      const plain = await denoiser.vjp(x, time, classes, cotangent)
      const all = await denoiser.vjp(x, time, classes, cotangent, { weights: true })
      expect(plain.dweights).toBeUndefined()
      for (const { dx, dtime: came } of [plain, all]) {
        expect(difference(dx, truth.dx)).toBeLessThan(1e-4)
        expect(came).toBeCloseTo(dtime, 4)
      }
      expect(difference({ data: all.dweights ?? [] }, truth.dweights)).toBeLessThan(1e-3)
    }
  })

  test('arrays may be filled anew as soon as a call has returned', async () => {
    const [x, labels, cotangent] = [imagesOf(10, BATCH), Int32Array.from(classes), imagesOf(12, BATCH)]
    const asked = [10, 20, 30].map((item, i) => [imagesOf(item, BATCH), Int32Array.of(i, 0, 3)] as const)
    const refilled = <T>(call: () => Promise<T>): Promise<T[]> =>
      Promise.all(
        asked.map(([images, own]) => {
          x.data.set(images.data)
          labels.set(own)
          cotangent.data.set(images.data)
          return call()
        }),
      )
    for (const denoiser of [bound, fed]) {
      const predictions = await refilled(() => denoiser.predict(x, 611.5, labels))
      const derivatives = await refilled(() => denoiser.vjp(x, 611.5, labels, cotangent))
      for (const [i, [images, own]] of asked.entries()) {
        expect(difference(predictions[i], await denoiser.predict(images, 611.5, own))).toBe(0)
        expect(difference(derivatives[i].dx, (await denoiser.vjp(images, 611.5, own, images)).dx)).toBe(0)
      }
    }
    const pullbacks = await refilled(() => bound.pullback!(x, 611.5, labels))
    const [image, own] = asked[0]
    const { dx } = await bound.vjp(image, 611.5, own, image)
    expect(difference(pullbacks[0].prediction, await bound.predict(image, 611.5, own))).toBeLessThan(1e-6)
    expect(difference((await pullbacks[0].vjp(image)).dx, dx)).toBeLessThan(1e-5)
  })

  test('a pullback is prediction and derivative of the same call, as often as it is asked', async () => {
    const [x, cotangent, other] = [11, 12, 19].map((seed) => imagesOf(seed, BATCH))
    const { prediction, bytes, vjp } = await bound.pullback!(x, 87.25, classes)
    expect(difference(prediction, await bound.predict(x, 87.25, classes))).toBeLessThan(1e-6)
    expect(bytes).toBe(BATCH * activationBytes(network))
    for (const g of [cotangent, other, cotangent]) {
      const [kept, again] = [await vjp(g), await bound.vjp(x, 87.25, classes, g)]
      expect(difference(kept.dx, again.dx)).toBeLessThan(1e-6)
      expect(kept.dtime).toBeCloseTo(again.dtime ?? Number.NaN, 6)
    }
    expect(fed.pullback).toBeUndefined()
  })

  test('setState: fed takes other weights at once, bound refuses', async () => {
    const x = imagesOf(13, BATCH)
    const before = await fed.predict(x, 40, classes)
    const other = stateOf(network, 6)
    fed.setState(other)
    const after = await fed.predict(x, 40, classes)
    const fresh = await compileDenoiser({ network, state: other, batch: BATCH, binding: 'bound' })
    expect(difference(after, await fresh.predict(x, 40, classes))).toBeLessThan(1e-5)
    expect(difference(after, before)).toBeGreaterThan(1e-3)
    fed.setState(state)
    expect(difference(await fed.predict(x, 40, classes), before)).toBe(0)
    expect(() => bound.setState(other)).toThrow(expect.objectContaining({ code: 'denoiser.bound', kind: 'input' }))
    await fresh.dispose()
  })
})

test('an image does not depend on those it is predicted with, nor on padding', async () => {
  const whole = imagesOf(14, 5)
  const size = sizeOf(network.imageShape)
  const told = Int32Array.of(0, 1, 2, 3, 1)
  const any = anyBatch(bound)
  const all = await any.predict(whole, 300, told)
  const cotangent = imagesOf(15, 5)
  const pulled = await any.vjp(whole, 300, told, cotangent)
  for (const [first, count] of [
    [3, 2],
    [4, 1],
    [1, 3],
  ]) {
    const cut = ({ data }: { data: Float32Array | Float64Array }) => data.subarray(first * size, (first + count) * size)
    const some = (from: Tensor<'float32'>) => float32(cut(from), [count, ...network.imageShape])
    const labels = told.subarray(first, first + count)
    const part = await any.predict(some(whole), 300, labels)
    expect(difference(part, { data: cut(all) })).toBe(0)
    const back = await any.vjp(some(whole), 300, labels, some(cotangent))
    expect(difference(back.dx, { data: cut(pulled.dx) })).toBe(0)
  }
})

test('a batch that is divided among lanes gives each image what a small one gives', async () => {
  const divided = await compileDenoiser({ network, state, batch: 32, binding: 'bound' })
  const [x, cotangent] = [imagesOf(20, 32), imagesOf(21, 32)]
  const told = Int32Array.from({ length: 32 }, (_, i) => i % 4)
  const any = anyBatch(bound)
  expect(difference(await divided.predict(x, 41, told), await any.predict(x, 41, told))).toBeLessThan(1e-6)
  const { vjp, release } = await divided.pullback!(x, 41, told)
  const truth = await any.vjp(x, 41, told, cotangent, { weights: true })
  for (const came of [await vjp(cotangent), await divided.vjp(x, 41, told, cotangent, { weights: true })]) {
    expect(difference(came.dx, truth.dx)).toBeLessThan(1e-5)
    expect(came.dtime).toBeCloseTo(truth.dtime ?? Number.NaN, 4)
    if (came.dweights) expect(difference({ data: came.dweights }, { data: truth.dweights ?? [] })).toBeLessThan(1e-3)
  }
  release()
  await divided.dispose()
})

test('no condition is the null class; an unconditional network takes none', async () => {
  const x = imagesOf(16, BATCH)
  const [none, told, other] = [
    await bound.predict(x, 5),
    await bound.predict(x, 5, Int32Array.of(3, 3, 3)),
    await bound.predict(x, 5, classes),
  ]
  expect(difference(none, told)).toBe(0)
  expect(difference(none, other)).toBeGreaterThan(1e-4)
})

test('a table of integer times: running statistics enter, fractions are refused, no derivative in time', async () => {
  const start = stateOf(indexed, 3)
  const options = { network: indexed, batch: 2, binding: 'bound' } as const
  const denoiser = await compileDenoiser({ ...options, state: start })
  const statistics = start.statistics.map((value, i) => value + 0.3 * Math.abs(Math.sin(i + 1)))
  const settled = await compileDenoiser({ ...options, state: { ...start, statistics } })
  const x = imagesOf(17, 2, indexed)
  expect(difference(await denoiser.predict(x, 8), await settled.predict(x, 8))).toBeGreaterThan(1e-3)
  await expect(denoiser.predict(x, 7.5)).rejects.toMatchObject({ code: 'times.integerOnly', kind: 'input' })
  expect((await denoiser.vjp(x, 8, undefined, imagesOf(18, 2, indexed))).dtime).toBeNull()
  expect(denoiser).toMatchObject({ times: 'integer', imageShape: [1, 4, 4], batch: 2, prediction: 'noise' })
  await Promise.all([denoiser.dispose(), settled.dispose()])
})
