import { describe, expect, test } from 'vitest'
import { BilevelError, randomStream, tensor } from '../base/index.ts'
import { evaluateImages, evaluationReference } from './evaluateImages.ts'
import { frechetDistance, frechetGradient } from './frechet.ts'
import { referenceMoments } from './frechetReference.ts'
import type { FunctionFeaturesOptions } from './functionFeatures.ts'
import { functionFeatures } from './functionFeatures.ts'

/** (u, 2u^2, tanh 3u) of one number u. */
const OPTIONS: FunctionFeaturesOptions & Required<Pick<FunctionFeaturesOptions, 'vjp'>> = {
  name: 'moments',
  imageShape: [1, 1, 1],
  dimensions: 3,
  features: ({ data }) => [...data].flatMap((u) => [u, 2 * u * u, Math.tanh(3 * u)]),
  vjp: ({ data }, g) =>
    data.map((u, i) => g[3 * i] + 4 * u * g[3 * i + 1] + (3 * g[3 * i + 2]) / Math.cosh(3 * u) ** 2),
}
const draw = (count: number, seed: number) =>
  tensor(
    'float64',
    [count, 1, 1, 1],
    randomStream({ seed, purpose: 'test' })
      .normal(new Float64Array(count))
      .map((v) => 4 * v + 1),
  )

async function refusal(action: () => unknown): Promise<string> {
  try {
    await action()
    return 'nothing'
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    return `${error.code} (${error.kind}): ${error.message}`
  }
}

test('the gradient of a Fréchet distance through its derivative is the central difference', async () => {
  const network = functionFeatures(OPTIONS)
  const [images, real] = [draw(40, 1), draw(60, 2)]
  const reference = referenceMoments(await network.features(real))
  const rows = await network.features(images)
  expect([rows.dtype, rows.shape]).toEqual(['float64', [40, 3]])
  const dImages = await network.vjp?.(images, frechetGradient(rows, reference).dFeatures)
  expect(dImages?.shape).toEqual([40, 1, 1, 1])
  for (const i of [0, 7, 39]) {
    const at = async (h: number) => {
      const data = images.data.with(i, images.data[i] + h)
      return frechetDistance(await network.features(tensor('float64', images.shape, data)), reference).value
    }
    const wanted = ((await at(1e-4)) - (await at(-1e-4))) / 2e-4
    expect(Math.abs((dImages?.data[i] ?? 0) - wanted)).toBeLessThan(1e-6 * Math.abs(wanted) + 1e-6)
  }
})

test('as a judge: its probabilities', async () => {
  const features = functionFeatures(OPTIONS)
  const judge = functionFeatures({
    ...OPTIONS,
    name: 'sign',
    classes: 2,
    probabilities: ({ data }) => [...data].flatMap((u) => [1 / (1 + Math.exp(u)), 1 / (1 + Math.exp(-u))]),
  })
  const networks = { features, judge }
  const reference = await evaluationReference(draw(30, 3), networks)
  const images = tensor('float64', [4, 1, 1, 1], Float64Array.of(-5, -4, 0.1, 6))
  const { recognised, classShares, fid } = await evaluateImages(images, { ...networks, reference })
  expect([recognised, classShares, fid.name]).toEqual([0.75, [0.5, 0.5], 'moments'])
  expect(features.probabilities).toBeUndefined()
})

test('its hash is that of its text, or as given', () => {
  const { hash } = functionFeatures(OPTIONS)
  expect(functionFeatures({ ...OPTIONS, name: 'other' }).hash).toBe(hash)
  expect(functionFeatures({ ...OPTIONS, vjp: undefined } as never).hash).not.toBe(hash)
  expect(functionFeatures({ ...OPTIONS, hash: 'mine' }).hash).toBe('mine')
})

describe('its derivative', () => {
  const cotangent = (count: number) => tensor('float64', [count, 3], new Float64Array(3 * count).fill(0.5))

  test('is compared with differences once, on 8 images at most', async () => {
    const counts: number[] = []
    const network = functionFeatures({
      ...OPTIONS,
      features(images) {
        counts.push(images.shape[0])
        return OPTIONS.features(images)
      },
    })
    const first = await network.vjp?.(draw(20, 4), cotangent(20))
    expect(Math.max(...counts)).toBe(8)
    const { length } = counts
    expect(await network.vjp?.(draw(20, 4), cotangent(20))).toEqual(first)
    expect(counts.length).toBe(length)
  })

  test('that is not that of the features is refused with both figures, unless told not to', async () => {
    const vjp: FunctionFeaturesOptions['vjp'] = ({ data }, g) => data.map((u, i) => g[3 * i] + 2 * u * g[3 * i + 1])
    const images = draw(5, 5)
    const said = await refusal(() => functionFeatures({ ...OPTIONS, vjp }).vjp?.(images, cotangent(5)))
    expect(said).toMatch(
      /^metrics\.differences \(input\): vjp of feature network 'moments' must be .* image 0 it gives -?[\d.]+, central differences of features -?[\d.]+;/,
    )
    const trusted = functionFeatures({ ...OPTIONS, vjp, checkDerivative: false })
    expect((await trusted.vjp?.(images, cotangent(5)))?.shape).toEqual([5, 1, 1, 1])
    expect(functionFeatures({ ...OPTIONS, vjp: undefined } as never).vjp).toBeUndefined()
  })
})

describe('refuses', () => {
  const fails = () => {
    throw new Error('no features today')
  }
  const cases: [string, Partial<FunctionFeaturesOptions>, RegExp][] = [
    [
      'what threw',
      { features: fails },
      /^metrics\.function .*features of feature network 'moments' .*no features today/,
    ],
    [
      'rows of another length',
      { features: ({ data }) => data },
      /^metrics\.shape .*3 numbers for each of 2 images, 6 in all, got 2/,
    ],
    ['NaN', { features: () => [1, 2, 3, 4, Number.NaN, 6] }, /^metrics\.nan \(failed\): .*got NaN for image 1/],
  ]
  test.each(cases)('%s', async (_, spoilt, message) => {
    expect(await refusal(() => functionFeatures({ ...OPTIONS, ...spoilt }).features(draw(2, 1)))).toMatch(message)
  })

  test('images and cotangents of another shape, and a derivative of another length', async () => {
    const network = functionFeatures(OPTIONS)
    const pairs = tensor('float64', [2, 1, 1, 2], new Float64Array(4))
    expect(await refusal(() => network.features(pairs))).toMatch(/^metrics\.images/)
    const g = tensor('float64', [2, 2], new Float64Array(4))
    expect(await refusal(() => network.vjp?.(draw(2, 1), g))).toMatch(/^metrics\.shape .*\[2,3\], got \[2,2\]/)
    const short = functionFeatures({ ...OPTIONS, vjp: () => [1] })
    const whole = tensor('float64', [2, 3], new Float64Array(6))
    expect(await refusal(() => short.vjp?.(draw(2, 1), whole))).toMatch(/^metrics\.shape .*vjp .*got 1/)
  })

  test.each([
    [{ imageShape: [1] }, /imageShape must be \[channels, height, width\]/],
    [{ dimensions: 0 }, /dimensions must be a whole number from 1, got the single number 0/],
    [{ features: 3 }, /features must be a function/],
    [{ vjp: {} }, /vjp must be a function/],
    [{ probabilities: () => [1] }, /classes must be the whole number of classes/],
    [{ classes: 3 }, /classes must be the whole number of classes/],
  ])('options %j', async (spoilt, message) => {
    const said = await refusal(() => functionFeatures({ ...OPTIONS, ...spoilt } as FunctionFeaturesOptions))
    expect(said).toMatch(/^metrics\.options \(input\): feature network 'moments': /)
    expect(said).toMatch(message)
  })
})
