import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ENTROPY_DEFAULTS } from '../../tuners/index.ts'
import { ENTROPY_PRESETS } from './presets.ts'
import { ENTROPY_GROUPS, entropySchema, entropySettingsOf, resolveEntropyConfig } from './settings.ts'

const flags = (values: Readonly<Record<string, unknown>>) => resolveEntropyConfig([{ source: 'the flags', values }])

describe('entropy settings', () => {
  it('hold every setting of the tuning under its name, at the values that the tuning gets', () => {
    const config = flags({
      gridImages: 9,
      maxEvaluations: 5000,
      tolerance: 1.5,
      lambdaRange: [0.1, 4],
      minimumAlphaBar: 0.01,
    })
    expect(entropySettingsOf(config, 'tilt')).toEqual({
      ...ENTROPY_DEFAULTS,
      ...{
        gridImages: 9,
        maxEvaluations: 5000,
        tolerance: 1.5,
        lambdaRange: [0.1, 4],
        minimumAlphaBar: 0.01,
        target: 'tilt',
      },
    })
    expect(entropySettingsOf(flags({ gamma: 3 }), 'penalty')).toMatchObject({ gamma: 3, target: 'penalty' })
  })

  it('are described one by one, in known groups', () => {
    for (const [key, schema] of Object.entries(entropySchema.shape)) {
      expect(ENTROPY_GROUPS, key).toContain(z.globalRegistry.get(schema)?.group)
    }
  })

  it.each(Object.keys(ENTROPY_PRESETS))('resolve again to themselves: %s', (preset) => {
    const config = flags({ preset })
    expect(flags(config)).toEqual(config)
    expect(config).toMatchObject(ENTROPY_PRESETS[preset as keyof typeof ENTROPY_PRESETS])
  })

  it.each([
    [{}, { steps: 25, eta: 1, target: 'auto' }],
    [
      { sampler: 'ddpm', variance: 'large' },
      { steps: 25, eta: null },
    ],
    [{ schedule: 'dpm-solver++-10' }, { steps: null, eta: 1 }],
    [
      { schedule: 'dpm-solver++-10', eta: 0.5, steps: 10 },
      { steps: 10, eta: 0.5 },
    ],
    [{ schedule: 'cosine:tau=1.4' }, { steps: 25 }],
    [{ gamma: 10 }, { target: 'penalty', gamma: 10 }],
    [{ through: 'reward' }, { target: 'auto' }],
  ])('follow from what is given: %j', (values, expected) => {
    expect(flags(values)).toMatchObject(expected)
  })

  it.each([
    [{ eta: 0 }, 'config.entropy', 'eta must be above 0'],
    [{ sampler: 'ddpm', eta: 0.5 }, 'sampler.eta', 'eta belongs to ddim'],
    [{ variance: 'large' }, 'config.entropy', 'variance is a setting of ddpm'],
    [{ sampler: 'dpm-solver++' }, 'config.invalid', 'sampler'],
    [{ lambdaRange: [3, 1] }, 'entropy.range', '0 < low < high'],
    [{ lambdaRange: [1e-40, 1] }, 'entropy.range', 'within 1e-30 to 1e+30'],
    [{ rewardRange: [1, 0] }, 'config.invalid', 'rewardRange: must be two numbers low,high with low < high, got 1,0'],
    [{ featuresRange: [1, 0] }, 'config.invalid', 'low < high, got 1,0'],
    [{ target: 'penalty' }, 'config.entropy', '--gamma 10'],
    [{ target: 'tilt', gamma: 2 }, 'config.entropy', 'gamma belongs to target penalty'],
    [{ target: 'guided', through: 'reward' }, 'entropy.target', 'choose target tilt'],
    [{ target: 'guided', estimator: 'smc' }, 'entropy.target', 'paired-differences'],
    [{ tolerance: 1 }, 'config.invalid', 'tolerance'],
    [{ explorePaths: 2 }, 'config.invalid', 'explorePaths: Too small: expected number to be >=8 (from the flags)'],
    [{ class: -1 }, 'config.invalid', 'class'],
    [{ preset: 'quik' }, 'config.preset', "did you mean 'quick'?"],
    [{ lamdaRange: [1, 2] }, 'config.unknownKey', "did you mean 'lambdaRange'?"],
  ])('refuse %j', (values, code, message) => {
    expect(() => flags(values)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
  })
})
