import { describe, expect, test } from 'vitest'
import { BilevelError, randomStream } from '../../base/index.ts'
import type { Images } from '../denoiser.ts'
import { imagesOf } from '../samplers/anyBatch.ts'
import type { FunctionDenoiserOptions } from './functionDenoiser.ts'
import { functionDenoiser } from './functionDenoiser.ts'
import { continuousCosine, gaussianDenoiser } from './gaussian.ts'
import { mixtureOptions, POINTS } from './mixture.fixture.ts'

/** Values far outside [-1, 1]. */
const normal = (count: number, shape: readonly number[], seed = 1): Images => {
  const size = shape.reduce((a, b) => a * b, count)
  return imagesOf(
    randomStream({ seed, purpose: 'test' })
      .normal(new Float64Array(size))
      .map((v) => 3 * v),
    count,
    shape,
  )
}

/** The exact network of N(0, 1) data, one number an image. */
const noiseOf = (time: number) => Math.sin(time / 700)
const unit: FunctionDenoiserOptions & Required<Pick<FunctionDenoiserOptions, 'vjp' | 'timeVjp'>> = {
  imageShape: [1, 1, 1],
  predict: ({ data }, time) => data.map((x) => noiseOf(time) * x),
  vjp: (_, time, cotangent) => cotangent.map((g) => noiseOf(time) * g),
  timeVjp: ({ data }, time, cotangent) =>
    cotangent.reduce((sum, g, i) => sum + (g * data[i] * Math.cos(time / 700)) / 700, 0),
}
const X = normal(3, [1, 1, 1])
const G = normal(3, [1, 1, 1], 2)

/** The code and words of what is thrown, by a function or its promise. */
async function refusal(action: () => unknown): Promise<string> {
  try {
    await action()
    return 'nothing'
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    return `${error.code} (${error.kind}): ${error.message}`
  }
}

describe('is what its functions are', () => {
  test.each(['noise', 'sample', 'velocity'] as const)(
    'one component is the Gaussian network, %s',
    async (prediction) => {
      const shape = [1, 1, 2]
      const own = functionDenoiser(mixtureOptions([{ weight: 1, mean: [0.7, 0.7], sd: 1.3 }], prediction))
      const logSnrAt = continuousCosine(1000)
      const truth = gaussianDenoiser({ mean: 0.7, std: 1.3, logSnrAt, imageShape: shape, prediction })
      const [x, g] = [normal(5, shape), normal(5, shape, 2)]
      for (const time of [20.5, 400, 960]) {
        const [p, q] = [await own.predict(x, time), await truth.predict(x, time)]
        const [a, b] = [await own.vjp(x, time, undefined, g), await truth.vjp(x, time, undefined, g)]
        expect(p.shape).toEqual([5, ...shape])
        for (const [i, v] of p.data.entries()) expect(v).toBeCloseTo(q.data[i], 8)
        for (const [i, v] of a.dx.data.entries()) expect(v).toBeCloseTo(b.dx.data[i], 8)
        expect(a.dtime).toBeCloseTo(b.dtime ?? Number.NaN, 8)
      }
    },
  )

  test('says what it can do', () => {
    const { vjp, timeVjp, predict, imageShape } = unit
    const of = (options: Partial<FunctionDenoiserOptions>) => functionDenoiser({ imageShape, predict, ...options })
    expect(of({ vjp, timeVjp })).toMatchObject({
      differentiable: true,
      timeDerivative: true,
      times: 'real',
      dtype: 'float64',
      prediction: 'noise',
      conditional: false,
    })
    expect(of({ vjp })).toMatchObject({ differentiable: true, timeDerivative: false })
    expect(of({ classes: 4, times: 'integer' })).toMatchObject({
      differentiable: false,
      timeDerivative: false,
      conditional: true,
      classes: 4,
      times: 'integer',
    })
  })

  test('functions get copies, and what they return is copied', async () => {
    const buffer = new Float64Array(3)
    const spoiler = functionDenoiser({
      ...unit,
      classes: 9,
      predict({ data, shape }, time, classes) {
        data.forEach((x, i) => {
          buffer[i] = noiseOf(time) * x + (classes?.[i] ?? 0)
        })
        data.fill(7)
        classes?.fill(7)
        expect(shape).toEqual([3, 1, 1, 1])
        return buffer
      },
    })
    const [x, classes] = [X.data.slice(), Int32Array.of(1, 0, 5)]
    const first = await spoiler.predict(X, 300, classes)
    await spoiler.predict(X, 900, classes)
    expect([...first.data]).toEqual(Array.from(x, (v, i) => noiseOf(300) * v + [1, 0, 5][i]))
    expect([[...X.data], [...classes]]).toEqual([[...x], [1, 0, 5]])
  })
})

describe('derivatives are compared with differences', () => {
  test('those of a mixture hold, by class and for all, at every level and for every prediction', async () => {
    for (const prediction of ['noise', 'sample', 'velocity'] as const) {
      for (const classes of [undefined, 3]) {
        const denoiser = functionDenoiser({ ...mixtureOptions(POINTS, prediction), ...(classes && { classes }) })
        const condition = classes ? Int32Array.from({ length: 6 }, (_, i) => i % 3) : undefined
        const [x, g] = [normal(6, [1, 1, 2]), normal(6, [1, 1, 2], 2)]
        for (const time of [2, 40.5, 300, 700.25, 990]) {
          const { dx, dtime } = await denoiser.vjp(x, time, condition, g)
          expect(dx.data.every(Number.isFinite) && Number.isFinite(dtime)).toBe(true)
        }
      }
    }
  })

  const mixture = mixtureOptions(POINTS)
  const wrong: [string, Partial<FunctionDenoiserOptions>, RegExp][] = [
    [
      'of the other sign',
      { vjp: (_, t, g) => g.map((v) => -noiseOf(t) * v) },
      /vjp of the denoiser must be the derivative/,
    ],
    ['without its factor', { vjp: (_, __, g) => g }, /vjp of the denoiser .* image 0 at time 900/],
    [
      'of nothing',
      { vjp: (_, __, g) => g.map(() => 0) },
      /it gives 0\.00000, central differences of predict -?\d\.\d+/,
    ],
    [
      'in time, per image and not summed',
      { timeVjp: (x, t, g) => Number(unit.timeVjp(x, t, g)) / g.length },
      /timeVjp of the denoiser .* at time 900, summed over 3 images/,
    ],
    ['in time, as a share of T', { timeVjp: (x, t, g) => 1000 * Number(unit.timeVjp(x, t, g)) }, /timeVjp/],
  ]
  test.each(wrong)('one %s is refused, with both figures', async (_, spoilt, message) => {
    const said = await refusal(() => functionDenoiser({ ...unit, ...spoilt }).vjp(X, 900, undefined, G))
    expect(said).toMatch(/^denoiser\.differences \(input\): /)
    expect(said).toMatch(message)
    const trusted = functionDenoiser({ ...unit, ...spoilt, checkDerivative: false })
    expect((await trusted.vjp(X, 900, undefined, G)).dx.shape).toEqual(X.shape)
  })

  test('one that is right where noise is low and wrong where it is high is refused where it is wrong', async () => {
    // The components' shares held fixed: right where one component explains x.
    const fixedShares: FunctionDenoiserOptions['vjp'] = (images, time, cotangent) => {
      const alone = mixtureOptions([POINTS[1]])
      return alone.vjp(images, time, cotangent)
    }
    const denoiser = functionDenoiser({ ...mixture, vjp: fixedShares })
    const x = imagesOf(Float64Array.of(1.3, 2.2, 1, 1.7), 2, [1, 1, 2])
    const at = (time: number) => refusal(() => denoiser.vjp(x, time, undefined, x))
    expect(await at(3)).toBe('nothing')
    expect(await at(600)).toMatch(/^denoiser\.differences .*vjp of denoiser 'mixture'.*at time 600/)
  })

  test('once a time, at 16 times, on 8 images at most, and the figures are those without it', async () => {
    let [asked, most] = [0, 0]
    const options: FunctionDenoiserOptions = {
      ...mixture,
      predict(images, time) {
        asked++
        most = Math.max(most, images.shape[0])
        return mixture.predict(images, time)
      },
    }
    const denoiser = functionDenoiser(options)
    const [x, g] = [normal(50, [1, 1, 2]), normal(50, [1, 1, 2], 2)]
    const first = await denoiser.vjp(x, 500, undefined, g)
    expect(asked).toBeGreaterThan(2)
    expect(most).toBe(8)
    const before = asked
    expect(await denoiser.vjp(x, 500, undefined, g)).toEqual(first)
    expect(asked).toBe(before)
    expect(await functionDenoiser({ ...options, checkDerivative: false }).vjp(x, 500, undefined, g)).toEqual(first)
    expect(asked).toBe(before)
    for (let time = 1; time <= 15; time++) await denoiser.vjp(x, time, undefined, g)
    const after = asked
    await denoiser.vjp(x, 999, undefined, g)
    expect(asked).toBe(after)
  })

  test('a function in float32, and one that knows no time beyond its table, pass', async () => {
    const single = functionDenoiser({
      ...unit,
      predict: ({ data }, t) => Float32Array.from(data, (x) => noiseOf(t) * x),
    })
    expect((await single.vjp(X, 500, undefined, G)).dtime).not.toBeNull()
    const inside = (time: number) => {
      if (time < 0 || time > 999) throw new Error(`no time ${time}`)
      return noiseOf(time)
    }
    const table = functionDenoiser({ ...unit, predict: ({ data }, time) => data.map((x) => inside(time) * x) })
    for (const time of [0, 999]) expect((await table.vjp(X, time, undefined, G)).dtime).not.toBeNull()
  })
})

describe('refuses', () => {
  const nan: FunctionDenoiserOptions['predict'] = ({ data }) => data.map((x, i) => (i === 2 ? Number.NaN : x))
  const fails = () => {
    throw new TypeError('no such level')
  }
  const calls: [string, Partial<FunctionDenoiserOptions>, RegExp][] = [
    ['what threw', { predict: fails }, /^denoiser\.function \(input\): predict of the denoiser .*threw: no such level/],
    ['a promise of nothing', { predict: () => Promise.reject('off') }, /^denoiser\.function .*threw: the text "off"/],
    [
      'too few numbers',
      { predict: () => [1, 2], name: 'toy' },
      /^denoiser\.shape .*predict of denoiser 'toy' .*\[3,1,1,1\], 3 in all, got 2/,
    ],
    ['no numbers', { predict: (() => 5) as never }, /^denoiser\.shape .*got the single number 5/],
    ['text', { predict: (() => 'abc') as never }, /^denoiser\.shape .*got the text "abc"/],
    ['NaN', { predict: nan }, /^denoiser\.nan \(failed\): .*got NaN for image 2 at time 500/],
    ['holes', { predict: () => new Array<number>(3) }, /^denoiser\.nan .*got undefined for image 0/],
  ]
  test.each(calls)('%s of predict', async (_, spoilt, message) => {
    expect(await refusal(() => functionDenoiser({ ...unit, ...spoilt }).predict(X, 500))).toMatch(message)
  })

  const derivatives: [string, Partial<FunctionDenoiserOptions>, RegExp][] = [
    ['too many numbers', { vjp: () => [1, 2, 3, 4] }, /^denoiser\.shape .*vjp of the denoiser .*3 in all, got 4/],
    ['nothing', { vjp: (() => undefined) as never }, /^denoiser\.shape .*vjp/],
    ['infinity', { vjp: () => [0, 1 / 0, 0] }, /^denoiser\.nan .*got Infinity for image 1 at time 500/],
    ['a list as slope', { timeVjp: (() => [1, 2, 3]) as never }, /^denoiser\.nan .*timeVjp .*time 500/],
    ['NaN as slope', { timeVjp: () => Number.NaN }, /^denoiser\.nan .*timeVjp .*got NaN for time 500/],
    [
      'no derivative at all',
      { vjp: undefined, timeVjp: undefined },
      /^denoiser\.derivative .*give it a function vjp, or/,
    ],
  ]
  test.each(derivatives)('%s of a derivative', async (_, spoilt, message) => {
    for (const checkDerivative of [true, false]) {
      const denoiser = functionDenoiser({ ...unit, ...(spoilt as object), checkDerivative })
      expect(await refusal(() => denoiser.vjp(X, 500, undefined, G))).toMatch(message)
    }
  })

  test('images, cotangents, classes and times that are not its own', async () => {
    const denoiser = functionDenoiser(unit)
    const other = normal(3, [1, 1, 2])
    expect(await refusal(() => denoiser.predict(other, 500))).toMatch(
      /^denoiser\.images .*\[n,1,1,1\], got \[3,1,1,2\]/,
    )
    expect(await refusal(() => denoiser.vjp(X, 500, undefined, other))).toMatch(/^denoiser\.images .*cotangent/)
    expect(await refusal(() => denoiser.vjp(X, 500, undefined, G, { weights: true }))).toMatch(
      /^denoiser\.derivative .*no weights/,
    )
    expect(await refusal(() => denoiser.predict(X, 500, Int32Array.of(0, 0, 0)))).toMatch(
      /^denoiser\.classes .*no class/,
    )
    const classes = functionDenoiser({ ...unit, classes: 2 })
    const told = (...labels: number[]) => refusal(() => classes.predict(X, 500, Int32Array.from(labels)))
    expect(await refusal(() => classes.predict(X, 500))).toMatch(/^denoiser\.classes .*3 of 0 to 1, got none/)
    expect(await told(0, 1)).toMatch(/^denoiser\.classes .*got 2;/)
    expect(await told(0, 1, 2)).toMatch(/^denoiser\.classes .*got class 2/)
    expect(await told(0, 1, -1)).toMatch(/^denoiser\.classes .*got class -1/)
    const { timeVjp: _, ...rest } = unit
    const integer = functionDenoiser({ ...rest, times: 'integer' })
    expect(await refusal(() => integer.predict(X, 1.5))).toMatch(/^times\.integerOnly/)
    expect((await integer.vjp(X, 500, undefined, G)).dtime).toBeNull()
  })

  const options: [string, object, RegExp][] = [
    [
      'a flat shape',
      { imageShape: [2] },
      /imageShape must be \[channels, height, width\].*a point of d numbers is \[1, 1, d\]/,
    ],
    ['an empty shape', { imageShape: [1, 0, 1] }, /imageShape/],
    ['v', { prediction: 'v' }, /prediction must be noise, sample or velocity, got the text "v"/],
    ['times', { times: 'float' }, /times must be real or integer/],
    ['no classes', { classes: 0 }, /classes must be a whole number from 1, got the single number 0/],
    ['no function', { predict: undefined }, /predict must be a function, got undefined/],
    ['a derivative that is none', { vjp: true }, /vjp must be a function, got a boolean/],
    ['a slope alone', { vjp: undefined }, /timeVjp needs vjp beside it/],
    ['a slope in integer times', { times: 'integer' }, /timeVjp needs real times, got the text "integer"/],
  ]
  test.each(options)('%s', async (_, spoilt, message) => {
    const said = await refusal(() => functionDenoiser({ ...unit, ...spoilt } as FunctionDenoiserOptions))
    expect(said).toMatch(/^denoiser\.options \(input\): the denoiser: /)
    expect(said).toMatch(message)
  })
})
