/** `--json`: every field that programs may rely on, plain numbers, one line. */
import { expect, test } from 'vitest'
import { scheduleJson } from './scheduleJson.ts'
import { BARE, CONTEXT, WON } from './scheduleResult.fixture.ts'

const FIELDS = [
  'preset, seed, learn, sampler, samplingSteps, featureNetwork, protocol',
  'default.fid.mean, default.fid.standardError, default.recognised, default.sampler, default.steps',
  'bestDefault.fid.mean, bestDefault.fid.standardError, bestDefault.recognised, bestDefault.sampler, bestDefault.stepList',
  'manySteps.fid.mean, manySteps.fid.standardError, manySteps.recognised, manySteps.steps',
  'start.fid.mean, start.fid.standardError, start.sampler, start.stepList, judgeFid.start.mean, gain.overStart.mean',
  'learned.fid.mean, learned.fid.standardError, learned.recognised, learned.schedule',
  'judgeFid.default.mean, judgeFid.default.standardError, judgeFid.bestDefault.mean, judgeFid.bestDefault.standardError',
  'judgeFid.learned.mean, judgeFid.learned.standardError',
  'gain.overDefault.mean, gain.overDefault.standardError, gain.overBestDefault.mean, gain.overBestDefault.standardError',
  'real.fid, real.recognised, networkEvaluations.default, networkEvaluations.learned, seconds, peakMemoryMiB, run',
].flatMap((line) => line.split(', '))

const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce((inside, key) => (inside as Record<string, unknown>)[key], value)

test.each(FIELDS)('has %s', (path) => {
  expect(at(scheduleJson(WON, CONTEXT), path)).toBeDefined()
})

test('holds the numbers of the result and survives a round trip in one line', () => {
  const object = scheduleJson(WON, CONTEXT)
  const text = JSON.stringify(object)
  expect(text).not.toContain('\n')
  expect(JSON.parse(text)).toEqual(object)
  expect(object.learned.fid).toEqual({ mean: 7.6218, standardError: 0.0931 })
  expect(object.gain.overBestDefault).toEqual({ mean: 5.3122, standardError: 0.1204 })
  expect(object.judgeFid.bestDefault?.mean).toBe(13.402)
  expect(object.learned.schedule.levels).toEqual(WON.schedule.sampling.levels.map(({ logSnr }) => logSnr))
  expect(object.learned.schedule.times[9]).toBe(99)
  expect([object.seconds, object.secondsOf.tuning, object.peakMemoryMiB, object.run]).toEqual([
    327.3,
    61.7,
    1843.4,
    'runs/quick-3',
  ])
})

test('what was not measured is null, never absent', () => {
  const object = scheduleJson(BARE, { ...CONTEXT, preset: null, peakMemoryMiB: null })
  expect(object.default.fid?.standardError).toBeNull()
  expect(object.judgeFid).toEqual({ default: null, bestDefault: null, start: null, learned: null, manySteps: null })
  expect([
    object.preset,
    object.judgeNetwork,
    object.learned.recognised,
    object.gain.judgeOverDefault,
    object.peakMemoryMiB,
  ]).toEqual([null, null, null, null, null])
  expect(JSON.parse(JSON.stringify(object))).toEqual(object)
})
