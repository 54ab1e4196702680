/** Every form of a schedule turned into every other, against the levels that it stands for; and what is lost, in words. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exportOwnClass, readStepsFile, writeSamplingSchedule } from '../../diffusion/files/index.ts'
import { noiseScheduleFromBetas, samplerSettings, samplingSchedule } from '../../diffusion/index.ts'
import { UNKNOWN_CALLER } from '../../runs/index.ts'
import { convertJob } from './job.ts'
import { resolveConvertConfig } from './settings.ts'

const STARTS = 'test/found/starts'
const SCHEDULERS = 'test/found/schedulers'
const SD15 = join(SCHEDULERS, 'pndm-sd15.json')
/** "Align Your Steps" for Stable Diffusion 1.5. */
const SIGMAS = [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.38, 0.234, 0.113, 0.029]

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bilevel-convert-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Converted {
  readonly sigmas: readonly number[] | null
  readonly times: readonly number[] | null
  readonly levels: readonly number[] | null
  readonly notes: readonly string[]
  readonly text: string
}

async function convert(file: string, settings: Record<string, unknown> = {}): Promise<Converted> {
  const config = resolveConvertConfig([{ source: 'the test', values: settings }])
  const request = { config, argument: file, folder: '', resume: false, allowCode: false, caller: UNKNOWN_CALLER }
  const none = () => undefined
  const telling = { signal: new AbortController().signal, onProgress: none, onLine: none, onNote: none }
  return (await convertJob.run(request, telling)).json as Converted
}

async function fileOf(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

/** SD's own sigmas, by its definition: scaled_linear betas, .00085 to .012. */
function sdSigmas(): number[] {
  const betas = Array.from({ length: 1000 }, (_, i) => {
    const root = Math.sqrt(0.00085) + (i / 999) * (Math.sqrt(0.012) - Math.sqrt(0.00085))
    return root * root
  })
  return [...noiseScheduleFromBetas(betas).alphaBar].map((alphaBar) => Math.sqrt((1 - alphaBar) / alphaBar))
}

describe('a list of sigmas', () => {
  test.each(['ays.txt', 'ays.json'])('%s comes out as it went in, with the clean image at its end', async (name) => {
    const { text, sigmas } = await convert(join(STARTS, name))
    expect(JSON.parse(text)).toEqual([...SIGMAS, 0])
    expect(sigmas).toEqual([...SIGMAS, 0])
    const { text: line } = await convert(join(STARTS, name), { to: 'comfyui' })
    expect(line.split(', ').map(Number)).toEqual([...SIGMAS, 0])
    expect(line).not.toMatch(/e/)
  })

  test('to times: those at which the training schedule has the sigmas, and back', async () => {
    const { times } = await convert(join(STARTS, 'ays.txt'), { to: 'times', scheduler: SD15 })
    const own = sdSigmas()
    for (const [i, time] of times!.entries()) {
      // Beyond the schedule's own largest sigma, 14.6146, and below its least, it is told its ends.
      const wanted = Math.min(Math.max(SIGMAS[i], own[0]), own[999])
      const [low, share] = [Math.floor(time), time % 1]
      const logSigma = Math.log(own[low]) * (1 - share) + Math.log(own[Math.min(low + 1, 999)]) * share
      expect(Math.exp(logSigma) / wanted).toBeCloseTo(1, 6)
    }
    const back = await convert(await fileOf('times.json', JSON.stringify({ times })), { scheduler: SD15 })
    for (const i of [2, 5, 9]) expect(back.sigmas![i] / SIGMAS[i]).toBeCloseTo(1, 6)
  })

  test('another number of steps: straight in log sigma', async () => {
    const { sigmas, notes } = await convert(join(STARTS, 'ays.txt'), { steps: 21 })
    expect(sigmas).toHaveLength(22)
    for (const [i, sigma] of SIGMAS.entries()) expect(sigmas![2 * i]).toBeCloseTo(sigma, 9)
    expect(sigmas![1]).toBeCloseTo(Math.sqrt(SIGMAS[0] * SIGMAS[1]), 9)
    expect(notes).toContain('11 steps are put to 21, evenly between their log sigmas')
  })

  test('to diffusers: DPM-Solver++ holds the sigmas at whole times; read back they are the same', async () => {
    const options = { to: 'diffusers', scheduler: SD15, sampler: 'dpm-solver++' }
    const { text, notes } = await convert(join(STARTS, 'ays.txt'), options)
    expect(JSON.parse(text)).toMatchObject({
      _class_name: 'DPMSolverMultistepScheduler',
      thresholding: false,
    })
    expect(notes).toContain('told times are rounded to whole numbers; the levels are kept')
    const back = await convert(await fileOf('scheduler_config.json', text), { to: 'levels' })
    for (const [i, sigma] of SIGMAS.entries()) expect(back.sigmas![i] / sigma).toBeCloseTo(1, 5)
    expect(back.times).toEqual([999, 845, 730, 587, 443, 310, 193, 116, 53, 13, 0])
  })

  test("to diffusers with ddim, whose class takes no list: a loop's file, and the way to a pipeline", async () => {
    const { text, notes } = await convert(join(STARTS, 'ays.txt'), { to: 'diffusers', scheduler: SD15 })
    expect(JSON.parse(text)._told_times).toHaveLength(11)
    expect(notes.join()).toMatch(/no plain pipeline can be told it.*with --sampler dpm-solver\+\+ a pipeline takes it/)
  })
})

test('a list of times: its sigmas by the training schedule, those that its authors print to three digits', async () => {
  const { sigmas } = await convert(join(STARTS, 'ays_times.json'), { scheduler: SD15 })
  const printed = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0]
  for (const [i, sigma] of printed.entries()) expect(Math.abs(sigmas![i] - sigma)).toBeLessThan(0.0035)
})

describe('files of schedulers', () => {
  test("betas and alphaBar of demos: their own levels at trailing times, and alphaBar's rounding named", async () => {
    const betas = await convert(join(SCHEDULERS, 'betas-alphas-abars.json'), { steps: 5 })
    expect(betas.times).toEqual([59, 47, 35, 23, 11])
    const { abars } = JSON.parse(await readFile(join(SCHEDULERS, 'betas-alphas-abars.json'), 'utf8'))
    for (const [i, time] of betas.times!.entries())
      expect(betas.sigmas![i] / Math.sqrt((1 - abars[time]) / abars[time])).toBeCloseTo(1, 6)
    const acp = await convert(join(SCHEDULERS, 'acp-six-digits.json'), { steps: 4, to: 'diffusers' })
    expect(acp.notes.join()).toMatch(/acp is rounded to 6 digits: log-SNRs at the ends are uncertain by/)
    expect(JSON.parse(acp.text)._class_name).toBe('DDIMScheduler')
    const back = await convert(await fileOf('acp.json', acp.text))
    for (const [i, sigma] of acp.sigmas!.entries()) expect(back.sigmas![i]).toBeCloseTo(sigma, 4)
  })

  test("a flow's sigmas are its noise, shifted by the size of the image where it says so", async () => {
    const file = join(SCHEDULERS, 'flowmatch-flux2.json')
    await expect(convert(file, { steps: 4 })).rejects.toMatchObject({ code: 'scheduler.shift' })
    const { sigmas, notes } = await convert(file, { steps: 4, tokens: 4096 })
    expect(sigmas![0]).toBe(1)
    expect(notes.join()).toMatch(/is a flow/)
    const text = (await convert(file, { steps: 4, tokens: 4096, to: 'diffusers' })).text
    const back = await convert(await fileOf('flow.json', text))
    for (const [i, sigma] of sigmas!.entries()) expect(back.sigmas![i]).toBeCloseTo(sigma, 9)
  })

  test('a training schedule beside a scheduler file is one too many', async () => {
    await expect(convert(SD15, { scheduler: SD15 })).rejects.toMatchObject({ code: 'convert.scheduler' })
  })
})

describe('learned schedules', () => {
  test('to levels they stay as they are; to sigmas and times it is said what stays behind', async () => {
    const { text } = await convert(join(STARTS, 'ays_ours.json'), { to: 'levels' })
    expect(JSON.parse(text)).toEqual(JSON.parse(await readFile(join(STARTS, 'ays_ours.json'), 'utf8')))
    const sigmas = await convert(join(STARTS, 'ays_ours.json'))
    for (const [i, sigma] of SIGMAS.slice(0, 10).entries()) expect(sigmas.sigmas![i]).toBeCloseTo(sigma, 9)
    expect(sigmas.notes.join()).toMatch(
      /told times stay behind.*the sampler stays behind: dpm-solver\+\+, clip \[-1, 1\]/,
    )
    const times = await convert(join(STARTS, 'ays_ours.json'), { to: 'times' })
    expect(times.notes.join()).toMatch(/levels stay behind.*these times are no whole numbers/)
  })

  test('numbers of each step: kept by levels and by our class of diffusers, read back from it, and no other number of steps', async () => {
    const solver = { tau: [0.4, 0.2], scale: [1.1, 1, 0.9], output: -0.125 }
    const schedule = samplingSchedule({ timesteps: 1000, logSnr: [-4, 0, 3], times: [900, 500.5, 100], solver })
    const settings = samplerSettings({ sampler: 'exponential' })
    const learned = { schedule, settings, learnedFor: null }
    const path = await fileOf('sampling_schedule.json', writeSamplingSchedule(learned))
    const { notes } = await convert(path)
    expect(notes.join()).toMatch(/sigmas hold no numbers of each step: tau, scale, output stay behind/)
    const { text, notes: said } = await convert(path, { to: 'diffusers' })
    expect(JSON.parse(text)).toEqual(exportOwnClass({ schedule, settings, prediction: 'noise' })!.config)
    expect(said.join()).toMatch(/bilevel_scheduler\.py/)
    const own = await readStepsFile(await fileOf('own.json', text))
    expect(own).toMatchObject({ kind: 'learned', saved: learned })
    await expect(convert(path, { steps: 5 })).rejects.toMatchObject({ code: 'convert.steps' })
    const plain = await convert(path, { to: 'levels', sampler: 'ddim', steps: 5 })
    expect(plain.levels).toEqual([-4, -2, 0, 1.5, 3])
    expect(plain.notes.join()).toMatch(/ddim takes levels and times alone: tau, scale, output are left out/)
  })
})

test.each([
  ['sigmas without a training schedule to times', 'ays.txt', { to: 'times' }, 'convert.times'],
  ['times without one to sigmas', 'ays_times.json', {}, 'convert.sigmas'],
  ['times without one to levels', 'ays_times.json', { to: 'levels' }, 'convert.sigmas'],
] as const)('refused: %s', async (_, name, settings, code) => {
  await expect(convert(join(STARTS, name), settings)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(/--scheduler FILE/),
  })
})

test('a rising list is refused, and every way of writing one is read', async () => {
  await expect(convert(await fileOf('up.txt', '0.1 1 10'))).rejects.toMatchObject({ code: 'start.order' })
  for (const text of [
    'sigmas = torch.tensor([14.5, 2.0, 0.5])',
    '# published\n14.5\t2 | 0.5  // the end',
    'sigma\n14.5\n2\n0.5\n',
    '\uFEFF14.5;2;0.5;0',
    '{"sigmas": [[14.5, 2, 0.5, 0.0]]}',
    '1.45e1 2e0 5e-1',
  ]) {
    expect((await convert(await fileOf('list.txt', text))).sigmas, text).toEqual([14.5, 2, 0.5, 0])
  }
  expect((await convert(await fileOf('t.txt', 'times: 999, 500, 0'), { to: 'times' })).times).toEqual([999, 500, 0])
  // Real-valued, and above every sigma that the schedule has.
  const real = await convert(await fileOf('real.txt', '999.0 500.5 0'), { scheduler: SD15 })
  expect(real.times).toEqual([999, 500.5, 0])
  const both = { sigmas: [14.5, 2, 0.5, 0], timesteps: [980, 700, 100] }
  expect((await convert(await fileOf('both.json', JSON.stringify(both)))).times).toEqual(both.timesteps)
  await expect(convert(await fileOf('no.txt', '14.5 two 0.5'))).rejects.toMatchObject({ code: 'start.file' })
})
