import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { foundDenoiser } from '../../../test/found/denoisers/exact.fixture.ts'
import { LEARN_DEFAULTS } from '../../tuners/index.ts'
import { resolveEvaluateConfig } from '../evaluate/settings.ts'
import { resolveSampleConfig } from '../sample/settings.ts'
import { PRESETS } from './presets.ts'
import { SETTING_GROUPS, scheduleSchema } from './schema.ts'
import { learnSettingsOf, resolveScheduleConfig } from './settings.ts'

const flags = (values: Readonly<Record<string, unknown>>) => resolveScheduleConfig([{ source: 'the flags', values }])

describe('schedule settings', () => {
  it('hold every setting of the learning under its name, at the values that the learning gets', () => {
    const config = flags({ trainSteps: 5, through: 2, clip: null, training: { tau: 1.5 } })
    expect(learnSettingsOf(config)).toEqual({
      ...LEARN_DEFAULTS,
      ...{ trainSteps: 5, through: 2, clip: null },
      training: { start: null, end: null, tau: 1.5, epsilon: null },
      ...Object.fromEntries(
        Object.entries(PRESETS.quick).filter(([key]) => key in LEARN_DEFAULTS && key !== 'trainSteps'),
      ),
      // What is free where nobody says; without clipping there are no bounds to free.
      ...{ samplingFamily: 'free', sampler: 'exponential' },
      free: ['levels', 'times', 'tau', 'weights', 'scale', 'output'],
    })
  })

  it('are described one by one, in known groups', () => {
    const check = (shape: Readonly<Record<string, z.core.$ZodType>>) => {
      for (const [key, schema] of Object.entries(shape)) {
        if (schema instanceof z.ZodObject) check(schema.shape)
        else expect(SETTING_GROUPS, key).toContain(z.globalRegistry.get(schema)?.group)
      }
    }
    check(scheduleSchema.shape)
  })

  it.each(Object.keys(PRESETS))('resolve again to themselves: %s', (preset) => {
    const config = flags({ preset })
    expect(flags(config)).toEqual(config)
    // What is free where nobody says has a family and a sampler of its own.
    const free = config.free === null ? {} : { samplingFamily: 'free', sampler: 'exponential' }
    expect(config).toMatchObject({ ...PRESETS[preset as keyof typeof PRESETS], ...free })
  })

  it('let what is given win over everything that follows from other settings', () => {
    fc.assert(
      fc.property(
        fc.record(
          {
            model: fc.constantFrom('a.onnx', 'folder', null),
            size: fc.constantFrom(8, 28, null),
            samplingFamily: fc.constantFrom('levels', 'level-power', 'linear'),
            estimator: fc.constantFrom('two-point', 'backpropagation'),
            device: fc.constantFrom('cpu', 'cuda'),
          },
          { requiredKeys: [] },
        ),
        (values) => {
          expect(flags(values)).toMatchObject(values)
        },
      ),
    )
  })

  it.each([
    [{ learn: 'tied', trainingFamily: 'sigmoid' }, 'sigmoid'],
    [{ learn: 'tied', preset: 'mnist' }, 'cosine'],
    [{ preset: 'tiny', trainingFamily: 'linear' }, 'linear'],
    [{ preset: 'tiny', model: 'a.onnx' }, 'level-power'],
    [{ learn: 'both' }, 'levels'],
    [{ free: ['levels', 'times'] }, 'free'],
    [{ free: ['levels', 'tau'], model: 'a.onnx' }, 'free'],
  ])('let the sampling family follow: %j', (values, samplingFamily) => {
    expect(flags(values).samplingFamily).toBe(samplingFamily)
  })

  it.each([
    [{}, 1],
    [{ model: 'digits-16' }, 2],
    [{ model: 'digits-16', starts: 1 }, 1],
    [{ model: 'digits-16', objective: 'teacher' }, 1],
    [{ model: 'a.onnx' }, 1],
    [{ preset: 'tiny', model: 'digits-16' }, 4],
  ])('let the starts follow from whether a network is trained: %j', (values, starts) => {
    expect(flags(values).starts).toBe(starts)
  })

  it.each([
    [{ learn: 'both' }, true],
    [{ learn: 'both', hypergradient: 'implicit' }, false],
    [{ learn: 'tied', hypergradient: 'unrolled' }, false],
  ])('let z follow from the hypergradient: %j', (values, z) => {
    expect(flags(values).z).toBe(z)
  })

  it('let the estimator follow from whether the network in a file has a derivative', () => {
    const [smooth, quantised] = ['plain.onnx', 'int8.onnx'].map(foundDenoiser)
    const without = { estimator: 'coordinate', samplingFamily: 'level-power', freshSamples: false, starts: 1 }
    const own = { candidateSamples: 128, evaluationSamples: 500, ceilingSteps: null, otherSteps: false }
    expect(flags({ model: smooth })).toMatchObject({ estimator: 'backpropagation', samplingFamily: 'free', ...own })
    expect(flags({ model: smooth }).free).toContain('times')
    expect(flags({ model: quantised })).toMatchObject({ ...without, ...own })
    // What the derivative would have to go on through has none, or it is not wanted.
    expect(flags({ model: smooth, features: 'f.onnx' })).toMatchObject({ ...without, ...own })
    expect(flags({ model: smooth, objective: 'reward', reward: './r.mjs' })).toMatchObject({ ...without, ...own })
    const judge = (name: string) => `test/found/judges/${name}.onnx`
    const reward = (words: string) => flags({ model: smooth, objective: 'reward', reward: words })
    expect(flags({ model: smooth, features: judge('bytes') })).toMatchObject({ ...without, ...own })
    expect(flags({ features: judge('bytes') }).estimator).toBe('coordinate')
    expect(flags({ features: judge('nhwc') }).estimator).toBe('backpropagation')
    expect(flags({ model: smooth, features: judge('several'), featuresOutput: 'scores' })).toMatchObject(own)
    expect(flags({ model: smooth, features: judge('several'), featuresOutput: 'scores' }).samplingFamily).toBe('free')
    expect(reward(`ink + 2*${judge('logits')}:3`).estimator).toBe('backpropagation')
    expect(reward(`ink + 2*${judge('bytes')}:3`)).toMatchObject({ ...without, ...own })
    expect(flags({ model: smooth, estimator: 'two-point' })).toMatchObject({ ...without, estimator: 'two-point' })
    // Which of its inputs is which decides, and is said by settings too.
    const unnamed = foundDenoiser('unnamed.onnx')
    expect(flags({ model: unnamed }).estimator).toBe('coordinate')
    expect(flags({ model: unnamed, inputTime: 'arg1' }).estimator).toBe('backpropagation')
  })

  it('let the sampler follow what is free', () => {
    const words = (values: object) =>
      resolveScheduleConfig([{ source: 'the flags', values: { ...values }, words: true }])
    expect(words({ free: '[levels,times]', preset: 'tiny' }).sampler).toBe('ddim')
    expect(words({ free: '[levels,clip]', preset: 'tiny' }).sampler).toBe('exponential')
    expect(flags({ free: ['levels', 'clip'], sampler: 'exponential' })).toMatchObject({ free: ['levels', 'clip'] })
  })

  it.each([
    [{ preset: 'mnist', classConditional: true }, 'config.network', 'takes no classes'],
    [
      { network: { kind: 'shuffle', groups: null, layersPerBlock: null, channels: [8, 12] } },
      'config.network',
      'multiples',
    ],
    [{ network: { groups: null } }, 'config.network', 'needs network.layersPerBlock and network.groups'],
    [{ learn: 'tied', samplingFamily: 'levels' }, 'learn.settings', 'samplingFamily must be the training family'],
    [{ free: ['levels'], samplingFamily: 'levels' }, 'learn.settings', 'samplingFamily must be free'],
    [{ free: ['levels', 'tau'], sampler: 'ddim' }, 'learn.settings', 'sampler must be exponential'],
    [{ free: ['levels', 'sigma'] }, 'config.invalid', 'free.1'],
    [{ training: { end: 0.3, start: 0.4 } }, 'schedule.box', 'start must be below end'],
    [{ training: { tua: 1 } }, 'config.unknownKey', "did you mean 'training.tau'?"],
    [{ sampler: 'dpm-solver++', eta: 0.5 }, 'sampler.eta', 'eta belongs to ddim'],
    [
      { featuresRange: [1, 0] },
      'config.invalid',
      'featuresRange: must be two numbers low,high with low < high, got 1,0',
    ],
    [{ featuresRange: [0, 0] }, 'config.invalid', 'low < high, got 0,0'],
    [{ featuresRange: [0, Number.POSITIVE_INFINITY] }, 'config.invalid', 'featuresRange.1'],
    [{ clip: [1, -1] }, 'sampler.clip', 'low < high'],
    [{ network: { chanels: [8] } }, 'config.unknownKey', "did you mean 'network.channels'?"],
  ])('refuse %j', (values, code, message) => {
    expect(() => flags(values)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
  })
})

describe('settings of sampling and evaluating', () => {
  it('have defaults, and refuse what is unknown', () => {
    expect(resolveSampleConfig([])).toMatchObject({ schedule: null, count: 100, device: 'cpu' })
    expect(resolveEvaluateConfig([])).toMatchObject({ samples: 1000, features: 'auto', data: 'digits' })
    const layer = { source: 'x', values: { step: 3 } }
    expect(() => resolveSampleConfig([layer])).toThrow("unknown setting 'step' in x; did you mean 'steps'?")
    expect(() => resolveEvaluateConfig([{ source: 'x', values: { samples: 0 } }])).toThrow('(from x)')
    const turned = { source: 'x', values: { featuresRange: [1, -1] } }
    expect(() => resolveEvaluateConfig([turned])).toThrow('low < high, got 1,-1 (from x)')
  })
})
