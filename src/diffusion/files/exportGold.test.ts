/** Runs of the real classes, exported: the same told times, and by the rules of those classes the same images. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { SamplerSettings } from '../samplers/settings.ts'
import { samplerSettings } from '../samplers/settings.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import { samplingScheduleAt } from '../schedules/samplingSchedule.ts'
import { readScheduler } from './diffusersScheduler.ts'
import type { Loop } from './exportRules.fixture.ts'
import { asRead, loopByRule, numpyTrailing, solverByRule } from './exportRules.fixture.ts'
import { exportForms } from './exportSteps.ts'

interface Gold {
  readonly dataStd: number
  readonly start: readonly number[]
  readonly cases: readonly {
    readonly name: string
    readonly scheduler: string
    readonly config: Readonly<Record<string, unknown>>
    readonly timesteps: readonly number[]
    readonly images: readonly number[]
  }[]
}

const gold = JSON.parse(readFileSync('test/gold/exported-runs.json', 'utf8')) as Gold

const SAMPLERS: Readonly<Record<string, SamplerSettings['sampler']>> = {
  DDIMScheduler: 'ddim',
  DDPMScheduler: 'ddpm',
  DPMSolverMultistepScheduler: 'dpm-solver++',
}

function caseOf({ scheduler, config, timesteps }: Gold['cases'][number]) {
  const sampler = SAMPLERS[scheduler]
  const large = config.variance_type === 'fixed_large'
  const range = sampler === 'dpm-solver++' ? 1 : Number(config.clip_sample_range ?? 1)
  const settings = samplerSettings({
    sampler,
    clip: config.clip_sample || config.thresholding ? [-range, range] : null,
    clippedNoise: sampler === 'ddpm' ? 'recompute' : 'keep',
    variance: large ? 'large' : 'small',
    noisyLastStep: large && timesteps[timesteps.length - 1] > 0,
  })
  const read = readScheduler(JSON.stringify({ num_train_timesteps: 1000, _class_name: scheduler, ...config }), 'gold')
  return { settings, schedule: samplingScheduleAt(read.schedule, timesteps) }
}

/** The gold's network and noise at the levels of a schedule. */
const loopOn = ({ levels }: SamplingSchedule): Loop => ({
  start: gold.start,
  predict(x, i) {
    const { signal, noise } = levels[i]
    return (x * noise) / (signal ** 2 * gold.dataStd ** 2 + noise ** 2)
  },
  noise: (k) => gold.start.map((_, j) => Math.sin(1.7 * k + 0.9 * j + 0.4)),
})

describe.each(gold.cases)('$name', (one) => {
  const { settings, schedule } = caseOf(one)
  const { plain, steps } = exportForms({ schedule, settings, prediction: 'noise' })

  test.each([
    ['in a pipeline', plain && { ...plain, stepArguments: {} }],
    ['in a loop', steps && { ...steps, timesteps: null }],
  ])('%s', (_, form) => {
    if (!form) throw new Error('it must export')
    const config = asRead(form.config)
    const timesteps = form.timesteps ?? numpyTrailing(config.num_train_timesteps, one.timesteps.length)
    expect(form.config === steps?.config ? steps.told : timesteps).toEqual(one.timesteps)
    const images =
      settings.sampler === 'dpm-solver++'
        ? solverByRule(config, timesteps, loopOn(schedule))
        : loopByRule(config, timesteps, form.stepArguments, loopOn(schedule))
    // The real class divides by alpha = 5e-5 in float32 at the noisiest cosine level: 3e-4 of its own rounding.
    for (const [j, image] of one.images.entries()) expect(images[j]).toBeCloseTo(image, 3)
  })
})
