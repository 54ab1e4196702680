/** Files that keep a batch or a time as a constant and do not say so, as exporters write them. */
import { describe, expect, test } from 'vitest'
import { float32, randomStream } from '../../base/index.ts'
import type { SymbolicTensor } from '../../graph/index.ts'
import { add, mul, reshape, trace } from '../../graph/index.ts'
import { encodeModel } from '../../onnx/index.ts'
import { anyBatch } from '../samplers/anyBatch.ts'
import { openForeignDenoiser } from './openForeignDenoiser.ts'

const SHAPE = [1, 2, 3]

/** Traced at a number of images, all axes of which are then declared open; what it reshapes by stays as it was traced. */
function fileOf(images: number, f: (x: SymbolicTensor, time: SymbolicTensor) => SymbolicTensor): Uint8Array {
  const types = {
    sample: { dtype: 'float32', shape: [images, ...SHAPE] },
    timestep: { dtype: 'float32', shape: [images] },
  } as const
  const graph = trace(types, ({ sample, timestep }) => ({ noise: f(sample, timestep) }))
  return encodeModel(graph, { axisNames: { sample: ['n'], timestep: ['n'], noise: ['n'] } })
}

const ofAny = (x: SymbolicTensor, time: SymbolicTensor) => add(mul(x, 0.5), reshape(time, [-1, 1, 1, 1]))
/** By way of a list of pixels, with the number of images that it was traced at. */
const bakedIn = (x: SymbolicTensor, time: SymbolicTensor) => {
  const [images] = x.shape
  return reshape(add(reshape(ofAny(x, time), [images, 6]), 0.25), [images, ...SHAPE])
}

const open = (model: Uint8Array, batch?: number) =>
  openForeignDenoiser({ model, noiseSchedule: { timesteps: 100 }, threads: 1, ...(batch !== undefined && { batch }) })

const x = float32(randomStream({ seed: 4, purpose: 'x' }).normal(new Float32Array(7 * 6)), [7, ...SHAPE])

describe('a batch', () => {
  test.each([
    [1, 8, { batch: 8, batchStep: 1 }, /runs on 1 at once alone.*: images are run one by one/],
    [4, 8, { batch: 8, batchStep: 4 }, /runs on 4 at once alone.*: images are run in parts of 4/],
    // No number that is usual: the engine finds it in what the output must be.
    [3, 8, { batch: 6, batchStep: 3 }, /runs on 3 at once alone/],
    [4, undefined, { batch: 4 }, /runs on 4 at once alone/],
    [8, 8, { batch: 8 }, /runs on 8 at once alone/],
    [2, undefined, { batch: 2 }, /runs on 2 at once alone/],
  ])('of %d that is declared open, asked for %j: run so, which is said', async (images, asked, wanted, note) => {
    const denoiser = await open(fileOf(images, bakedIn), asked)
    expect(denoiser).toMatchObject(wanted)
    expect(denoiser.notes).toEqual([expect.stringMatching(note)])
    const { data } = await anyBatch(denoiser).predict(x, 12)
    data.forEach((value, i) => void expect(value).toBeCloseTo(0.5 * x.data[i] + 12.25, 5))
    const { dx } = await anyBatch(denoiser).vjp(x, 12, undefined, x)
    dx.data.forEach((value, i) => void expect(value).toBeCloseTo(0.5 * x.data[i], 5))
    await denoiser.dispose()
  })

  test('an open one needs no note', async () => {
    const denoiser = await open(fileOf(1, ofAny), 8)
    expect(denoiser.notes).toEqual([])
    await denoiser.dispose()
  })
})

test.each([undefined, 1])('a time that changes nothing is said, batch %j', async (asked) => {
  const denoiser = await open(
    fileOf(1, (sample) => mul(sample, 0.5)),
    asked,
  )
  expect(denoiser.notes).toEqual([
    expect.stringMatching(/the same at the times 99 and 24: .*export it with the time as a tensor/),
  ])
  await denoiser.dispose()
})
