/** Some classes of a file as all of its own: the values and derivatives of the file told those classes, to the bit. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exactNoise, foundDenoiser, NULL_CLASS } from '../../../test/found/denoisers/exact.fixture.ts'
import { float32, randomStream } from '../../base/index.ts'
import { loadScheduler } from '../files/loadScheduler.ts'
import { classesAmong } from './classesAmong.ts'
import type { ForeignDenoiser } from './foreignDenoiser.ts'
import { openForeignDenoiser } from './openForeignDenoiser.ts'

const TIME = 17
const COUNT = 4
const images = (purpose: string) =>
  float32(randomStream({ seed: 4, purpose }).normal(new Float32Array(64 * COUNT)), [COUNT, 1, 8, 8])
const [x, cotangent] = [images('x'), images('cotangent')]

let file: ForeignDenoiser
beforeAll(async () => {
  const { schedule: noiseSchedule } = await loadScheduler(foundDenoiser('scheduler.json'))
  file = await openForeignDenoiser({
    ...{ model: foundDenoiser('classes.onnx'), noiseSchedule, batch: COUNT },
    classes: { classes: NULL_CLASS, nullClass: NULL_CLASS },
  })
})
afterAll(() => file.dispose())

test('classes are the file’s from the first on, the one after the last stands for none', async () => {
  const some = classesAmong(file, 1, 2)
  expect(some).toMatchObject({ classes: 2, nullClass: 2, classRows: 3, batch: COUNT, differentiable: true })
  const [own, whole] = [Int32Array.of(0, 1, 2, 0), Int32Array.of(1, 2, NULL_CLASS, 1)]
  const truth = exactNoise(x.data, TIME, (item) => whole[item])
  const predicted = await some.predict(x, TIME, own)
  predicted.data.forEach((value, i) => void expect(value).toBeCloseTo(truth[i], 3))
  expect(predicted).toEqual(await file.predict(x, TIME, whole))
  expect(await some.predict(x, TIME)).toEqual(await file.predict(x, TIME))
  expect(await some.predictTold(x, TIME, own)).toEqual(predicted)
  const gradient = await file.vjp(x, TIME, whole, cotangent)
  expect(await some.vjp(x, TIME, own, cotangent)).toEqual(gradient)
  expect((await some.vjpTold(x, TIME, own, cotangent)).dx).toEqual(gradient.dx)
  const kept = await some.pullback!(x, TIME, own)
  expect((await kept.vjp(cotangent)).dx).toEqual((await (await file.pullback!(x, TIME, whole)).vjp(cotangent)).dx)
  kept.release()
})

test('those of others are not known, and the file stays open', async () => {
  const some = classesAmong(file, 1, 2)
  for (const odd of [3, -1]) {
    const rule = new RegExp(`takes classes 0 to 1, and 2 for none, got ${odd}`)
    await expect(some.predict(x, TIME, Int32Array.of(0, 1, odd, 0))).rejects.toThrow(rule)
  }
  await some.dispose()
  expect((await file.predict(x, TIME)).shape).toEqual(x.shape)
})
