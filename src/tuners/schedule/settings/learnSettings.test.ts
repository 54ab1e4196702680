import { describe, expect, test } from 'vitest'
import type { LearnSettings } from './index.ts'
import { checkLearnSettings, LEARN_DEFAULTS, learnedSampler, learnSettings, startingSchedule } from './index.ts'

const check = (settings: object) => () => checkLearnSettings({ ...LEARN_DEFAULTS, ...settings })

describe('settings', () => {
  test('the defaults, and the ends of ranges, pass', () => {
    expect(check({})).not.toThrow()
    const ends: Partial<LearnSettings> = {
      ...{ trainSteps: 0, iterations: 0, warmUpSteps: 0, emaDecay: 0, through: 1, samplingSteps: 1000 },
      ...{ samplingSeeds: [0], seed: 0 },
    }
    expect(check(ends)).not.toThrow()
    expect(check({ learn: 'tied', samplingFamily: 'cosine', z: false, twinSteps: 0 })).not.toThrow()
    expect(check({ learn: 'both', samplingFamily: 'levels', z: false, hypergradient: 'unrolled' })).not.toThrow()
    expect(check({ training: { start: 0, end: 1, tau: 1e6, epsilon: 1 } })).not.toThrow()
  })

  const wrong: [string, object][] = [
    ['learn', { learn: 'neither' }],
    ['start', { start: 'sideways' }],
    ['start', { start: 'given', samplingFamily: 'cosine' }],
    ['start', { start: 'given', learn: 'tied', samplingFamily: 'cosine' }],
    ['moreSteps', { start: 'given', moreSteps: [5] }],
    ['moreSteps', { moreSteps: [3, 3] }],
    ['moreSteps', { samplingSteps: 4, moreSteps: [3, 4] }],
    ['moreSteps', { moreSteps: [1001] }],
    ['moreSteps', { moreSteps: [0] }],
    ['moreSteps', { learn: 'tied', samplingFamily: 'cosine', moreSteps: [5] }],
    ['moreSteps', { learn: 'both', z: true, moreSteps: [5] }],
    ['starts', { starts: 0 }],
    ['starts', { starts: 17 }],
    ['ceilingSteps', { ceilingSteps: 0 }],
    ['estimator', { estimator: 'three-point' }],
    ['batch', { batch: 0 }],
    ['timesteps', { timesteps: 1.5 }],
    ['tuningSamples', { tuningSamples: 0 }],
    ['trainSteps', { trainSteps: -1 }],
    ['seed', { seed: -3 }],
    ['samplingSteps', { samplingSteps: 1001 }],
    ['learningRate', { learningRate: 0 }],
    ['upperRate', { upperRate: Number.NaN }],
    ['gamma', { gamma: -1 }],
    ['gamma', { learn: 'tied', z: true, estimator: 'one-point' }],
    ['delta', { delta: Number.POSITIVE_INFINITY }],
    ['emaDecay', { emaDecay: 1 }],
    ['through', { through: 0 }],
    ['samplingSeeds', { samplingSeeds: [] }],
    ['samplingSeeds', { samplingSeeds: [1, -2] }],
    ['samplingFamily', { learn: 'tied', samplingFamily: 'levels' }],
    ['z', { learn: 'both', z: false }],
    ['free', { samplingFamily: 'free', free: ['levels', 'sigma'] }],
    ['free', { samplingFamily: 'free', free: [] }],
    ['samplingFamily', { free: ['levels'] }],
    ['samplingFamily', { samplingFamily: 'free' }],
    ['sampler', { samplingFamily: 'free', free: ['levels', 'tau'] }],
    ['clip', { samplingFamily: 'free', free: ['clip'], sampler: 'exponential', clip: null }],
    ['clip', { samplingFamily: 'free', free: ['clip'], sampler: 'exponential', clip: [-1, 2] }],
    ['twinSteps', { learn: 'tied', z: true, twinSteps: 0 }],
    ['hypergradient', { learn: 'sampling', hypergradient: 'implicit' }],
    ['z', { learn: 'both', hypergradient: 'unrolled', z: true }],
    ['estimator', { learn: 'tied', samplingFamily: 'cosine', hypergradient: 'implicit', estimator: 'one-point' }],
    ['trainingDensity', { trainingDensity: 'cauchy' }],
    ['trainingDensity', { trainingDensity: 'laplace', learn: 'tied', samplingFamily: 'cosine' }],
    ['densityMean', { densityMean: 1 }],
    ['densityWidth', { densityWidth: 1 }],
    ['densityWidth', { trainingDensity: 'normal', densityWidth: 0 }],
    ['importanceSampling', { importanceSampling: true }],
    ['importanceSampling', { trainingDensity: 'normal', importanceSampling: true, learn: 'both', z: true }],
    ['lossWeighting', { lossWeighting: 'max-snr' }],
    ['snrGamma', { snrGamma: 5 }],
    ['snrGamma', { snrGamma: 5, lossWeighting: 'v-like' }],
    ['snrGamma', { snrGamma: -1, lossWeighting: 'min-snr' }],
    ['prediction', { zeroTerminalSnr: true }],
    ['prediction', { zeroTerminalSnr: true, prediction: 'noise' }],
    ['zeroTerminalSnr', { zeroTerminalSnr: true, prediction: 'flow', clippedNoise: 'recompute' }],
    ['zeroTerminalSnr', { zeroTerminalSnr: true, prediction: 'velocity', learn: 'both', z: true }],
  ]

  test.each(wrong)('%s outside its range is refused by name', (name, settings) => {
    expect(check(settings)).toThrow(
      expect.objectContaining({
        code: 'learn.settings',
        kind: 'input',
        message: expect.stringMatching(`^${name} must be`),
      }),
    )
  })

  test('what is free is learned by its own family, and by the sampler that has it', () => {
    expect(learnSettings({ free: ['levels', 'times'] })).toMatchObject({
      samplingFamily: 'free',
      sampler: 'dpm-solver++',
    })
    expect(learnSettings({ free: ['levels', 'tau'] })).toMatchObject({ samplingFamily: 'free', sampler: 'exponential' })
    expect(() => learnSettings({ free: ['tau'], sampler: 'ddim' })).toThrow(
      'sampler must be exponential with tau free, got "ddim"',
    )
    const few = () => learnSettings({ free: ['levels', 'weights'], samplingSteps: 2 })
    expect(few).toThrow(expect.objectContaining({ code: 'learn.free' }))
    const fewOfMore = () => learnSettings({ free: ['levels', 'weights'], samplingSteps: 5, moreSteps: [4, 2] })
    expect(fewOfMore).toThrow(expect.objectContaining({ code: 'learn.free' }))
    expect(() => learnSettings({ free: ['levels'], learn: 'tied' })).toThrow(
      /samplingFamily must be the training family/,
    )
  })

  test('of which some are given: the rest at the defaults, and at what follows', () => {
    expect(learnSettings()).toEqual(LEARN_DEFAULTS)
    const given = { learn: 'tied', trainingFamily: 'sigmoid', training: { tau: 0.8 }, trainSteps: 7 } as const
    const settings = learnSettings(given)
    expect(settings).toEqual({
      ...LEARN_DEFAULTS,
      ...given,
      training: { start: null, end: null, tau: 0.8, epsilon: null },
      samplingFamily: 'sigmoid',
      z: false,
    })
    expect([learnSettings({ learn: 'tied', z: true }).z, learnSettings({ learn: 'both' }).z]).toEqual([true, true])
    expect(learnSettings({ learn: 'both', hypergradient: 'implicit' }).z).toBe(false)
    expect([learnSettings({ sampler: 'ddpm' }).clippedNoise, learnSettings({ sampler: 'ddim' }).clippedNoise]).toEqual([
      'recompute',
      'keep',
    ])
    expect(learnSettings({ sampler: 'ddpm', clippedNoise: 'keep' }).clippedNoise).toBe('keep')
    expect([...startingSchedule(settings).parameters]).toEqual([-3, 3, 0.8, 0])
    expect(learnSettings({ learn: 'tied' }).samplingFamily).toBe('cosine')
    expect(learnSettings({ learn: 'both', trainingFamily: 'linear' }).samplingFamily).toBe('levels')
    expect(() => learnSettings({ learn: 'tied', samplingFamily: 'levels' })).toThrow(/samplingFamily must be/)
  })

  test.each<[object, string, RegExp]>([
    [{ trainingDensity: 'laplace', densityMean: 14 }, 'schedule.density', /move its mean, or narrow it/],
    [{ trainingDensity: 'laplace', trainingFamily: 'sigmoid-published' }, 'schedule.density', /can be told/],
    [{ trainingDensity: 'laplace', importanceSampling: true }, 'training.importance', /widen it/],
  ])('what a network is trained on is held against the times that it is told: %j', (settings, code, message) => {
    expect(check(settings)).toThrow(expect.objectContaining({ code, kind: 'input' }))
    expect(check(settings)).toThrow(message)
  })

  test('every prediction goes with every weighting and density', () => {
    for (const prediction of ['noise', 'sample', 'velocity', 'flow'] as const) {
      for (const lossWeighting of ['uniform', 'min-snr', 'soft-min-snr', 'v-like'] as const) {
        for (const trainingDensity of ['times', 'laplace', 'normal', 'uniform', 'cosine'] as const) {
          expect(() => learnSettings({ prediction, lossWeighting, trainingDensity })).not.toThrow()
        }
      }
    }
    expect(check({ trainingDensity: 'normal', densityWidth: 5, importanceSampling: true })).not.toThrow()
    expect(check({ zeroTerminalSnr: true, prediction: 'sample' })).not.toThrow()
  })

  const { training } = LEARN_DEFAULTS
  test.each<[object, string]>([
    [{ training: { ...training, start: 1, end: 0.5 } }, 'start must be below end, got start 1, end 0.5'],
    [{ training: { ...training, tau: -1 } }, 'tau must lie in [0.01, 1000000], got -1'],
    [{ training: { ...training, epsilon: Number.NaN } }, 'epsilon must lie in [0, 1], got NaN'],
    [{ training: { ...training, start: 1 } }, 'start must be below end'],
    [{ trainingFamily: 'sigmoid', training: { ...training, end: -4 } }, 'start -3, end -4'],
    [{ trainingFamily: 'linear', training: { ...training, tau: 1 } }, 'no parameter tau; it has start, end'],
  ])('parameters outside the box of the training family are refused: %j', (settings, message) => {
    expect(check(settings)).toThrow(
      expect.objectContaining({ code: 'schedule.box', kind: 'input', message: expect.stringContaining(message) }),
    )
  })

  test('the sampler’s own rules hold', () => {
    expect(check({ eta: 0.5 })).toThrow(expect.objectContaining({ code: 'sampler.eta' }))
    expect(check({ clip: [1, -1] })).toThrow(expect.objectContaining({ code: 'sampler.clip' }))
    expect(learnedSampler({ ...LEARN_DEFAULTS, sampler: 'ddim', eta: 0.5, clip: null })).toMatchObject({
      sampler: 'ddim',
      eta: 0.5,
      clip: null,
    })
  })
})
