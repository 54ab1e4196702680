/** Two sets of images, or their statistics, against each other: by the functions underneath, by pytorch-fid's own numbers, and by what is refused. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode } from 'fast-png'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomStream, tensor } from '../../base/index.ts'
import { readLabelled, writeStatistics } from '../../metrics/files/index.ts'
import {
  frechetDistance,
  kernelDistance,
  pixelFeatures,
  precisionRecall,
  referenceFromStatistics,
  referenceMoments,
} from '../../metrics/index.ts'
import { UNKNOWN_CALLER } from '../../runs/index.ts'
import { anyJob } from '../job.ts'
import { compareImages } from './compare.ts'
import { fidJob } from './job.ts'
import { planFid } from './plan.ts'
import { resolveFidConfig } from './settings.ts'

const FOUND = 'test/found/statistics'
const found = (name: string) => join(FOUND, `${name}.npz`)

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bilevel-fid-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const fid = (a: string, b: string | null, settings: Record<string, unknown> = {}, hooks = {}) =>
  compareImages(a, b, resolveFidConfig([{ source: 'the test', values: settings }]), hooks)

/** A folder of made pictures; @returns the pixels, 0 to 255, by name. */
async function pictures(name: string, count: number, channels: 1 | 3, mean: number): Promise<number[][]> {
  const path = join(folder, name)
  await mkdir(path, { recursive: true })
  const stream = randomStream({ seed: mean, purpose: name })
  const all: number[][] = []
  for (let i = 0; i < count; i++) {
    const pixels = Array.from({ length: 16 * channels }, () => Math.min(255, Math.floor(mean + 60 * stream.uniform())))
    all.push(pixels)
    const png = encode({ width: 4, height: 4, channels, depth: 8, data: Uint8Array.from(pixels) })
    await writeFile(join(path, `${String(i).padStart(3, '0')}.png`), png)
  }
  return all
}

/** Features of 4x4 grey pictures: their pixels in [-1, 1]. */
const rowsOf = (all: readonly number[][]) =>
  tensor(
    'float64',
    [all.length, 16],
    Float64Array.from(all.flat(), (pixel) => pixel / 127.5 - 1),
  )

describe('two folders of pictures', () => {
  test('every number is that of the functions underneath, in any order of the images', async () => {
    const [one, two] = [await pictures('one', 40, 1, 90), await pictures('two', 60, 1, 110)]
    const told: string[] = []
    const report = await fid(
      join(folder, 'one'),
      join(folder, 'two'),
      {},
      {
        onProgress: ({ phase, done, total }: { phase: string; done: number; total: number }) =>
          told.push(`${phase} ${done}/${total}`),
      },
    )
    const [x, y] = [rowsOf(one), rowsOf(two)]
    expect(report.featureNetwork?.name).toBe(pixelFeatures([1, 4, 4]).name)
    expect(report.dimensions).toBe(16)
    expect(report.fid).toBeCloseTo(frechetDistance(x, referenceMoments(y)).value, 6)
    expect(report.kid).toBeCloseTo(kernelDistance(x, y), 6)
    expect(report).toMatchObject({
      a: { images: 40 },
      b: { images: 60 },
      ...{ precision: precisionRecall(x, y).precision },
    })
    expect(report.recall).toBe(precisionRecall(x, y).recall)
    expect(report.protocol).toMatchObject({ imageShape: [1, 4, 4], pixelRange: [-1, 1] })
    expect(told).toContain('features 100/100')
    const plan = await planFid(join(folder, 'one'), join(folder, 'two'), resolveFidConfig([]))
    expect(plan.networkEvaluations).toBe(100)
  })

  test('statistics that are written stand for the images, and say in what network and of how many', async () => {
    await pictures('three', 50, 1, 80)
    await pictures('four', 50, 1, 120)
    const [three, four, file] = ['three', 'four', 'three.npz'].map((name) => join(folder, name))
    const written = await fid(three, null, { stats: file })
    expect(written).toMatchObject({ b: null, fid: null, stats: file })
    const { label, reference } = await readLabelled(file)
    expect([label?.name, label?.hash, reference.count]).toEqual([
      written.featureNetwork?.name,
      written.featureNetwork?.sha256,
      50,
    ])
    const whole = await fid(three, four)
    expect((await fid(file, four)).fid).toBeCloseTo(whole.fid!, 9)
    const other = await fid(four, file)
    expect(other.fid).toBeCloseTo(whole.fid!, 9)
    expect([other.kid, other.precision]).toEqual([null, null])
    expect(other.notes.join()).toMatch(/no KID, precision and recall: statistics have no single images/)
    await expect(fid(three, null, { stats: file })).rejects.toMatchObject({ code: 'fid.stats' })
  })

  test('grey beside colour is compared in colour; another size is an error that names both', async () => {
    await pictures('grey', 50, 1, 100)
    await pictures('colour', 60, 3, 100)
    const report = await fid(join(folder, 'grey'), join(folder, 'colour'))
    expect(report.protocol.imageShape).toEqual([3, 4, 4])
    expect(report.fid).toBeGreaterThan(0)
    await expect(fid(join(folder, 'grey'), 'digits')).rejects.toMatchObject({
      code: 'fid.size',
      message: expect.stringMatching(/grey are 4x4 and those of digits are 28x28; give --size, such as 4/),
    })
  })

  test('what bilevel sample left is its images, not their grid', async () => {
    const left = join(folder, 'left')
    await pictures('left/images', 20, 1, 100)
    await pictures('left/other', 1, 1, 100)
    await rm(join(left, 'other'), { recursive: true })
    for (const name of ['grid.png', 'samples.safetensors']) await writeFile(join(left, name), 'not read')
    expect((await fid(left, join(left, 'images'))).fid).toBeCloseTo(0, 9)
  })

  test('images of no more than their features: no FID, with what it needs, and all other numbers', async () => {
    const all = await pictures('few', 6, 1, 100)
    const few = join(folder, 'few')
    const report = await fid(few, few)
    expect([report.fid, report.fidMeanTerm]).toEqual([null, null])
    expect(report.kid).toBeCloseTo(kernelDistance(rowsOf(all), rowsOf(all)), 6)
    expect([report.precision, report.recall]).toEqual([1, 1])
    expect(report.notes.join()).toMatch(
      /no FID: the 16 features of .* need 17 images or more on either side, got 6 in A and 6 in B; give more images, or take --features pixels:4 /,
    )
    const { lines } = await planFid(few, few, resolveFidConfig([]))
    expect(lines?.at(-1)).toMatch(
      /^figures: KID, precision, recall, Vendi scores can be had .*no FID, as the 16 features/,
    )
    const { text } = await anyJob(fidJob).run(
      {
        config: resolveFidConfig([]),
        argument: few,
        other: few,
        folder: '',
        resume: false,
        allowCode: false,
        caller: UNKNOWN_CALLER,
      },
      { signal: new AbortController().signal, onNote: () => {}, onLine: () => {}, onProgress: () => {} },
    )
    expect(text).toMatch(/^FID {13}not available, needs 17 images or more on either side\nKID/)
    expect(text).not.toMatch(/unbiased covariances/)
    const fewer = await fid(few, few, { features: 'pixels:4' })
    expect(fewer.fid).toBeCloseTo(0, 9)
  })

  test('of three images there is a KID, and no precision and recall', async () => {
    await pictures('three images', 3, 1, 100)
    const report = await fid(join(folder, 'three images'), join(folder, 'three images'))
    expect([report.fid, report.precision, report.recall]).toEqual([null, null, null])
    expect(report.kid).toBeLessThan(0)
    expect(report.notes.join()).toMatch(/no precision and recall: they need 4 images or more/)
  })
})

describe('statistics of other tools', () => {
  // calculate_frechet_distance of pytorch-fid 0.3.0.
  test.each([
    ['compressed', 0, 9],
    ['guided-diffusion', 0, 9],
    ['float32-fortran', 0, 5],
    ['score-sde-pool3', 0, 9],
    ['rank-deficient', 6.0145170080270285, 5],
  ])('%s', async (name, value, digits) => {
    const report = await fid(found('pytorch-fid'), found(name))
    expect(report.fid).toBeCloseTo(value, digits)
    expect(report.notes.join()).toMatch(/do not say which network/)
  })

  test('a shift and a scale, both given by statistics', async () => {
    const { mean, covariance } = (await readLabelled(found('pytorch-fid'))).reference
    const path = join(folder, 'shifted.npz')
    const shifted = referenceFromStatistics(
      mean.map((value) => value + 0.25),
      covariance.map((value) => 1.3 * value + 0.01),
    )
    await writeStatistics(path, shifted)
    expect((await fid(found('pytorch-fid'), path)).fid).toBeCloseTo(0.6677818469493317, 9)
  })

  test('rank-deficient: it is said of how few images they are', async () => {
    const { notes } = await fid(found('pytorch-fid'), found('rank-deficient'))
    expect(notes.join()).toMatch(/rank 3 of 8: it is of too few images, about 4/)
  })

  test('feature rows have a Vendi score, and rows against rows all numbers', async () => {
    const rows = await fid(found('score-sde-pool3'), found('score-sde-pool3'))
    expect(rows).toMatchObject({ precision: 1, recall: 1, a: { images: 500 } })
    expect(rows.fid).toBeCloseTo(0, 9)
    expect(rows.a.vendi).toBeGreaterThan(7)
  })

  test.each([
    ['float16', /float16, which keeps three digits/],
    ['mu-row', /mu \[1,8\] and sigma \[8,8\]/],
    ['wrong-dimension', /mu \[8\] and sigma \[4,4\]/],
    ['nan', /sigma: it has NaN at \[0,0\]/],
    ['asymmetric', /a covariance is symmetric, but sigma has .* at \[1,0\] and .* at \[0,1\]/],
  ])('%s is refused by name', async (name, message) => {
    await expect(fid(found('pytorch-fid'), found(name))).rejects.toMatchObject({
      code: 'metrics.statistics',
      message: expect.stringMatching(message),
    })
  })

  test('samples alone are no statistics, and are said to be images', async () => {
    await expect(readLabelled(found('samples-arr_0-only'))).rejects.toThrow(
      /but images or samples \(arr_0\): give it as images/,
    )
  })

  test('statistics of another network are refused, by what they say or by their dimensions', async () => {
    const path = join(folder, 'labelled.npz')
    const { reference } = await readLabelled(found('pytorch-fid'))
    await writeStatistics(path, reference, { name: 'some-inception', hash: 'a'.repeat(64) })
    await pictures('seen', 20, 1, 100)
    await expect(fid(join(folder, 'seen'), path)).rejects.toMatchObject({
      code: 'fid.features',
      message: expect.stringMatching(/in the features of some-inception.*--features FILE\.onnx/),
    })
    await expect(fid(join(folder, 'seen'), path, { features: 'pixels' })).rejects.toMatchObject({
      code: 'fid.features',
    })
    await expect(fid(join(folder, 'seen'), found('pytorch-fid'))).rejects.toMatchObject({ code: 'metrics.dimensions' })
  })
})

test('A alone needs a file for its statistics', async () => {
  await expect(fid(found('pytorch-fid'), null)).rejects.toMatchObject({ code: 'fid.other' })
  await expect(fid(found('pytorch-fid'), null, { stats: join(folder, 'x.json') })).rejects.toMatchObject({
    code: 'fid.stats',
  })
  expect(existsSync(join(folder, 'x.json'))).toBe(false)
})
