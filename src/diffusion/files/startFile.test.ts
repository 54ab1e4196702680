/** Schedules to start from, as people have them: every kind of file, against the levels and times that it stands for. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { samplerSettings } from '../index.ts'
import { flowSchedule } from '../schedules/flowSchedule.ts'
import { noiseSchedule, noiseScheduleFromBetas } from '../schedules/noiseSchedule.ts'
import { samplingSchedule, samplingScheduleAt } from '../schedules/samplingSchedule.ts'
import { timeOfLogSnr } from '../schedules/sigmaSpacing.ts'
import { writeSamplingSchedule } from './scheduleFile.ts'
import type { StartPlace } from './startFile.ts'
import { readStart } from './startFile.ts'

/** "Align Your Steps" for ten steps, as ComfyUI takes them; the clean image is no step. */
const SIGMAS = [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.38, 0.234, 0.113, 0.029]
const FOUND = 'test/found/starts'
const schedule = noiseSchedule({ family: 'linear', timesteps: 1000 })
const placeOf = (place: Partial<StartPlace> = {}): StartPlace => ({ schedule, told: 'real', steps: 11, ...place })

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bilevel-start-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}
const logSnrOf = ({ levels }: { readonly levels: readonly { readonly logSnr: number }[] }) =>
  levels.map(({ logSnr }) => logSnr)

describe('sigmas: log-SNR -2 log sigma, told the time whose level that is', () => {
  test.each(['ays.txt', 'ays.json'])('%s', async (file) => {
    const { name, sampling } = await readStart(join(FOUND, file), placeOf())
    expect(name).toBe(file)
    for (const [i, { signal, noise }] of sampling.levels.entries()) {
      expect(noise / signal / SIGMAS[i]).toBeCloseTo(1, 12)
      expect(signal ** 2 + noise ** 2).toBeCloseTo(1, 12)
      const wanted = timeOfLogSnr(schedule, -2 * Math.log(SIGMAS[i]))
      expect(sampling.times[i]).toBe(wanted)
    }
    const { times } = (await readStart(join(FOUND, file), placeOf({ told: 'integer' }))).sampling
    expect(times).toEqual(sampling.times.map(Math.round))
  })

  test.each([
    ['one a line', '14.5\n2\n0.5\n'],
    ['with a zero at the end', '14.5, 2, 0.5, 0'],
    ['in brackets', '[14.5; 2; 0.5]'],
    ['as JSON', '[14.5, 2, 0.5, 0.0]'],
    ['named', '{ "sigmas": [14.5, 2, 0.5] }'],
    ['whole numbers that no first step is told', '80 3 1'],
  ])('%s', async (what, text) => {
    const { sampling } = await readStart(await fileOf('list.txt', text), placeOf({ steps: 3 }))
    const wanted = what.startsWith('whole') ? [80, 3, 1] : [14.5, 2, 0.5]
    for (const [i, logSnr] of logSnrOf(sampling).entries()) expect(logSnr).toBeCloseTo(-2 * Math.log(wanted[i]), 12)
  })

  test("a flow's sigma is its noise", async () => {
    const flow = flowSchedule(1000)
    const path = await fileOf('flow.txt', '0.96, 0.75, 0.25, 0')
    const whole = await readStart(await fileOf('whole.txt', '1 0.5'), placeOf({ schedule: flow, steps: 2 }))
    expect([whole.sampling.levels[0].noise, whole.sampling.times]).toEqual([1, [1000, 500]])
    const { sampling } = await readStart(path, placeOf({ schedule: flow, steps: 3 }))
    for (const [i, { signal, noise }] of sampling.levels.entries()) {
      expect(noise).toBeCloseTo([0.96, 0.75, 0.25][i], 12)
      expect(signal).toBeCloseTo(1 - [0.96, 0.75, 0.25][i], 12)
      expect(sampling.times[i]).toBeCloseTo([960, 750, 250][i], 9)
    }
  })
})

test('times: the model’s own levels there', async () => {
  const times = [999, 850, 736, 645, 545, 455, 343, 233, 124, 24]
  const { sampling } = await readStart(join(FOUND, 'ays_times.json'), placeOf({ steps: 10 }))
  expect(sampling).toEqual(samplingScheduleAt(schedule, times))
  for (const text of ['{"timesteps": [999, 500, 0]}', '{"times": [999, 500, 0]}', '999 500 0']) {
    const read = await readStart(await fileOf('times.json', text), placeOf({ steps: 3 }))
    // The last time is 0, and a step.
    expect(read.sampling).toEqual(samplingScheduleAt(schedule, [999, 500, 0]))
  }
})

test('a list of one step', async () => {
  const { sampling } = await readStart(await fileOf('one.txt', '14.5'), placeOf({ steps: 1 }))
  expect(logSnrOf(sampling)[0]).toBeCloseTo(-2 * Math.log(14.5), 12)
})

describe('files of our own and of diffusers', () => {
  test('a learned sampling schedule: its levels, told times and numbers of the solver', async () => {
    const own = await readStart(join(FOUND, 'ays_ours.json'), placeOf({ steps: 10 }))
    expect(own.sampling.times[0]).toBe(955.162364904182)
    expect(logSnrOf(own.sampling)[9]).toBe(4.360734920539593)
    const solver = { tau: [0.4, 0.2], output: -0.125 }
    const saved = samplingSchedule({ timesteps: 1000, logSnr: [-4, 0, 3], times: [900, 500.5, 100], solver })
    const settings = samplerSettings({ sampler: 'exponential' })
    const text = writeSamplingSchedule({ schedule: saved, settings, learnedFor: null })
    const read = await readStart(await fileOf('sampling_schedule.json', text), placeOf({ steps: 3 }))
    expect(read.sampling).toEqual(saved)
  })

  const ddim = {
    _class_name: 'DDIMScheduler',
    num_train_timesteps: 1000,
    beta_schedule: 'linear',
    timestep_spacing: 'trailing',
  }

  test('a scheduler’s file: the times that it takes by itself, of the number of steps that is asked for', async () => {
    for (const steps of [4, 5]) {
      const { sampling } = await readStart(
        await fileOf('scheduler_config.json', JSON.stringify(ddim)),
        placeOf({ steps }),
      )
      const times = Array.from({ length: steps }, (_, i) => Math.round(1000 - (i * 1000) / steps) - 1)
      expect(sampling).toEqual(samplingScheduleAt(schedule, times))
    }
  })

  test('one with levels of its own: those, told as it tells them', async () => {
    const karras = {
      ...ddim,
      _class_name: 'EulerDiscreteScheduler',
      timestep_spacing: 'linspace',
      use_karras_sigmas: true,
    }
    const { sampling } = await readStart(await fileOf('euler.json', JSON.stringify(karras)), placeOf({ steps: 5 }))
    const ends = [schedule.logSnr[999], schedule.logSnr[0]].map((logSnr) => Math.exp(-logSnr / 2))
    for (const [i, { signal, noise }] of sampling.levels.entries()) {
      const wanted = (ends[0] ** (1 / 7) + (i / 4) * (ends[1] ** (1 / 7) - ends[0] ** (1 / 7))) ** 7
      expect(noise / signal / wanted).toBeCloseTo(1, 3)
    }
  })

  test('a folder with one', async () => {
    const own = await mkdtemp(join(folder, 'scheduler-'))
    await writeFile(join(own, 'scheduler_config.json'), JSON.stringify(ddim))
    const { sampling } = await readStart(own, placeOf({ steps: 4 }))
    expect(sampling.times).toEqual([999, 749, 499, 249])
    const model = await mkdtemp(join(folder, 'model-'))
    await expect(readStart(model, placeOf())).rejects.toThrow(/holds sampling_schedule.json or .*has none of them/)
    await mkdir(join(model, 'scheduler'))
    await writeFile(join(model, 'scheduler', 'scheduler_config.json'), JSON.stringify(ddim))
    expect((await readStart(model, placeOf({ steps: 2 }))).sampling.times).toEqual([999, 499])
  })
})

describe('what is refused names the file, what came and what to do', () => {
  test.each<[string, string, string, RegExp]>([
    ['a rising list', '0.1 1 10', 'start.order', /number 2 of .*list\.txt is 1 after 0\.1; turn it around/],
    ['two equal numbers', '10 1 1', 'start.order', /number 3 of .* is 1 after 1/],
    ['rising times', '[100, 500, 900]', 'start.order', /is 500 after 100/],
    [
      'another number of steps',
      '10 5 1 0.5',
      'start.steps',
      /learned for, 3, but .*list\.txt has 4; give --sampling-steps 4/,
    ],
    ['words', 'ten five one', 'start.file', /must be a list of sigmas or times/],
    ['nothing', '', 'start.file', /must be a list/],
    ['an empty list', '[]', 'start.file', /must be a list/],
    ['only a zero', '0', 'start.file', /must hold sigmas above 0/],
    ['a number below 0', '10 1 -1', 'start.file', /must hold sigmas above 0/],
    ['a list of words', '["10", "1"]', 'start.file', /must be a list/],
    ['null', 'null', 'start.file', /must be a list/],
    ['a number', '12', 'start.steps', /has 1/],
    ['an object of something else', '{"steps": 3}', 'scheduler', /./],
    ['a time beyond the model', '[1200, 500, 100]', 'schedule.time', /./],
    ['a zero among sigmas', '10 0 0', 'start.file', /list.txt must hold sigmas above 0.*got 10, 0, 0/],
  ])('%s', async (_, text, code, message) => {
    const error = await readStart(await fileOf('list.txt', text), placeOf({ steps: 3 })).then(
      () => null,
      (reason: Error & { code: string; kind: string }) => reason,
    )
    expect(error?.code.startsWith(code), `${error?.code}: ${error?.message}`).toBe(true)
    expect(error?.kind).toBe('input')
    expect(error?.message).toMatch(message)
  })

  test('levels of a flow for a model that is none, and the other way round', async () => {
    const flow = flowSchedule(1000)
    const settings = samplerSettings({ sampler: 'ddim' })
    const own = { timesteps: 1001, logSnr: [-4, 0, 3], times: [900, 500.5, 100] }
    const text = (path?: 'flow') =>
      writeSamplingSchedule({ schedule: samplingSchedule({ ...own, path }), settings, learnedFor: null })
    const flowFile = await fileOf('flow.json', text('flow'))
    expect((await readStart(flowFile, placeOf({ schedule: flow, steps: 3 }))).sampling.levels[0].path).toBe('flow')
    await expect(readStart(flowFile, placeOf({ steps: 3 }))).rejects.toMatchObject({
      code: 'start.process',
      message: expect.stringMatching(
        /the model is no flow, and the schedule in .*flow\.json is of a flow; give another/,
      ),
    })
    const other = await fileOf('plain.json', text())
    const refused = /the model is a flow, and the schedule in .*plain\.json is of no flow/
    await expect(readStart(other, placeOf({ schedule: flow, steps: 3 }))).rejects.toThrow(refused)
    const euler = { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift: 3 }
    const scheduler = await fileOf('flow_config.json', JSON.stringify(euler))
    await expect(readStart(scheduler, placeOf({ steps: 3 }))).rejects.toMatchObject({ code: 'start.process' })
    const { levels } = (await readStart(scheduler, placeOf({ schedule: flow, steps: 3 }))).sampling
    expect([levels.length, levels[0].path]).toEqual([3, 'flow'])
    const above = await fileOf('above.txt', '14.6 1 0.5')
    await expect(readStart(above, placeOf({ schedule: flow, steps: 3 }))).rejects.toThrow(
      /a flow's sigmas lie in \(0, 1\], but .*above\.txt begins with 14\.6/,
    )
  })

  test('a file that is not there, and one that is no list by its size', async () => {
    await expect(readStart(join(folder, 'karass'), placeOf())).rejects.toThrow(
      /there is no file .*karass; check the name/,
    )
    const big = await fileOf('big.txt', '1 '.repeat(600_000))
    await expect(readStart(big, placeOf())).rejects.toThrow(/has 1200000 bytes; give another file/)
  })
})

test("a scheduler file of other betas than the model's: its levels, told as the model has them", async () => {
  const config = {
    ...{ _class_name: 'DPMSolverMultistepScheduler', num_train_timesteps: 1000, use_karras_sigmas: true },
    ...{ beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear', timestep_spacing: 'trailing' },
  }
  const path = await fileOf('other-betas.json', JSON.stringify(config))
  const root = (i: number) => Math.sqrt(0.00085) + (i / 999) * (Math.sqrt(0.012) - Math.sqrt(0.00085))
  const own = noiseScheduleFromBetas(Array.from({ length: 1000 }, (_, i) => root(i) ** 2))
  const [theirs, ours] = await Promise.all(
    [own, schedule].map((one) => readStart(path, placeOf({ schedule: one, steps: 6 }))),
  )
  expect(logSnrOf(ours.sampling)).toEqual(logSnrOf(theirs.sampling))
  for (const [i, logSnr] of logSnrOf(ours.sampling).entries()) {
    expect(Math.abs(theirs.sampling.times[i] - timeOfLogSnr(own, logSnr))).toBeLessThanOrEqual(0.51)
    expect(ours.sampling.times[i]).toBe(timeOfLogSnr(schedule, logSnr))
  }
  expect(Math.abs(ours.sampling.times[2] - theirs.sampling.times[2])).toBeGreaterThan(30)
  const { times } = (await readStart(path, placeOf({ told: 'integer', steps: 6 }))).sampling
  expect(times).toEqual(ours.sampling.times.map(Math.round))
})
