import { describe, expect, test } from 'vitest'
import type { EntropySettings } from './settings.ts'
import { ENTROPY_DEFAULTS, ESTIMATORS_OF, entropySettings } from './settings.ts'

describe('settings', () => {
  test('of which some are given: the rest at the defaults', () => {
    expect(entropySettings()).toEqual(ENTROPY_DEFAULTS)
    const given = {
      target: 'tilt',
      estimator: 'smc',
      lambdaRange: [0.2, 3],
      tolerance: 1.4,
      through: 'reward',
    } as const
    expect(entropySettings(given)).toEqual({ ...ENTROPY_DEFAULTS, ...given })
    expect(entropySettings({ gridImages: 1, curvePoints: 5, chunk: 1, minimumAlphaBar: 0 }).chunk).toBe(1)
  })

  test('every target goes with auto and with the estimators that are its own', () => {
    for (const target of ['guided', 'tilt', 'penalty'] as const) {
      expect(ESTIMATORS_OF[target]).toContain('auto')
      for (const estimator of ESTIMATORS_OF[target]) expect(entropySettings({ target, estimator }).target).toBe(target)
    }
  })

  test.each<[string, Partial<EntropySettings>, string]>([
    ['entropy.range', { lambdaRange: [0, 1] }, 'lambdaRange must be [low, high]'],
    ['entropy.range', { lambdaRange: [-1, 1] }, 'got [-1, 1]'],
    ['entropy.range', { lambdaRange: [2, 2] }, 'got [2, 2]'],
    ['entropy.range', { lambdaRange: [1, Number.POSITIVE_INFINITY] }, 'low < high'],
    ['entropy.target', { target: 'guided', estimator: 'smc' }, 'target guided has the estimators'],
    ['entropy.target', { target: 'tilt', estimator: 'paired-differences' }, 'got paired-differences'],
    ['entropy.target', { target: 'guided', through: 'reward' }, 'choose target tilt or penalty'],
    ['entropy.settings', { tolerance: 1 }, 'tolerance must be a ratio above 1, got 1'],
    ['entropy.settings', { gamma: 0 }, 'gamma must be above 0'],
    ['entropy.settings', { minimumAlphaBar: 1 }, 'minimumAlphaBar must be in [0, 1)'],
    ['entropy.settings', { maxEvaluations: 0 }, 'maxEvaluations must be at least 1'],
    ['entropy.settings', { explorePaths: 4 }, 'explorePaths must be a whole number from 8'],
    ['entropy.settings', { curvePoints: 3 }, 'curvePoints must be a whole number from 5'],
    ['entropy.settings', { chunk: 0.5 }, 'chunk must be a whole number from 1'],
    ['entropy.settings', { seed: -1 }, 'seed must be a whole number from 0'],
  ])('%s: %j', (code, given, message) => {
    const refused = expect.objectContaining({ code, kind: 'input', message: expect.stringContaining(message) })
    expect(() => entropySettings(given)).toThrow(refused)
  })
})
