/** Which class an image is asked to be, and what becomes of a learned schedule's numbers under another sampler. */
import { describe, expect, test } from 'vitest'
import type { SavedSchedule } from '../../diffusion/files/index.ts'
import { samplerSettings, samplingSchedule, samplingScheduleAt, timeOfLogSnr } from '../../diffusion/index.ts'
import type { OpenedModel } from './openedModel.ts'
import { openModelAt } from './openModel.ts'
import { chooseSampling, classNumber, classOfImage } from './samplingChoice.ts'
import type { SamplingConfig } from './settings.ts'

type Opened = Pick<OpenedModel, 'conditional' | 'classes' | 'nullClass'>
const folder = (classes: number | undefined, nullClass = classes): Opened => ({
  conditional: classes !== undefined,
  classes,
  nullClass,
})
/** As diffusers counts classes. */
const withoutNull: Opened = { ...folder(3), nullClass: undefined }
const file = (conditional: boolean): Opened => ({
  conditional,
  classes: undefined,
  nullClass: undefined,
})
const firstFour = (classOf: ReturnType<typeof classOfImage>) => classOf && [0, 1, 2, 3].map(classOf)

test('the classes in turn: as many as the model knows, else as the data have', () => {
  expect(firstFour(classOfImage(folder(3), null))).toEqual([0, 1, 2, 0])
  expect(firstFour(classOfImage(folder(3), null, 2))).toEqual([0, 1, 2, 0])
  expect(firstFour(classOfImage(file(true), null, 2))).toEqual([0, 1, 0, 1])
})

test('a class by its name in the data', () => {
  const named = { ...folder(3), classNames: ['cat', 'dog', 'owl'] }
  expect(firstFour(classOfImage(named, 'dog'))).toEqual([1, 1, 1, 1])
  expect(classNumber(named, 'owl')).toBe(2)
  expect(classNumber(named, 'unconditional')).toBe('unconditional')
  expect(() => classNumber(named, 'dgo')).toThrow(
    /one of its names \(cat, dog, owl\), or 'unconditional'; got 'dgo'.*'dog'/,
  )
  expect(() => classOfImage(folder(3), 'dog')).toThrow(/a number, as the model names none/)
})

test('one class, the null class, or none', () => {
  expect(firstFour(classOfImage(folder(3), 2))).toEqual([2, 2, 2, 2])
  expect(firstFour(classOfImage(withoutNull, 2))).toEqual([2, 2, 2, 2])
  expect(firstFour(classOfImage(withoutNull, null))).toEqual([0, 1, 2, 0])
  expect(firstFour(classOfImage(file(true), 7, 2))).toEqual([7, 7, 7, 7])
  expect(classOfImage(folder(3), 'unconditional')).toBeUndefined()
  for (const opened of [folder(undefined), file(false)]) {
    expect(classOfImage(opened, null, 10)).toBeUndefined()
    expect(classOfImage(opened, 'unconditional', 10)).toBeUndefined()
  }
})

test.each([
  ['a class the model does not have', folder(3), 3, undefined, /0 to 2; got 3/],
  ['a class for a model without any', folder(undefined), 1, 10, /knows no classes, got class 1/],
  ['a file that needs one, and data without labels', file(true), null, 0, /give one with --class/],
  [
    'the null class of a model without one',
    withoutNull,
    'unconditional',
    10,
    /0 to 2; got unconditional, but it has no null/,
  ],
  ['the null class of a file', file(true), 'unconditional', 10, /give one with --class.*got unconditional/],
] as const)('refused: %s', (_, opened, wanted, ofTheData, message) => {
  expect(() => classOfImage(opened, wanted, ofTheData)).toThrow(message)
})

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
