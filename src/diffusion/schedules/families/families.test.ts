/** One contract for every family of sampling schedules, and what is particular to each. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dot } from '../../samplers/chain.ts'
import { flowSchedule } from '../flowSchedule.ts'
import { noiseSchedule, noiseScheduleFromBetas } from '../noiseSchedule.ts'
import { samplingSchedule, samplingScheduleFrom } from '../samplingSchedule.ts'
import { solverCotangent } from '../solverNumbers.ts'
import type { ScheduleFamily } from './family.ts'
import { checkFamily } from './family.ts'
import { freeFamily } from './free.ts'
import type { FreeName } from './freeParts.ts'
import { FREE_NAMES, FREE_PARTS } from './freeParts.ts'
import { learnedFamily } from './learnedFamilies.ts'
import { levelPowerFamily } from './levelPower.ts'
import { levelsAndTimesFamily, levelsFamily } from './levels.ts'
import { noiseFamily, noiseParameterFamily } from './noiseParameters.ts'

const cosine = noiseSchedule({ family: 'cosine', tau: 1.2 })
const foreign = noiseScheduleFromBetas(Float64Array.from({ length: 60 }, (_, t) => 0.002 + 0.004 * t))
const flow = flowSchedule(1000)
const FAMILIES: [string, ScheduleFamily][] = [
  ['cosine', noiseParameterFamily({ family: 'cosine', steps: 8, initial: { start: 0.1, end: 0.9, epsilon: 0.05 } })],
  ['sigmoid', noiseParameterFamily({ family: 'sigmoid', steps: 6, timesteps: 200, stepList: 'log-snr' })],
  ['sigmoid-published', noiseParameterFamily({ family: 'sigmoid-published', steps: 6, stepList: 'linspace' })],
  ['linear', noiseParameterFamily({ family: 'linear', steps: 5 })],
  ['levels', levelsFamily(samplingScheduleFrom(cosine, 'trailing-clipped', 7))],
  ['levels+times', levelsAndTimesFamily(samplingScheduleFrom(cosine, 'trailing', 5))],
  ['level-power', levelPowerFamily({ schedule: foreign, steps: 10 })],
  // Karras' levels lie between training times.
  ['cosine', noiseParameterFamily({ family: 'cosine', steps: 6, stepList: 'karras' })],
  ['linear', noiseParameterFamily({ family: 'linear', steps: 6, stepList: 'karras-model', told: 'integer' })],
  ['level-power', levelPowerFamily({ schedule: cosine, steps: 7, stepList: 'karras-model' })],
  ['levels+times', levelsAndTimesFamily(samplingScheduleFrom(cosine, 'karras', 5))],
  [FREE_NAMES.join('+'), freeFamily(samplingScheduleFrom(cosine, 'trailing', 5), [...FREE_NAMES].reverse())],
  ['times+history', freeFamily(samplingScheduleFrom(cosine, 'trailing', 4), ['history', 'times'])],
  ['tau+clip', freeFamily(samplingScheduleFrom(cosine, 'karras', 2), ['tau', 'clip'], { clip: [-3, 3] })],
  ['scale+output', freeFamily(samplingScheduleFrom(cosine, 'trailing', 3), ['scale', 'output'])],
  ['levels+times', levelsAndTimesFamily(samplingScheduleFrom(flow, 'shift-3', 5))],
  ['level-power', levelPowerFamily({ schedule: flow, steps: 7, stepList: 'shift-2' })],
  ['tau+weights+shift', freeFamily(samplingScheduleFrom(flow, 'trailing', 6), ['shift', 'tau', 'weights'])],
  ['shift', freeFamily(samplingScheduleFrom(flow, 'karras', 4), ['shift'])],
  ['guidance', freeFamily(samplingScheduleFrom(cosine, 'trailing', 4), ['guidance'], { guidanceScale: 2.5 })],
  [
    'levels+guidances',
    freeFamily(samplingScheduleFrom(cosine, 'karras', 3), ['guidances', 'levels'], { guidanceScale: 0.5 }),
  ],
  ['levels+weights', freeFamily(samplingScheduleFrom(cosine, 'trailing', 3), ['levels', 'weights'])],
]

describe.each(FAMILIES)('%s', (kind, family) => {
  test('says what it is and starts inside its box', () => {
    expect(family.kind).toBe(kind)
    const { names, initial, scale, low, high } = family
    expect(new Set([names, initial, scale, low, high].map(({ length }) => length)).size).toBe(1)
    expect(initial.every((value, i) => low[i] <= value && value <= high[i])).toBe(true)
    expect(scale.every((s) => s > 0)).toBe(true)
  })

  test('any vector of its box makes an ordered schedule', () => {
    const unit = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
      minLength: family.names.length,
      maxLength: family.names.length,
    })
    const check = (u: number[]) => {
      const vector = u.map((v, i) => family.low[i] + v * (family.high[i] - family.low[i]))
      const { levels, times } = family.toSchedule(vector)
      expect(levels.length).toBe(family.steps)
      expect(new Set(levels.map(({ path }) => path)).size).toBe(1)
      expect(times.every((t, i) => t >= 0 && t < family.timesteps && (i === 0 || t <= times[i - 1]))).toBe(true)
    }
    fc.assert(fc.property(unit, check), { numRuns: 60, seed: 5 })
  })

  test('the pull-back is the central difference', () => {
    const steps = family.steps
    const dLogSnr = Float64Array.from({ length: steps }, (_, i) => Math.cos(3 * i + 1))
    const dTimes = Float64Array.from({ length: steps }, (_, i) => Math.sin(2 * i) / 50)
    const dSolver = solverCotangent(steps)
    const { tau, weight, scale: scales, clipBounds, output, guidance, history } = dSolver
    const cotangents = [tau, weight, scales, clipBounds, output, guidance, ...history]
    for (const [k, list] of cotangents.entries()) for (const i of list.keys()) list[i] = Math.cos(k + 1.7 * i)
    const value = (vector: Float64Array) => {
      const { levels, times, solver = {} } = family.toSchedule(vector)
      const of = [
        solver.tau,
        solver.weight,
        solver.scale,
        solver.clipBounds,
        [solver.output ?? 0],
        solver.guidance,
        ...(solver.history ?? []),
      ]
      const inSolver = of.reduce((sum, list, k) => sum + (list ? dot(Float64Array.from(list), cotangents[k]) : 0), 0)
      return inSolver + levels.reduce((sum, { logSnr }, i) => sum + dLogSnr[i] * logSnr + dTimes[i] * times[i], 0)
    }
    // A little inside the box, away from its corners.
    const at = family.initial.map((v, i) => Math.min(family.high[i] - family.scale[i] / 9, v + family.scale[i] / 7))
    const gradient = family.pullBack(at, { dLogSnr, dTimes, dSolver })
    for (const [i, scale] of family.scale.entries()) {
      const h = 1e-4 * scale
      const difference = (value(at.with(i, at[i] + h)) - value(at.with(i, at[i] - h))) / (2 * h)
      expect(Math.abs(gradient[i] - difference) * scale).toBeLessThan(1e-6 * (1 + Math.abs(difference) * scale))
    }
  })
})

test('free levels and times start as the schedule they are made from, and told times stay', () => {
  const from = samplingScheduleFrom(cosine, 'trailing', 5)
  for (const family of [levelsFamily(from), levelsAndTimesFamily(from)]) {
    const schedule = family.toSchedule(family.initial)
    expect([...schedule.times]).toEqual([...from.times])
    for (const [i, { logSnr }] of from.levels.entries()) expect(schedule.levels[i].logSnr).toBeCloseTo(logSnr, 12)
  }
})

test('free times are sorted, and one that leaves [0, T-1] stops there with no gradient', () => {
  const family = levelsAndTimesFamily(samplingSchedule({ timesteps: 100, logSnr: [-3, 0, 3], times: [90, 50, 10] }))
  const vector = Float64Array.of(...family.initial.subarray(0, 3), 40, 120, -5)
  expect([...family.toSchedule(vector).times]).toEqual([99, 40, 0])
  const gradient = family.pullBack(vector, { dLogSnr: [0, 0, 0], dTimes: [1, 2, 3] })
  expect([...gradient.subarray(3)]).toEqual([2, 0, 0])
})

test('free times are refused for a network with a learned table of times', () => {
  const from = samplingScheduleFrom(cosine, 'trailing', 3)
  const code = 'times.integerOnly'
  expect(() => checkFamily(levelsAndTimesFamily(from), { times: 'integer' })).toThrow(expect.objectContaining({ code }))
  checkFamily(levelsFamily(from), { times: 'integer' })
  checkFamily(levelsAndTimesFamily(from), { times: 'real' })
  const family = levelsAndTimesFamily(from)
  const pull = () => family.pullBack(family.initial, { dLogSnr: [1, 1, 1], dTimes: null })
  expect(pull).toThrow(expect.objectContaining({ code: 'times.derivative' }))
})

test('level power tau: alphaBar^tau at the trailing times', () => {
  const { levels, times } = levelPowerFamily({ schedule: foreign, steps: 10 }).toSchedule([1.45])
  for (const [i, { signal }] of levels.entries()) {
    expect(signal ** 2).toBeCloseTo(foreign.alphaBar[times[i]] ** 1.45, 13)
  }
})

test('level power on Karras’ list: its levels to a power, told as they are', () => {
  const own = samplingScheduleFrom(foreign, 'karras', 6)
  const { levels, times } = levelPowerFamily({ schedule: foreign, steps: 6, stepList: 'karras' }).toSchedule([1.45])
  expect(times).toEqual(own.times)
  for (const [i, { signal }] of levels.entries()) expect(signal).toBeCloseTo(own.levels[i].signal ** 1.45, 13)
})

test('a training schedule family: T levels, pulled back to its parameters', () => {
  const family = noiseFamily({ family: 'cosine', timesteps: 30, initial: { end: 0.95 } })
  const dLogSnr = Float64Array.from({ length: 30 }, (_, t) => Math.cos(t))
  const value = (v: Float64Array) => family.toSchedule(v).logSnr.reduce((sum, l, t) => sum + dLogSnr[t] * l, 0)
  const at = Float64Array.of(0.05, 0.93, 1.2, 0.02)
  const gradient = family.pullBack(at, dLogSnr)
  for (let i = 0; i < 4; i++) {
    const difference = (value(at.with(i, at[i] + 1e-6)) - value(at.with(i, at[i] - 1e-6))) / 2e-6
    expect(Math.abs(gradient[i] / difference - 1)).toBeLessThan(1e-6)
  }
})

test('replacements of the box name known parameters and keep the start inside', () => {
  const make = (options: object) => () => noiseParameterFamily({ family: 'cosine', steps: 4, ...options })
  expect(make({ initial: { end: 0.95 }, low: { end: 0.9 } })().low[1]).toBe(0.9)
  expect(make({ initial: { theta: 1 } })).toThrow(/parameters are start, end, tau, epsilon, got theta/)
  expect(make({ high: { tau: 0.5 } })).toThrow(/tau must start inside its box \[0.2, 0.5\], got 1/)
})

describe('what is free', () => {
  const from = samplingScheduleFrom(cosine, 'trailing', 4)

  test('starts as the schedule it is made from, at numbers that are known to be good, and the rest stays', () => {
    const family = freeFamily(from, FREE_NAMES, { clip: [-2, 2] })
    const { solver, times } = family.toSchedule(family.initial)
    expect(times).toEqual(from.times)
    expect(solver).toEqual({
      tau: [0.3, 0.3, 0.3],
      weight: [1, 1, 1],
      scale: [1, 1, 1, 1],
      output: 0,
      clipBounds: [2, 2, 2, 2],
      history: [[], [0], [0, 0]],
    })
    const some = freeFamily({ ...from, solver: { output: 0.25 } }, ['tau'])
    expect(some.names).toEqual(['tau 1', 'tau 2', 'tau 3'])
    expect(some.toSchedule([0.1, 0.2, 0.3])).toEqual({ ...from, solver: { output: 0.25, tau: [0.1, 0.2, 0.3] } })
  })

  test('beside the weights, history leaves them the step before', () => {
    const names = (free: FreeName[]) => freeFamily(from, free).names
    expect(names(['history'])).toEqual(['history 2 1', 'history 3 1', 'history 3 2'])
    expect(names(['history', 'weights'])).toEqual(['weight 2', 'weight 3', 'history 3 1'])
  })

  test('guidance starts at its own scales, else at the one of the sampling; one for all steps is their mean', () => {
    const guided = { ...from, solver: { guidance: from.levels.map((_, i) => i + 1) } }
    const first = (free: FreeName[], schedule = from) => {
      const family = freeFamily(schedule, free, { guidanceScale: 7 })
      return family.toSchedule(family.initial).solver?.guidance
    }
    const steps = from.levels.length
    expect(first(['guidances'])).toEqual(Array(steps).fill(7))
    expect(first(['guidances'], guided)).toEqual(guided.solver.guidance)
    expect(first(['guidance'], guided)).toEqual(Array(steps).fill((steps + 1) / 2))
    expect(() => freeFamily(from, ['guidance'])).toThrow(/starts at the scale of .*, got none; give one/)
    expect(() => freeFamily(from, ['guidance', 'guidances'], { guidanceScale: 2 })).toThrow(/leave one out/)
  })

  test('each has a number at its fewest steps, and is refused below', () => {
    for (const { name, leastSteps } of FREE_PARTS.filter((part) => part.name !== 'shift')) {
      const least = samplingScheduleFrom(cosine, 'trailing', leastSteps)
      expect(freeFamily(least, [name], { guidanceScale: 3 }).names.length).toBeGreaterThan(0)
      if (leastSteps === 1) continue
      const few = () => freeFamily(samplingScheduleFrom(cosine, 'trailing', leastSteps - 1), [name])
      expect(few).toThrow(
        `free ${name} is of ${leastSteps} sampling steps or more, got ${leastSteps - 1}; leave ${name} out`,
      )
    }
  })

  test('beside weights, history is of 4 steps or more', () => {
    const three = samplingScheduleFrom(cosine, 'trailing', 3)
    expect(() => freeFamily(three, ['weights', 'history'])).toThrow(
      'free history beside weights is of 4 sampling steps or more, got 3; leave history out',
    )
    expect(freeFamily(three, ['history']).names).toEqual(['history 2 1'])
  })

  test.each<[string[], RegExp]>([
    [
      [],
      /one or more of levels, times, tau, weights, scale, output, clip, history, guidance, guidances, shift, each once; got none/,
    ],
    [['levels', 'levels'], /each once; got levels,levels/],
    [['sigma'], /got sigma/],
    [['shift'], /is of the levels of a flow, .*; leave shift out/],
    [['tau', 'shift', 'times'], /got tau,shift,times: leave shift or times out/],
  ])('%j is refused', (names, message) => {
    const make = () => freeFamily(from, names as FreeName[])
    expect(make).toThrow(expect.objectContaining({ code: 'learn.free', message: expect.stringMatching(message) }))
  })

  test('bounds start at a range about 0; the derivative of numbers of the step is asked for', () => {
    const lopsided = () => freeFamily(from, ['clip'], { clip: [-1, 2] })
    expect(lopsided).toThrow('free clip bounds start at a range [-r, r], got [-1, 2]; give one, or leave clip out')
    const family = freeFamily(from, ['tau'])
    const pull = () => family.pullBack(family.initial, { dLogSnr: [0, 0, 0, 0], dTimes: null })
    expect(pull).toThrow(expect.objectContaining({ code: 'family.solver' }))
  })
})

describe('of a flow', () => {
  const from = samplingScheduleFrom(flow, 'trailing', 4)

  test('what is learned stays one: every level on the straight path', () => {
    const names: FreeName[] = ['levels', 'times', 'tau', 'weights', 'scale', 'output', 'clip', 'history']
    for (const family of [
      freeFamily(from, names),
      freeFamily(from, ['shift']),
      levelPowerFamily({ schedule: flow, steps: 4 }),
    ]) {
      const { levels, times } = family.toSchedule(family.initial)
      for (const [i, { signal, noise, path, logSnr }] of levels.entries()) {
        expect(path).toBe('flow')
        expect(signal + noise).toBeCloseTo(1, 12)
        expect(logSnr).toBeCloseTo(from.levels[i].logSnr, 9)
        expect(times[i]).toBeCloseTo(from.times[i], 9)
      }
    }
  })

  test('the shift is that of sigma, of levels and told times alike', () => {
    const [family, whole] = (['real', 'integer'] as const).map((told) => freeFamily(from, ['shift'], { told }))
    for (const s of [0.4, 1, 3, 7.5]) {
      const { levels, times } = family.toSchedule([s])
      for (const [i, sigma] of [1, 0.75, 0.5, 0.25].entries()) {
        const shifted = (s * sigma) / (1 + (s - 1) * sigma)
        expect(levels[i].noise).toBeCloseTo(shifted, 12)
        expect(times[i]).toBeCloseTo(1000 * shifted, 9)
        expect(whole.toSchedule([s]).times[i]).toBe(Math.round(1000 * shifted))
      }
    }
    expect([family.freeTimes, whole.freeTimes]).toEqual([true, false])
    expect(whole.pullBack([2], { dLogSnr: [1, 2, 3, 4], dTimes: null })).toEqual(Float64Array.of(-10))
    const pull = () => family.pullBack([2], { dLogSnr: [1, 2, 3, 4], dTimes: null })
    expect(pull).toThrow(expect.objectContaining({ code: 'times.derivative' }))
  })

  test('at noise alone there is no scale to learn', () => {
    const family = freeFamily(from, ['scale'])
    expect(family.names).toEqual(['scale 2', 'scale 3', 'scale 4'])
    expect(family.toSchedule([0.9, 1.1, 0.95]).solver).toEqual({ scale: [1, 0.9, 1.1, 0.95] })
    const dSolver = { ...solverCotangent(4), scale: Float64Array.of(5, 6, 7, 8) }
    expect(family.pullBack([1, 1, 1], { dLogSnr: [0, 0, 0, 0], dTimes: null, dSolver })).toEqual(
      Float64Array.of(6, 7, 8),
    )
  })

  test('it is one number for any number of steps', () => {
    const place = { schedule: flow, steps: 5, stepList: 'trailing', told: 'real' } as const
    const { levels } = learnedFamily('shift').atOtherSteps(place)!.toSchedule([3])
    const wanted = samplingScheduleFrom(flow, 'shift-3', 5).levels
    for (const [i, { noise }] of levels.entries()) expect(noise).toBeCloseTo(wanted[i].noise, 12)
    const other = () => learnedFamily('shift').startingAt({ ...place, schedule: cosine })
    expect(other).toThrow(expect.objectContaining({ code: 'learn.free' }))
  })
})
