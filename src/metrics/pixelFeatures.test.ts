import { expect, test } from 'vitest'
import { randomStream, tensor } from '../base/index.ts'
import { pixelFeatures } from './pixelFeatures.ts'

const random = (shape: number[], seed: number) => {
  const size = shape.reduce((product, extent) => product * extent, 1)
  return tensor('float64', shape, randomStream({ seed, purpose: 'pixels' }).normal(new Float64Array(size)))
}

test('small images are their own features', async () => {
  const network = pixelFeatures([2, 3, 4])
  const images = random([5, 2, 3, 4], 1)
  expect(network.dimensions).toBe(24)
  expect([...(await network.features(images)).data]).toEqual([...images.data])
})

test('blocks average, also at an edge that cuts them', async () => {
  const network = pixelFeatures([1, 9, 17])
  expect(network.name).toBe('pixels-1x9x17-block2')
  expect(network.dimensions).toBe(5 * 9)
  const images = random([1, 1, 9, 17], 2)
  const { data } = await network.features(images)
  const at = (y: number, x: number) => images.data[y * 17 + x]
  expect(data[0]).toBeCloseTo((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4, 12)
  expect(data[8]).toBeCloseTo((at(0, 16) + at(1, 16)) / 2, 12)
  expect(data[44]).toBeCloseTo(at(8, 16), 12)
})

test.each([[[3, 32, 32]], [[1, 16, 16]], [[3, 64, 48]], [[64, 5, 5]]])('%s has at most 64', (shape) => {
  const { dimensions } = pixelFeatures(shape)
  expect(dimensions).toBeLessThanOrEqual(64)
  expect(dimensions).toBeGreaterThanOrEqual(12)
})

test('the derivative is the transpose: <features(x), g> = <x, vjp(g)>', async () => {
  const network = pixelFeatures([3, 11, 10])
  const x = random([4, 3, 11, 10], 3)
  const g = random([4, network.dimensions], 4)
  const features = await network.features(x)
  const dImages = await network.vjp?.(x, g)
  const left = g.data.reduce((sum, value, i) => sum + value * features.data[i], 0)
  const right = x.data.reduce((sum, value, i) => sum + value * Number(dImages?.data[i]), 0)
  expect(right).toBeCloseTo(left, 10)
})

test('another image shape is refused with both shapes', async () => {
  await expect(pixelFeatures([1, 4, 4]).features(random([2, 1, 5, 4], 1))).rejects.toThrow(/\[n,1,4,4\].*\[2,1,5,4\]/)
  expect(() => pixelFeatures([4, 4])).toThrow(/got \[4,4\]/)
  expect(() => pixelFeatures([65, 2, 2])).toThrow(/at most 64 channels/)
})

test('fewer where fewer are asked for, never below one a channel', () => {
  expect(pixelFeatures([1, 16, 16], 16).name).toBe('pixels-1x16x16-block4')
  expect(pixelFeatures([3, 16, 16], 5).dimensions).toBe(3)
  expect(() => pixelFeatures([3, 16, 16], 2)).toThrow(/at most 2 channels, got \[3,16,16\]/)
  expect(() => pixelFeatures([1, 16, 16], 65)).toThrow(/1 to 64 numbers, got 65/)
})
