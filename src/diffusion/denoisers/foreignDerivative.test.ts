/** The derivative of one exact denoiser in the forms that people export (`test/found/denoisers`), against central differences of the closed form. */
import { expect, test } from 'vitest'
import { exactNoise, foundDenoiser, NULL_CLASS } from '../../../test/found/denoisers/exact.fixture.ts'
import { float32, randomStream } from '../../base/index.ts'
import type { Images } from '../denoiser.ts'
import { loadScheduler } from '../files/loadScheduler.ts'
import { anyBatch } from '../samplers/anyBatch.ts'
import type { ForeignDenoiserOptions } from './foreignDenoiser.ts'
import { openForeignDenoiser } from './openForeignDenoiser.ts'

const { schedule: noiseSchedule } = await loadScheduler(foundDenoiser('scheduler.json'))
const TIME = 17
const COUNT = 6
const CLASSES = Int32Array.of(3, 0, 1, 2, 1, 3)

const normal = (purpose: string) => randomStream({ seed: 4, purpose }).normal(new Float32Array(64 * COUNT))

/** Noisy images: about what a sampler has at a time in the middle. */
const x = float32(
  normal('x').map((z, i) => (i % 3 === 0 ? z : 0.7 * z - 0.5)),
  [COUNT, 1, 8, 8],
)
const cotangent = float32(normal('cotangent'), [COUNT, 1, 8, 8])
const direction = normal('direction')

/** The derivative of sum(cotangent prediction) along the direction, and per image. */
function expected(classes?: Int32Array): number[] {
  const h = 1e-5
  const at = (sign: number) =>
    exactNoise(
      Float64Array.from(x.data, (value, i) => value + sign * h * direction[i]),
      TIME,
      classes && ((item) => classes[item]),
    )
  const [up, down] = [at(1), at(-1)]
  return Array.from({ length: COUNT }, (_, item) => {
    let sum = 0
    for (let i = 64 * item; i < 64 * (item + 1); i++) sum += (cotangent.data[i] * (up[i] - down[i])) / (2 * h)
    return sum
  })
}

function along({ data }: Images): number[] {
  return Array.from({ length: COUNT }, (_, item) => {
    let sum = 0
    for (let i = 64 * item; i < 64 * (item + 1); i++) sum += data[i] * direction[i]
    return sum
  })
}

function expectClose(got: readonly number[], wanted: readonly number[], within: number): void {
  const largest = Math.max(...wanted.map(Math.abs))
  wanted.forEach((value, i) => void expect(Math.abs(got[i] - value), `${got} ${wanted}`).toBeLessThan(within * largest))
}

test.each<[string, Partial<ForeignDenoiserOptions>, Int32Array | undefined, number]>([
  ['plain', {}, undefined, 1e-4],
  ['plain', { batch: 2, threads: 2 }, undefined, 1e-4],
  ['batch-4', {}, undefined, 1e-4],
  ['batch-4', { batch: 8 }, undefined, 1e-4],
  ['nhwc', {}, undefined, 1e-4],
  ['time-b1', {}, undefined, 1e-4],
  ['time-b111', {}, undefined, 1e-4],
  ['time-scalar', { batch: 3 }, undefined, 1e-4],
  // Images, noise and weights are rounded to eleven bits.
  ['half', { batch: 3 }, undefined, 0.03],
  ['two-outputs', { inputs: { output: 'noise' } }, undefined, 1e-4],
  ['variance', { learnedVariance: true }, undefined, 1e-4],
  ['classes', { batch: 3 }, CLASSES, 1e-4],
  ['classes', { classes: { nullClass: NULL_CLASS } }, undefined, 1e-4],
  ['one-hot', {}, CLASSES, 1e-4],
  ['guidance', { inputs: { constants: { guidance: 1 } } }, CLASSES, 1e-4],
])('%s %j', async (name, options, classes, within) => {
  const opened = await openForeignDenoiser({
    model: foundDenoiser(`${name}.onnx`),
    noiseSchedule,
    threads: 1,
    ...options,
  })
  expect(opened.missingDerivative).toBeNull()
  const denoiser = anyBatch(opened)
  const wanted = expected(classes)
  const { dx, dtime } = await denoiser.vjp(x, TIME, classes, cotangent)
  expect(dx.shape).toEqual(x.shape)
  expectClose(along(dx), wanted, within)
  const kept = await denoiser.pullback!(x, TIME, classes)
  const back = await kept.vjp(cotangent)
  kept.release()
  expectClose(along(back.dx), wanted, within)
  const predicted = await denoiser.predict(x, TIME, classes)
  kept.prediction.data.forEach((value, i) => void expect(value).toBeCloseTo(predicted.data[i], within > 1e-3 ? 1 : 4))
  expect(dtime === null).toBe(!opened.timeDerivative)
  if (dtime !== null) expect(back.dtime).toBeCloseTo(dtime, 3)
  await opened.dispose()
})

test('a file that quantises while it runs has none, and says by what', async () => {
  const denoiser = await openForeignDenoiser({ model: foundDenoiser('int8.onnx'), noiseSchedule, threads: 1 })
  expect(denoiser).toMatchObject({
    differentiable: false,
    missingDerivative: expect.stringMatching(
      /must be one that this project has; it has not: .*DynamicQuantizeLinear \(.+\)/,
    ),
  })
  await denoiser.dispose()
})

test('activations computed again give the same derivative, and none are kept from a prediction', async () => {
  const open = (gradientCheckpointing: 'on' | 'off') =>
    openForeignDenoiser({ model: foundDenoiser('plain.onnx'), noiseSchedule, gradientCheckpointing })
  const [lean, plain] = [await open('on'), await open('off')]
  expect([lean.pullback === undefined, plain.pullback === undefined]).toEqual([true, false])
  const [again, kept] = [await lean.vjp(x, TIME, undefined, cotangent), await plain.vjp(x, TIME, undefined, cotangent)]
  expectClose([...again.dx.data], [...kept.dx.data], 1e-6)
  expect(lean.bytes(4096)).toMatchObject({ kept: 0, derivative: expect.any(Number) })
  expect(lean.bytes(4096)?.derivative).toBeLessThanOrEqual(plain.bytes(4096)?.derivative ?? 0)
  await Promise.all([lean.dispose(), plain.dispose()])
})
