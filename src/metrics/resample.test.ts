/** Against `torch.nn.functional.interpolate(x, size, mode, antialias=True)` of torch 2.13.0, x = ((37 i mod 101) / 50 - 1) as [1, 2, 3, 5]. */
import { expect, test } from 'vitest'
import { tensor } from '../base/index.ts'
import { resampled } from './resample.ts'

const x = tensor(
  'float32',
  [1, 2, 3, 5],
  Float32Array.from({ length: 30 }, (_, i) => ((37 * i) % 101) / 50 - 1),
)
const BILINEAR_7_4 = [
  -0.815, 0.04833, -0.26667, -0.245, -0.64714, -0.00024, -0.1469, -0.22143, -0.14357, -0.14595, 0.21238, -0.15071, 0.36,
  -0.29167, 0.57167, -0.08, 0.21429, -0.43738, 0.42595, -0.22571, 0.06857, -0.5831, 0.28024, -0.37143, 0.02, -0.63167,
  0.23167, -0.42, 0.185, 0.20667, -0.10833, 0.755, 0.13643, 0.1581, -0.1569, 0.70643, -0.00929, 0.01238, -0.30262,
  0.56071, -0.155, -0.13333, -0.44833, 0.415, -0.30071, 0.08167, -0.23333, 0.26929, -0.44643, 0.29667, -0.01833,
  0.12357, -0.495, 0.36833, 0.05333, 0.075,
]
const BICUBIC_7_4 = [
  -1.02376, 0.17463, -0.37811, -0.28008, -0.77368, 0.07807, -0.19194, -0.24948, -0.14939, -0.14517, 0.27611, -0.1618,
  0.40014, -0.39776, 0.67776, -0.12014, 0.33675, -0.58223, 0.59205, -0.26019, 0.10296, -0.71008, 0.37779, -0.42691,
  0.02745, -0.77045, 0.30507, -0.49283, 0.23874, 0.25818, -0.15173, 0.87155, 0.17772, 0.18882, -0.22109, 0.81053,
  0.04538, -0.00192, -0.41183, 0.67818, -0.13395, -0.11451, -0.52442, 0.49885, -0.35251, 0.10906, -0.30085, 0.2803,
  -0.53978, 0.38896, -0.02096, 0.09303, -0.62163, 0.49817, 0.08825, 0.01117,
]

test.each([
  ['bilinear', [7, 4], BILINEAR_7_4],
  ['bilinear', [2, 2], [-0.20386, -0.0667, -0.16977, 0.02477, 0.06159, 0.16432, -0.07648, 0.02625]],
  ['bicubic', [7, 4], BICUBIC_7_4],
  ['bicubic', [2, 2], [-0.20107, -0.04837, -0.14583, 0.01814, 0.02997, 0.17695, -0.10558, 0.0414]],
] as const)('%s to %j', (kernel, size, wanted) => {
  const { shape, data } = resampled(x, size, kernel, [-2, 2]).images
  expect(shape).toEqual([1, 2, ...size])
  expect(Math.max(...data.map((value, i) => Math.abs(value - wanted[i])))).toBeLessThan(1e-5)
})

test('what overshoots is cut to the bounds of an image; the same size is left as it is', () => {
  expect(Math.min(...resampled(x, [7, 4], 'bicubic').images.data)).toBe(-1)
  expect(resampled(x, [3, 5], 'bicubic').images.data).toEqual(x.data)
})

test.each(['bilinear', 'bicubic'] as const)('%s: the way back is the transpose, without what is cut', (kernel) => {
  const bounds = [-0.7, 0.6] as const
  const line = Float64Array.from({ length: 30 }, (_, i) => Math.cos(i))
  const at = (h: number) =>
    resampled({ ...x, data: x.data.map((value, i) => value + h * line[i]) }, [7, 4], kernel, bounds).images.data
  const { images, pullBack } = resampled(x, [7, 4], kernel, bounds)
  const cotangent = tensor(
    'float32',
    images.shape,
    images.data.map((_, i) => Math.sin(3 * i)),
  )
  const h = 2 ** -9
  const [above, below] = [at(h), at(-h)]
  const differences = cotangent.data.reduce((sum, value, i) => sum + (value * (above[i] - below[i])) / (2 * h), 0)
  const given = pullBack(cotangent).data.reduce((sum, value, i) => sum + value * line[i], 0)
  expect(images.data.some((value) => value === Math.fround(0.6))).toBe(true)
  expect(given).toBeCloseTo(differences, 3)
})
