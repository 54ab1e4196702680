import { describe, expect, test } from 'vitest'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { readScheduler } from './diffusersScheduler.ts'

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

  test('the sampler that takes the steps of its solver', () => {
    const samplerOf = (fields: object) => read(fields).settings.sampler
    const dpm = { _class_name: 'DPMSolverMultistepScheduler' }
    expect(samplerOf(dpm)).toBe('dpm-solver++')
    expect(samplerOf({ ...dpm, algorithm_type: 'sde-dpmsolver++' })).toBe('sde-dpm-solver++')
    expect(samplerOf({ _class_name: 'UniPCMultistepScheduler' })).toBe('unipc')
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

describe('what the samplers here do otherwise is said', () => {
  const last = 'set_alpha_to_one is taken as true: the last step returns x0Hat'
  test.each<[string, object, string[]]>([
    [
      'DDIM',
      { clip_sample: false, set_alpha_to_one: false, steps_offset: 1, thresholding: true, sample_max_value: 1.5 },
      ['dynamic thresholding is left out', last],
    ],
    [
      'DDIM',
      { timestep_spacing: 'linspace', use_karras_sigmas: true, final_sigmas_type: 'sigma_min' },
      ['DDIMScheduler steps from t to t - T // N; here a step goes to the next time of the list'],
    ],
    [
      'DDPM',
      { variance_type: 'learned_range', timestep_spacing: 'linspace' },
      [
        'variance_type learned_range is taken as fixed_small: of a network with twice the channels of an image the first half is the prediction',
      ],
    ],
    ['EulerDiscrete', {}, ['EulerDiscreteScheduler takes the steps of DDIM, which is the default here']],
    [
      'EulerDiscrete',
      { use_karras_sigmas: true, final_sigmas_type: 'sigma_min', timestep_spacing: 'leading' },
      [
        'EulerDiscreteScheduler takes the steps of DDIM, which is the default here',
        'final_sigmas_type sigma_min is taken as zero: the last step returns x0Hat',
      ],
    ],
    [
      'EulerAncestralDiscrete',
      {},
      ['EulerAncestralDiscreteScheduler takes the steps of DDIM at eta 1, which is the default here'],
    ],
    [
      'DPMSolverSinglestep',
      { solver_order: 3 },
      [
        'DPMSolverSinglestepScheduler takes single steps of DPM-Solver, which no sampler here does: the default is DDIM',
      ],
    ],
    [
      'DPMSolverMultistep',
      { algorithm_type: 'sde-dpmsolver++', solver_order: 3, use_lu_lambdas: true, variance_type: 'learned' },
      [
        'the solver is of order 2, midpoint',
        'variance_type learned is left out: of a network with twice the channels of an image the first half is the prediction',
      ],
    ],
    ['DPMSolverMultistep', { algorithm_type: 'sde-dpmsolver++' }, []],
    [
      'DPMSolverMultistep',
      { algorithm_type: 'sde-dpmsolver', final_sigmas_type: 'sigma_min' },
      [
        'final_sigmas_type sigma_min is taken as zero: the last step returns x0Hat',
        'algorithm_type sde-dpmsolver is sampled as sde-dpmsolver++',
      ],
    ],
    [
      'DPMSolverMultistep',
      { algorithm_type: 'dpmsolver', final_sigmas_type: 'sigma_min' },
      [
        'final_sigmas_type sigma_min is taken as zero: the last step returns x0Hat',
        'algorithm_type dpmsolver is sampled as dpmsolver++',
      ],
    ],
    ['UniPCMultistep', {}, []],
    [
      'UniPCMultistep',
      { solver_order: 3, disable_corrector: [0] },
      ['the solver is of order 2, bh2, in the image, with a correction after every step'],
    ],
    [
      'PNDM',
      { rescale_betas_zero_snr: true },
      [
        'rescale_betas_zero_snr is left out: PNDMScheduler has no such field',
        'PNDMScheduler takes pseudo Runge-Kutta and linear multistep steps, which no sampler here does: the default is DDIM',
        last,
      ],
    ],
    [
      'DDPM',
      { beta_strat: 0.1, shift: 3, skip_prk_steps: true },
      ['what no scheduler has is left out: beta_strat, shift'],
    ],
    ['DDPM', { predict_epsilon: false }, ['predict_epsilon false is taken as prediction_type sample']],
  ])('%sScheduler with %o', (name, fields, notes) => {
    expect(read({ _class_name: `${name}Scheduler`, ...fields }).notes).toEqual(notes)
  })

  test('predict_epsilon false, of older files, is sample prediction', () => {
    expect(read({ _class_name: 'DDPMScheduler', predict_epsilon: false }).prediction).toBe('sample')
    expect(read({ _class_name: 'DDPMScheduler', predict_epsilon: null }).prediction).toBe('noise')
  })

  test('a config without _class_name is read as DDIM, unless its fields are of no class with betas', () => {
    const { notes, className, settings } = read({ beta_schedule: 'linear', num_train_timesteps: 10 })
    expect(notes).toEqual(['the scheduler has no _class_name: it is read as a DDIMScheduler'])
    expect(className).toBe('DDIMScheduler')
    expect(settings).toMatchObject({ sampler: 'ddim', clip: [-1, 1] })
    const flow = { num_train_timesteps: 1000, shift: 3 }
    expect(() => read(flow)).toThrow(/config.json: .* it has shift and no _class_name: .*; take a model/)
  })
})

test.each([
  ['EulerDiscrete', { clip_sample: true }, null],
  ['LMSDiscrete', {}, null],
  ['UniPCMultistep', {}, null],
  ['UniPCMultistep', { thresholding: true }, [-1, 1]],
  ['PNDM', { clip_sample: true, thresholding: true }, null],
  ['KDPM2Discrete', {}, null],
  ['DEISMultistep', {}, null],
  ['HeunDiscrete', {}, null],
  ['HeunDiscrete', { clip_sample: true, clip_sample_range: 2 }, [-2, 2]],
  ['DDIM', { clip_sample: null }, null],
  ['DDIM', { clip_sample_range: 3 }, [-3, 3]],
  ['DDPMParallel', { thresholding: true, clip_sample_range: 3 }, [-1, 1]],
] as const)('%sScheduler with %o clips to %o', (name, fields, clip) => {
  expect(read({ _class_name: `${name}Scheduler`, ...fields }).settings.clip).toEqual(clip)
})

test("Python's Infinity and NaN are read; null is what the class has", () => {
  const text = `{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "note": "NaN: Infinity",
    "sigma_max": Infinity, "dynamic_thresholding_ratio": NaN, "timestep_spacing": null, "trained_betas": null}`
  const { stepList, notes } = readScheduler(text, 'x')
  expect(stepList).toBe('linspace')
  expect(notes).toEqual([
    'null is taken as the default of DPMSolverMultistepScheduler: timestep_spacing',
    'what no scheduler has is left out: note',
  ])
  for (const value of ['NaN', 'Infinity']) {
    expect(() => readScheduler(`{"_class_name": "DDIMScheduler", "beta_end": ${value}}`, 'x')).toThrow(/x: beta_end/)
  }
})

describe('no signal at the last level', () => {
  const zero = { rescale_betas_zero_snr: true, num_train_timesteps: 20 }
  test.each(['DDIM', 'DDPM', 'EulerDiscrete', 'UniPCMultistep'])('%sScheduler: noise prediction is refused', (name) => {
    const refused = /rescale_betas_zero_snr must be false with noise prediction: .*; set it to false/
    expect(() => read({ _class_name: `${name}Scheduler`, ...zero })).toThrow(refused)
  })

  test('a velocity is read: x0Hat = -v there', () => {
    const { schedule, notes } = read({ _class_name: 'DDIMScheduler', ...zero, prediction_type: 'v_prediction' })
    const { signal, noise } = schedule.level(19)
    expect(noise).toBe(1)
    expect(-0.5 + signal * 6).toBe(-0.5)
    expect(notes).toEqual([])
  })
})

describe('what is refused', () => {
  test.each([
    [{ prediction_type: 'flow_prediction' }, /prediction_type is flow_prediction: the network was trained as a flow/],
    [{ _class_name: 'DEISMultistepScheduler', use_flow_sigmas: true }, /use_flow_sigmas is true: .* as a flow/],
    [
      { _class_name: 'UniPCMultistepScheduler', prediction_type: 'flow_prediction' },
      /prediction_type is flow_prediction without use_flow_sigmas/,
    ],
    [{ _class_name: 'DEISMultistepScheduler', use_dynamic_shifting: true }, /use_dynamic_shifting is true/],
    [{ _class_name: 'EulerDiscreteScheduler', timestep_type: 'continuous' }, /told log\(sigma\)\/4/],
    [{ snr_shift_scale: 3 }, /snr_shift_scale is 3/],
    [{ _class_name: 'DDPMSchedular' }, /DDPMSchedular is none that is known; .*; did you mean 'DDPMScheduler'\?/],
    [
      { _class_name: 'DDPMPipeline' },
      /must be of a class with betas, but DDPMPipeline is none that is known; take one of [\w, ]+$/,
    ],
    [
      { _class_name: 'FlowMatchLCMScheduler', shift: 1 },
      /FlowMatchLCMScheduler is a flow: .*take a model trained on betas/,
    ],
    [{ _class_name: 7 }, /config.json: _class_name/],
    [{ prediction_type: 'epsilom' }, /must be one of epsilon, sample, v_prediction, got epsilom/],
    [{ beta_schedule: 'cubic' }, /beta_schedule must be linear, scaled_linear/],
    [{ trained_betas: [0.1, 0.2] }, /^config.json: trained_betas must have num_train_timesteps = 1000 entries, got 2/],
    [{ trained_betas: [0.1, 1], num_train_timesteps: 2 }, /config.json: .* got 1 at index 1/],
    [{ num_train_timesteps: 'many' }, /num_train_timesteps/],
    [{ num_train_timesteps: 1e12 }, /num_train_timesteps/],
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
