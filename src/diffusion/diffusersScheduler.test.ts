import { describe, expect, test } from 'vitest'
import { readScheduler } from './diffusersScheduler.ts'
import { noiseSchedule } from './noiseSchedule.ts'

const read = (config: object) => readScheduler(JSON.stringify(config), 'config.json')

describe('beta schedules', () => {
  test('linear, with the defaults of a DDPMScheduler', () => {
    const { schedule, settings, stepList } = read({ _class_name: 'DDPMScheduler', variance_type: 'fixed_large' })
    expect(schedule.betas[0]).toBeCloseTo(1e-4, 12)
    expect(schedule.betas[999]).toBeCloseTo(0.02, 12)
    expect(schedule.betas[333]).toBeCloseTo(1e-4 + (0.0199 * 333) / 999, 12)
    expect(settings).toMatchObject({ sampler: 'ddpm', variance: 'large', clip: [-1, 1], clippedNoise: 'recompute' })
    expect(stepList).toBe('leading')
  })

  test('scaled_linear: evenly spaced square roots; velocity', () => {
    const { schedule, prediction } = read({
      _class_name: 'DDIMScheduler',
      beta_schedule: 'scaled_linear',
      beta_start: 0.00085,
      beta_end: 0.012,
      prediction_type: 'v_prediction',
    })
    const root = Math.sqrt(0.00085) + ((Math.sqrt(0.012) - Math.sqrt(0.00085)) * 250) / 999
    expect(schedule.betas[250]).toBeCloseTo(root ** 2, 12)
    expect(prediction).toBe('velocity')
  })

  test('squaredcos_cap_v2 is the default cosine schedule', () => {
    const { schedule, settings, stepList } = read({
      _class_name: 'DPMSolverMultistepScheduler',
      beta_schedule: 'squaredcos_cap_v2',
      thresholding: true,
      lambda_min_clipped: -5.1,
      timestep_spacing: 'trailing',
    })
    const ours = noiseSchedule({ family: 'cosine' })
    for (const [t, value] of ours.logSnr.entries()) expect(Math.abs(schedule.logSnr[t] - value)).toBeLessThan(1e-8)
    expect(settings).toMatchObject({ sampler: 'dpm-solver++', clip: [-1, 1] })
    expect(stepList).toBe('trailing-clipped')
  })

  test('sigmoid; trained_betas; plain betas', () => {
    const sigmoid = read({ _class_name: 'DDPMScheduler', beta_schedule: 'sigmoid', num_train_timesteps: 13 })
    expect(sigmoid.schedule.betas[6]).toBeCloseTo((1e-4 + 0.02) / 2, 12)
    const betas = [0.01, 0.2, 0.5]
    const trained = read({ _class_name: 'DDIMScheduler', trained_betas: betas, num_train_timesteps: 3 })
    const plain = read({ betas, alphas: [0.99, 0.8, 0.5] })
    for (const { schedule } of [trained, plain]) expect(schedule.alphaBar[2]).toBeCloseTo(0.99 * 0.8 * 0.5, 14)
    expect(plain.stepList).toBe('trailing')
  })
})

test('what the samplers here do otherwise is said', () => {
  const { notes, settings } = read({
    _class_name: 'DDIMScheduler',
    clip_sample: false,
    set_alpha_to_one: false,
    steps_offset: 1,
    thresholding: true,
    sample_max_value: 1.5,
  })
  expect(notes).toEqual([
    'dynamic thresholding is left out',
    'steps_offset 1 is left out',
    'set_alpha_to_one is taken as true: the last step returns x0Hat',
  ])
  expect(settings.clip).toBeNull()
  expect(read({ _class_name: 'EulerDiscreteScheduler' }).notes).toEqual(['EulerDiscreteScheduler is sampled with DDIM'])
})

test("Python's -Infinity reads as no bound", () => {
  const text = '{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity}'
  expect(readScheduler(text, 'x').stepList).toBe('linspace')
})

describe('what is refused', () => {
  test.each([
    [{ rescale_betas_zero_snr: true }, /rescale_betas_zero_snr must be false/],
    [{ prediction_type: 'flow_prediction' }, /must be one of epsilon, sample, v_prediction, got flow_prediction/],
    [{ beta_schedule: 'laplace' }, /beta_schedule must be linear, scaled_linear/],
    [{ trained_betas: [0.1, 0.2] }, /trained_betas must have num_train_timesteps = 1000 entries, got 2/],
    [{ trained_betas: [0.1, 1], num_train_timesteps: 2 }, /got 1 at index 1/],
    [{ num_train_timesteps: 'many' }, /num_train_timesteps/],
  ])('%o', (fields, message) => {
    expect(() => read({ _class_name: 'DDIMScheduler', ...fields })).toThrow(message)
  })

  test('something else altogether', () => {
    expect(() => readScheduler('{"sample_size": 28}', 'unet.json')).toThrow(
      /unet.json must be a diffusers scheduler_config/,
    )
    expect(() => readScheduler('[1, 2]', 'list.json')).toThrow(/list.json must be/)
    expect(() => readScheduler('{"betas": [', 'cut.json')).toThrow(/cut.json must hold JSON/)
  })
})
