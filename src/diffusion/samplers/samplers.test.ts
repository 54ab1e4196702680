/** The list of samplers: what must hold of every entry, and that a name which is none is never taken for another. */
import { expect, test } from 'vitest'
import type { Denoiser } from '../denoiser.ts'
import { exportScheduler } from '../files/export.ts'
import { exportSteps } from '../files/exportSteps.ts'
import { guidedSteps } from '../guidance/guidedStep.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import { LOG_SNR, network, START, TIMES } from './derivative.fixture.ts'
import { sample } from './sample.ts'
import type { SamplerName } from './samplers.ts'
import { SAMPLER_NAMES, SAMPLERS } from './samplers.ts'
import type { SamplerSettings } from './settings.ts'
import { networkEvaluations, samplerSettings, stepsWithin } from './settings.ts'

const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES })

test.each(SAMPLERS)('$name: what it says it takes is what it asks the network for', async ({ name, evaluations }) => {
  for (const steps of [1, 2, 6]) {
    const told: number[] = []
    const denoiser: Denoiser = {
      ...network('noise'),
      predict(x, time) {
        told.push(time)
        return network('noise').predict(x, time)
      },
    }
    const cut = { timesteps: 1000, levels: schedule.levels.slice(0, steps), times: TIMES.slice(0, steps) }
    const settings = samplerSettings({ sampler: name })
    const sampled = await sample({ denoiser, schedule: cut, settings, start: START, seed: 0, through: 'all' })
    expect(told.length).toBe(evaluations(steps))
    expect(sampled.evaluations).toBe(3 * told.length)
    expect(sampled.tape!.evaluations.length).toBe(told.length)
    // What a loop in Python tells the network, call by call.
    expect(exportSteps({ schedule: cut, settings, prediction: 'noise' }).told).toEqual(told)
    expect(stepsWithin(settings, evaluations(steps))).toBe(steps)
  }
})

test.each(SAMPLERS)('$name: settings, words and noise go together', ({ name, takes, words, noisy, ancestral }) => {
  const plain = samplerSettings({ sampler: name })
  expect(words(plain)).toMatch(new RegExp(`^${name.replaceAll('+', '\\+')}, `))
  const noisiest = samplerSettings({ sampler: name, ...(takes.includes('eta') && { eta: 1 }) })
  expect(noisy(noisiest)).toBe(ancestral !== null || name === 'sde-dpm-solver++')
  if (ancestral) expect(guidedSteps(schedule, noisiest).length).toBe(LOG_SNR.length)
})

test('names are different', () => expect(new Set(SAMPLER_NAMES).size).toBe(SAMPLERS.length))

test.each(['euler', 'DDIM', 'constructor', ''])('%s is sampled as no other', async (name) => {
  const settings: SamplerSettings = { ...samplerSettings(), sampler: name as SamplerName }
  const refused = { code: 'sampler.name', message: `a sampler is one of ${SAMPLER_NAMES.join(', ')}, got ${name}` }
  const denoiser = network('noise')
  await expect(sample({ denoiser, schedule, settings, start: START, seed: 0 })).rejects.toMatchObject(refused)
  for (const run of [
    () => samplerSettings({ sampler: settings.sampler }),
    () => exportScheduler({ schedule, settings, prediction: 'noise' }),
    () => exportSteps({ schedule, settings, prediction: 'noise' }),
    () => guidedSteps(schedule, settings),
    () => networkEvaluations(settings, 3),
  ]) {
    expect(run).toThrow(expect.objectContaining(refused))
  }
})
