/** What becomes of a learned schedule's numbers under another sampler, and files of steps as schedules. */
import { describe, expect, test } from 'vitest'
import type { SavedSchedule } from '../../diffusion/files/index.ts'
import { samplerSettings, samplingSchedule, samplingScheduleAt, timeOfLogSnr } from '../../diffusion/index.ts'
import type { OpenedModel } from './openedModel.ts'
import { openModelAt } from './openModel.ts'
import { chooseSampling } from './samplingChoice.ts'
import type { SamplingConfig } from './settings.ts'

test('numbers of the exponential step go with its sampler; another leaves them out and says so', async () => {
  const solver = { tau: [0.3, 0.2], output: 0.1 }
  const schedule = samplingSchedule({ timesteps: 10, logSnr: [-3, 0, 3], times: [9, 5, 1], solver })
  const saved: SavedSchedule & { name: string } = {
    name: 'exponential-3',
    schedule,
    settings: samplerSettings({ sampler: 'exponential' }),
    learnedFor: null,
  }
  const opened = { schedules: [saved] } as unknown as OpenedModel
  const config = { schedule: 'exponential-3', sampler: null, steps: null, stepList: null, eta: null }
  const choose = (sampler: 'ddim' | null) => chooseSampling(opened, { ...config, sampler } as SamplingConfig)
  expect(await choose(null)).toMatchObject({ schedule, settings: saved.settings, notes: [] })
  const { solver: _, ...plain } = schedule
  const other = await choose('ddim')
  expect(other.schedule).toEqual(plain)
  expect(other.notes).toEqual([
    'learned exponential-3 has tau, output for exponential, which ddim does not take: left out',
  ])
})

test('of several learned for as many steps one has to be named; of one, or with a sampler that tells them apart, none', async () => {
  const saved = (sampler: 'exponential' | 'dpm-solver++') => ({
    name: `${sampler}-3`,
    schedule: samplingSchedule({ timesteps: 10, logSnr: [-3, 0, 3], times: [9, 5, 1] }),
    settings: samplerSettings({ sampler }),
    learnedFor: null,
  })
  const opened = { schedules: [saved('exponential'), saved('dpm-solver++')] } as unknown as OpenedModel
  const config = { schedule: null, sampler: null, steps: 3, stepList: null, eta: null }
  const choose = (change: object) => chooseSampling(opened, { ...config, ...change } as SamplingConfig)
  await expect(choose({})).rejects.toThrow(
    'a schedule must be named where several are learned for 3 steps, here exponential-3 and dpm-solver++-3: ' +
      '--schedule exponential-3 or --schedule dpm-solver++-3 or --schedule default',
  )
  expect(await choose({ sampler: 'exponential' })).toMatchObject({ name: 'learned exponential-3' })
  expect(await choose({ schedule: 'dpm-solver++-3' })).toMatchObject({ name: 'learned dpm-solver++-3' })
})

describe('a file of steps is a schedule', () => {
  const none = { sampler: null, steps: null, stepList: null, eta: null, scheduler: null, weightsPrefix: null }
  const config = { ...none, side: null, class: null, size: null, timeScale: 1, chunk: 4, device: 'cpu' } as const
  const choose = async (schedule: string, given: Partial<SamplingConfig> = {}) => {
    const opened = await openModelAt('digits-16', config)
    return { opened, choice: await chooseSampling(opened, { ...config, schedule, ...given } as SamplingConfig) }
  }

  test.each(['ays.txt', 'ays.json'])('%s: sigmas, told the times that have them', async (name) => {
    const { opened, choice } = await choose(`test/found/starts/${name}`, { sampler: 'dpm-solver++' })
    const sigmas = [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.38, 0.234, 0.113, 0.029]
    for (const [i, { signal, noise }] of choice.schedule.levels.entries())
      expect(noise / signal / sigmas[i]).toBeCloseTo(1, 9)
    expect(choice.schedule.times).toEqual(
      choice.schedule.levels.map(({ logSnr }) => timeOfLogSnr(opened.schedule, logSnr)),
    )
    expect(choice.settings.sampler).toBe('dpm-solver++')
    expect(choice.notes.join()).toMatch(/ays\..* is read as sigmas \(noise over signal\)/)
  })

  test('times, and a scheduler file of another model: the levels of this one there', async () => {
    const { opened, choice } = await choose('test/found/starts/ays_times.json')
    expect(choice.schedule).toEqual(
      samplingScheduleAt(opened.schedule, [999, 850, 736, 645, 545, 455, 343, 233, 124, 24]),
    )
    const other = await choose('test/found/schedulers/acp-six-digits.json', { steps: 4 })
    expect(other.choice.schedule).toEqual(samplingScheduleAt(opened.schedule, [999, 749, 499, 249]))
  })

  test.each([
    ['another number of steps', 'test/found/starts/ays.txt', { steps: 5 }, /has 11 steps, got steps 5/],
    ['a step list', 'test/found/starts/ays.txt', { stepList: 'karras' }, /its own levels and times/],
    ['a flow', 'test/found/schedulers/flowmatch-flux2.json', {}, /the model is no flow/],
    ['another T', 'test/found/schedulers/betas-alphas-abars.json', { steps: 4 }, /T = 1000, but .* is for T = 60/],
  ] as const)('refused: %s', async (_, file, given, message) => {
    await expect(choose(file, given)).rejects.toThrow(message)
  })
})
