/** Brackets about a minimum that is known: that they enclose it, find it, and say nothing where there is nothing to say. */
import { describe, expect, test } from 'vitest'
import { gaussianJob } from '../gaussianJob.fixture.ts'
import { EntropyRun } from '../run.ts'
import { bracket, gradientBracket } from './bracket.ts'
import { placedMethod } from './placed.fixture.ts'

/** Log lambda from -3 to 3, tolerance 2. */
function runOf(maxEvaluations: number, chosen: { readonly lambdaRange?: readonly [number, number] } = {}) {
  const lambdaRange = chosen.lambdaRange ?? ([Math.exp(-3), Math.exp(3)] as const)
  return new EntropyRun(gaussianJob({ a: 1, b: 1, steps: 3, settings: { maxEvaluations, lambdaRange, tolerance: 2 } }))
}

const LEAST = 0.4
const WIDTH = Math.log(2)

/** Steep on one side, flat on the other: no parabola. */
const wall = (x: number) => Math.exp(4 * (LEAST - x)) + 4 * (x - LEAST)
const wallSlope = (x: number) => 4 - 4 * Math.exp(4 * (LEAST - x))

describe('by values', () => {
  test.each([1, 2, 3])('encloses the minimum within the tolerance, from about it: seed %i', async (seed) => {
    const { method } = placedMethod(wall, { own: 0.5, seed })
    const found = await bracket(runOf(50_000), method, 0.3)
    if (found === null) throw new Error('no bracket')
    const { low, value, high, steepness } = found
    expect(low < LEAST && LEAST < high && low < value && value < high).toBe(true)
    expect(high - low).toBeLessThanOrEqual(WIDTH)
    expect(Math.abs(value - LEAST)).toBeLessThan(0.2)
    // The smaller of the two mean slopes from the lowest place to the ends.
    const steepest = Math.max(...[low, high].map((x) => Math.abs(wallSlope(x))))
    expect(steepness).toBeGreaterThan(0)
    expect(steepness).toBeLessThan(steepest)
  })

  test.each([-1, 1.8])('moves its window towards the minimum, from %f', async (start) => {
    const { method, asked } = placedMethod((x) => 5 * (x - LEAST) ** 2, { own: 0.1, seed: 2 })
    const found = await bracket(runOf(50_000), method, start)
    expect(found && found.low < LEAST && found.high > LEAST).toBe(true)
    const middles = asked.map(({ nodes }) => nodes[2])
    expect(middles.length).toBeGreaterThan(3)
    expect(middles.slice(1).every((x, i) => Math.sign(x - middles[i]) === Math.sign(LEAST - start))).toBe(true)
    // All places are multiples of a step from one, and a window has all but one of the places before it.
    const all = new Set(asked.flatMap(({ nodes }) => nodes.map((x) => x.toFixed(9))))
    expect(all.size).toBe(4 + asked.length)
  })

  test('null: the evaluations do not suffice, and are not exceeded', async () => {
    const { method, asked } = placedMethod((x) => 0.01 * (x - LEAST) ** 2, { own: 1, seed: 2 })
    expect(await bracket(runOf(5000), method, 0.3)).toBeNull()
    expect(Math.max(...asked.map(({ count }) => count))).toBeLessThanOrEqual(2 * (5000 / 5))
    expect(await bracket(runOf(300), method, 0.3)).toBeNull()
  })

  test.each([-1, 1])('null at an end of the range, inside of which all places lie: slope %i', async (slope) => {
    const { method, asked } = placedMethod((x) => slope * x, { own: 0.3, seed: 5 })
    expect(await bracket(runOf(10_000), method, -slope * 2.4)).toBeNull()
    const places = asked.flatMap(({ nodes }) => nodes)
    expect(Math.max(...places)).toBeLessThanOrEqual(3 + 1e-9)
    expect(Math.min(...places)).toBeGreaterThanOrEqual(-3 - 1e-9)
    const outermost = Math.max(...places.map((x) => -slope * x))
    expect(outermost).toBeGreaterThan(3 - WIDTH / 4)
  })

  test('null in a range that is no wider than the tolerance', async () => {
    const { method, asked } = placedMethod((x) => 9 * x * x, { own: 0.1, seed: 1 })
    expect(await bracket(runOf(10_000, { lambdaRange: [0.8, 1.2] }), method, 0)).toBeNull()
    expect(asked).toEqual([])
  })

  test('of a monotone F, hardly ever', async () => {
    let claims = 0
    for (let seed = 0; seed < 100; seed++) {
      // Over the window F changes by a third of the noise of one item: the slope is told late.
      const { method } = placedMethod((x) => 0.5 * x, { own: 1, seed })
      if ((await bracket(runOf(3000), method, 0)) !== null) claims++
    }
    expect(claims).toBeLessThanOrEqual(8)
  })
})

describe('by gradients', () => {
  const slope = (x: number) => 2 * (x - LEAST)
  const methodFor = (own: number, seed: number, of = slope) => placedMethod(() => 0, { own, seed, slope: of })

  test('encloses the minimum within the tolerance, and notes both ends', async () => {
    const run = runOf(20_000)
    const found = await gradientBracket(run, methodFor(0.5, 1).method, 0.35, 'log')
    if (found === null) throw new Error('no bracket')
    const { low, value, high, steepness } = found
    expect(low < LEAST && LEAST < high).toBe(true)
    expect(value).toBe(0.35)
    expect(high - low).toBeLessThanOrEqual(WIDTH)
    expect(steepness).toBeGreaterThan(0.25)
    expect(steepness).toBeLessThan(WIDTH)
    expect(run.iterations.map(({ phase, lambda }) => [phase, Math.log(lambda)])).toEqual([
      ['confirm', expect.closeTo(low, 9)],
      ['confirm', expect.closeTo(high, 9)],
    ])
  })

  test('moves towards it on items of its own, and takes more of them where it stays', async () => {
    const moved = methodFor(0.3, 2)
    const found = await gradientBracket(runOf(20_000), moved.method, LEAST - 0.4, 'log')
    expect(found && found.low < LEAST && found.high > LEAST).toBe(true)
    const firsts = moved.asked.map(({ first }) => first)
    expect(new Set(firsts).size).toBe(moved.asked.length / 2)
    const stays = methodFor(3, 3)
    await gradientBracket(runOf(100_000), stays.method, LEAST, 'log')
    const counts = stays.asked.filter((_, i) => i % 2 === 0).map(({ count }) => count)
    expect(counts).toEqual([48, 77, 124, 199, 319].slice(0, counts.length))
    expect(counts.length).toBeGreaterThan(1)
  })

  test('null: too few evaluations, the end of the range, a range within the tolerance', async () => {
    const few = methodFor(0.5, 1)
    expect(await gradientBracket(runOf(80), few.method, LEAST, 'log')).toBeNull()
    expect(few.asked).toEqual([])
    const rising = methodFor(0.2, 1, () => 1)
    expect(await gradientBracket(runOf(20_000), rising.method, -2.5, 'log')).toBeNull()
    const narrow = runOf(20_000, { lambdaRange: [1, 1.5] })
    expect(await gradientBracket(narrow, methodFor(0.1, 1).method, LEAST, 'log')).toBeNull()
  })

  test('null where something speaks against the method itself', async () => {
    const { method } = methodFor(0.3, 1)
    const against = {
      ...method,
      stretch: async (...args: Parameters<typeof method.stretch>) => ({
        ...(await method.stretch(...args)),
        against: 'populations disagree',
      }),
    }
    expect(await gradientBracket(runOf(20_000), against, LEAST, 'log')).toBeNull()
  })

  test('of a gradient that is everywhere 0 or above, hardly ever', async () => {
    let claims = 0
    for (let seed = 0; seed < 100; seed++) {
      const { method } = methodFor(1, seed, (x) => Math.max(0, 2 * x))
      if ((await gradientBracket(runOf(20_000), method, 0.1, 'log')) !== null) claims++
    }
    expect(claims).toBeLessThanOrEqual(8)
  })
})
