/** What `bilevel_scheduler.py` is told, by the step that it documents, against our samplers; that it takes that step is for `npm run interop`. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { functionDenoiser } from '../denoisers/functionDenoiser.ts'
import { generate } from '../samplers/generate.ts'
import { startNoise, stepNoise } from '../samplers/sample.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import type { SolverNumbers } from '../schedules/solverNumbers.ts'
import { exportOwnClass } from './exportOwnClass.ts'
import { exportForms } from './exportSteps.ts'
import type { OwnClassConfig } from './ownClassRule.fixture.ts'
import { bySchedulerRule } from './ownClassRule.fixture.ts'

const SOLVER: SolverNumbers = {
  tau: [0.3, 0.9, 0.1],
  weight: [1, 0.4, 1.3],
  scale: [1.02, 0.98, 1, 1.05],
  clipBounds: [0.6, 0.9, 1.1, 0.8],
  output: 0.35,
  history: [[], [0.2], [-0.1, 0.15]],
}
const LEVELS = { timesteps: 100, logSnr: [-5, -1.5, 0.7, 3.2], times: [99, 71.5, 40, 3] }

/** As flows begin: below log-SNR -40. */
const NOISE_ALONE = { flow: true, logSnr: [-100, -1.5, 0.7, 3.2] } as const

interface Levels {
  readonly flow?: boolean
  readonly logSnr?: readonly number[]
  readonly solver?: SolverNumbers
}

const CASES: readonly (readonly [string, Partial<SamplerSettings>, Levels])[] = [
  ['ddim', { sampler: 'ddim' }, {}],
  ['ddim, eta .6, kept', { sampler: 'ddim', eta: 0.6 }, {}],
  ['ddim, eta .6, recomputed', { sampler: 'ddim', eta: 0.6, clippedNoise: 'recompute' }, {}],
  ['ddim, eta 1, unclipped', { sampler: 'ddim', eta: 1, clip: null }, {}],
  ['ddpm', { sampler: 'ddpm' }, {}],
  ['ddpm, kept', { sampler: 'ddpm', clippedNoise: 'keep' }, {}],
  ['ddpm, large', { sampler: 'ddpm', variance: 'large' }, {}],
  ['ddpm, large, last step noised', { sampler: 'ddpm', variance: 'large', noisyLastStep: true }, {}],
  ['dpm-solver++', { sampler: 'dpm-solver++', clip: [-0.4, 0.7] }, {}],
  ['exponential, all numbers', { sampler: 'exponential' }, { solver: SOLVER }],
  ['a flow, ddim', { sampler: 'ddim', clip: null }, { flow: true }],
  ['a flow, ddim, eta .5, kept', { sampler: 'ddim', eta: 0.5 }, { flow: true }],
  ['a flow, all numbers', { sampler: 'exponential' }, { flow: true, solver: SOLVER }],
  [
    'a flow from noise alone, whose first scale does nothing',
    { sampler: 'exponential' },
    { ...NOISE_ALONE, solver: SOLVER },
  ],
]

describe.each(CASES)('%s', (_, given, { flow, logSnr = LEVELS.logSnr, solver }) => {
  test('is what our sampler does', async () => {
    const count = 3
    const seed = 4
    const imageShape = [1, 2, 2]
    const settings = samplerSettings(given)
    const schedule = samplingSchedule({ ...LEVELS, logSnr, ...(flow && { path: 'flow' }), ...(solver && { solver }) })
    const prediction = flow ? 'velocity' : 'noise'
    const predict = (x: ArrayLike<number>, time: number) =>
      Float64Array.from(x, (value) => 0.9 * Math.sin(3 * value + 0.02 * time) + 0.3 * value)
    const denoiser = functionDenoiser({ imageShape, prediction, predict: ({ data }, time) => predict(data, time) })
    const { images } = await generate({ denoiser, schedule, settings, count, seed })
    const exported = exportOwnClass({ schedule, settings, prediction })
    if (!exported) throw new Error('it must export')
    const start = startNoise({ imageShape, count, seed, dtype: 'float64' }).data
    const noise = (step: number) => {
      const z = new Float64Array(start.length)
      stepNoise(z, { count, seed, firstItem: 0, step })
      return z
    }
    const theirs = bySchedulerRule(exported.config as unknown as OwnClassConfig, { start, predict, noise })
    for (const [j, value] of theirs.entries()) expect(Math.abs(images.data[j] - value)).toBeLessThan(1e-12)
  })
})

test("Heun's method has two evaluations a step and is not told to it", () => {
  const settings = samplerSettings({ sampler: 'heun' })
  expect(exportOwnClass({ schedule: samplingSchedule(LEVELS), settings, prediction: 'noise' })).toBeNull()
})

test('guidance scales of its own are none of a scheduler, in any form, and that is said', () => {
  const settings = samplerSettings({ sampler: 'exponential' })
  const schedule = samplingSchedule({ ...LEVELS, solver: { tau: [0.1, 0, 0], guidance: [1, 2, 3, 2] } })
  expect(exportForms({ schedule, settings, prediction: 'noise' })).toEqual({
    plain: null,
    steps: null,
    ownClass: null,
    reason: expect.stringMatching(
      /no scheduler takes tau, guidance: pipelines of diffusers guide by one guidance_scale/,
    ),
  })
})

test('every field is written, under the names of the class', () => {
  const settings = samplerSettings({ sampler: 'exponential' })
  const schedule = samplingSchedule({ ...LEVELS, path: 'flow', solver: SOLVER })
  const config = exportOwnClass({ schedule, settings, prediction: 'velocity' })?.config
  expect(config).toEqual({
    _class_name: 'BilevelScheduler',
    // Of a flow there are T + 1 times.
    num_train_timesteps: 99,
    levels: LEVELS.logSnr,
    times: LEVELS.times,
    process: 'flow',
    prediction_type: 'flow_prediction',
    clip: [-1, 1],
    clip_bounds: SOLVER.clipBounds,
    clipped_noise: 'recompute',
    tau: SOLVER.tau,
    weight: SOLVER.weight,
    scale: SOLVER.scale,
    output: SOLVER.output,
    history: SOLVER.history,
    noise: null,
  })
  const python = readFileSync('assets/python/bilevel_scheduler.py', 'utf8')
  const parameters = /def __init__\(\s+self,([^)]*)\)/.exec(python)?.[1] ?? ''
  const names = [...parameters.matchAll(/(\w+): /g)].map(([, name]) => name)
  expect(Object.keys(config ?? {})).toEqual(['_class_name', ...names])
})
