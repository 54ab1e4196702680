/** The page holds the result: every number as printed, nothing from elsewhere, and the truth about who won. */
import { decode } from 'fast-png'
import { parseHTML } from 'linkedom'
import { describe, expect, test } from 'vitest'
import { samplerSettings } from '../../../diffusion/index.ts'
import { decimalsFor, fixed, percent, significant, withError } from '../../../report/format.ts'
import type { ScheduleResult } from '../../../tuners/index.ts'
import type { StepLoss } from '../../reporting/stepLoss.ts'
import { meansOf } from './lossChart.ts'
import { rowOf } from './roles.ts'
import { scheduleJson } from './scheduleJson.ts'
import { renderScheduleReport } from './scheduleReport.ts'
import { BARE, CONTEXT, LOST, OPEN, WON } from './scheduleResult.fixture.ts'
import { terminalSummary } from './terminal.ts'

const RESULTS: readonly (readonly [string, ScheduleResult])[] = [
  ['won', WON],
  ['lost', LOST],
  ['open', OPEN],
  ['bare', BARE],
]

async function pageOf(result: ScheduleResult, context = CONTEXT) {
  const text = await renderScheduleReport(result, context)
  const { document } = parseHTML(text)
  return { text, document, words: document.body.textContent?.replace(/\s+/g, ' ') ?? '' }
}

type Page = Awaited<ReturnType<typeof pageOf>>

/** Texts of a table's body cells, found by a word of its head. */
function cellsOf(document: Page['document'], head: string): string[][] {
  const table = [...document.querySelectorAll('table')].find((one) =>
    one.querySelector('thead')?.textContent?.includes(head),
  )
  if (!table) throw new Error(`no table with a column ${head}`)
  return [...table.querySelectorAll('tbody tr')].map((row) =>
    [...row.children].map((cell) => cell.textContent?.trim() ?? ''),
  )
}

describe.each(RESULTS)('the page of a result: %s', (_, result) => {
  test('rows, gains, defaults and levels stand in its tables to the printed precision', async () => {
    const { document } = await pageOf(result)
    const rows = [result.default, result.bestDefault, result.start, result.learned, result.manySteps]
    const judgeDecimals = decimalsFor(rows.flatMap(({ judgeFid }) => judgeFid?.mean ?? []))
    expect(cellsOf(document, 'way of sampling')).toEqual([
      ...rows.map((row) => [
        row.label,
        row.sampler,
        String(row.steps),
        row.stepList,
        withError(row.fid!, 2),
        row.judgeFid ? withError(row.judgeFid, judgeDecimals) : '–',
        percent(row.recognised),
        fixed(row.kid, 4),
        fixed(row.precision, 3),
        fixed(row.recall, 3),
        fixed(row.inceptionScore, 2),
        fixed(row.diversity, 3),
      ]),
      ['real images', '–', '–', '–', '0.412', '–', percent(result.real!.recognised), ...Array(5).fill('–')],
    ])
    const { overDefault, overBestDefault, overStart, overManySteps, judgeOverDefault } = result.gain
    const gains = [
      overDefault,
      overBestDefault,
      overStart,
      overManySteps,
      ...(judgeOverDefault ? [judgeOverDefault] : []),
    ]
    expect(cellsOf(document, 'paired difference').map((cells) => cells[1])).toEqual(
      gains.map((gain) => withError(gain, 2)),
    )
    const { levels, times } = result.schedule.sampling
    expect(cellsOf(document, 'told time').map((cells) => cells.slice(0, 5))).toEqual(
      levels.map(({ logSnr, signal, noise }, i) => [
        String(i + 1),
        significant(times[i], 6),
        fixed(logSnr, 4),
        significant(signal, 5),
        significant(noise, 5),
      ]),
    )
    for (const { iteration, value: fid, parameters } of result.history) {
      const line = cellsOf(document, 'iteration').find(([first]) => first === String(iteration))
      expect(line).toContain(fixed(fid, 2))
      for (const value of Object.values(parameters)) expect(line).toContain(significant(value, 5))
    }
  })

  test('asks for nothing outside: no address, no script but data, no frame', async () => {
    const { text, document } = await pageOf(result)
    for (const element of document.querySelectorAll('*')) {
      for (const name of ['src', 'href', 'srcset', 'action', 'data', 'poster', 'xlink:href']) {
        const value = element.getAttribute(name)
        if (value !== null) expect(value, `${element.tagName} ${name}`).toMatch(/^(#|data:image\/png;base64,)/)
      }
      expect([...element.attributes].filter(({ name }) => name.startsWith('on'))).toEqual([])
    }
    expect(text).not.toMatch(/@import|url\(|https?:\/\/(?!www\.w3\.org)/)
    expect([...document.querySelectorAll('script')].map((script) => script.getAttribute('type'))).toEqual([
      'application/json',
    ])
    expect(document.querySelectorAll('iframe, link, object, embed')).toHaveLength(0)
  })

  test('carries the result as JSON', async () => {
    const { document } = await pageOf(result)
    const inside = document.querySelector('script#result')?.textContent ?? ''
    expect(JSON.parse(inside)).toEqual(JSON.parse(JSON.stringify(scheduleJson(result, CONTEXT))))
  })

  test('names the features of its distances and every setting', async () => {
    const { words, document } = await pageOf(result)
    expect(words.split(result.featureNetwork).length).toBeGreaterThan(5)
    const settings = [...document.querySelectorAll('.settings div')].map((line) =>
      [...line.querySelectorAll('code')].map((code) => code.textContent).join(' '),
    )
    expect(settings).toContain('learn.note a < b & "c"')
    expect(settings).toContain('network.channels [16,32,64]')
    expect(settings).toContain('resume null')
    expect(settings).toHaveLength(15)
  })

  test('charts have a description each and no coordinate that is no number', async () => {
    const { document } = await pageOf(result)
    const charts = [...document.querySelectorAll('svg[role="img"]')]
    expect(charts).toHaveLength(4 + Object.keys(result.history[0].parameters).length)
    for (const chart of charts) {
      expect(chart.getAttribute('aria-label')).toMatch(/\w+ \w+/)
      expect(chart.outerHTML).not.toMatch(/NaN|Infinity|undefined/)
      const ticks = [...chart.querySelectorAll('[aria-label$="tick label"] text')].map((tick) => tick.textContent ?? '')
      expect(ticks.length).toBeGreaterThan(1)
      for (const tick of ticks) expect(tick).toMatch(/^[−\d][\d.]{0,5}$/)
    }
  })
})

test('the loss of training is drawn, means of neighbouring steps', async () => {
  const losses: StepLoss[] = Array.from({ length: 250 }, (_, i) => ({
    phase: i < 200 ? 'train' : 'continue',
    step: i + 1,
    loss: 1 / (i + 1),
  }))
  const means = meansOf(losses.slice(0, 200))
  expect(means).toHaveLength(100)
  expect(means[1]).toEqual({ x: 3.5, y: (1 / 3 + 1 / 4) / 2 })
  expect(meansOf([])).toEqual([])
  const { document } = await pageOf(WON, { ...CONTEXT, losses })
  const figure = [...document.querySelectorAll('figure')].find((one) => one.textContent?.startsWith('Training loss'))
  expect(figure?.querySelectorAll('svg[role="img"] [aria-label="line"] path')).toHaveLength(2)
  expect(figure?.textContent).toContain('up to 2 steps a point')
  expect((await pageOf(WON)).words).not.toContain('Training loss')
})

test('free levels are explained where their parameters are shown', async () => {
  const named = (family: string) => ({ ...WON, schedule: { ...WON.schedule, family } })
  expect((await pageOf(named('levels+times'))).words).toContain('natural logarithm of the difference in log-SNR')
  expect((await pageOf(named('cosine'))).words).not.toContain('natural logarithm')
})

test('numbers of the exponential step stand in the table, and why diffusers is not told them', async () => {
  const { levels } = WON.schedule.sampling
  const solver = {
    tau: levels.slice(1).map((_, i) => 0.25 + 0.01 * i),
    clipBounds: levels.map(() => 1.125),
    output: 0.5,
  }
  const schedule = { ...WON.schedule, sampling: { ...WON.schedule.sampling, solver } }
  const result: ScheduleResult = { ...WON, schedule, settings: samplerSettings({ sampler: 'exponential' }) }
  const { document, words } = await pageOf(result)
  const cells = cellsOf(document, 'clip bound')
  expect(cells.map((row) => row.slice(-2))).toEqual(
    levels.map((_, i) => [i < levels.length - 1 ? significant(solver.tau[i], 5) : '–', '1.125']),
  )
  expect(words).toContain('1: the reverse diffusion')
  expect(words).toContain(
    'not written: no scheduler of diffusers takes tau, clipBounds, output of its own at each step',
  )
  expect(scheduleJson(result, CONTEXT).learned.schedule.solver).toEqual(solver)
  expect((await pageOf(WON)).words).not.toContain('reverse diffusion')
})

test('the title tells who won', async () => {
  const title = async (result: ScheduleResult) => {
    const { document } = await pageOf(result)
    const heading = document.querySelector('h1')
    expect(document.querySelector('title')?.textContent).toBe(heading?.textContent)
    return [heading?.className, heading?.textContent?.replaceAll('\u00a0', ' ')]
  }
  expect(await title(WON)).toEqual([
    'won',
    '10 learned steps: FID 7.62 ± 0.09, against 19.51 ± 0.21 by default and 12.93 ± 0.13 at best',
  ])
  expect(await title(LOST)).toEqual([
    'lost',
    'Learning did not win: FID 13.41 ± 0.15 at 10 learned steps, 12.93 ± 0.13 for the best default',
  ])
  const worse = { ...LOST, gain: { ...LOST.gain, overDefault: { mean: -2, standardError: 0.1, count: 3 } } }
  expect(await title(worse)).toEqual([
    'lost',
    'Learning did not win: FID 13.41 ± 0.15 at 10 learned steps, 19.51 ± 0.21 for the default',
  ])
  const overStart = { mean: 0.1, standardError: 0.1, count: 3 }
  expect(await title({ ...WON, gain: { ...WON.gain, overStart } })).toEqual([
    'open',
    '10 learned steps: FID 7.62 ± 0.09, not distinguishable from their start, not tuned, at 9.10 ± 0.11; 19.51 ± 0.21 by default, 12.93 ± 0.13 at best',
  ])
  expect(await title({ ...WON, gain: { ...WON.gain, overStart: { ...overStart, mean: -0.5 } } })).toEqual([
    'lost',
    'Learning did not win: FID 7.62 ± 0.09 at 10 learned steps, 9.10 ± 0.11 for its start, not tuned',
  ])
  expect((await title(OPEN))[1]).toMatch(/^No clear winner: .*within two standard errors/)
  expect((await title(BARE))[1]).toMatch(/^No clear winner: .*one sampling seed/)
})

test('the best default stands out in the table of all defaults', async () => {
  const { document } = await pageOf(WON)
  const cells = cellsOf(document, 'step list').length
  expect(cells).toBeGreaterThan(0)
  expect([...document.querySelectorAll('td.chosen')].map((cell) => cell.textContent)).toEqual(['14.10'])
  const printed = [...document.querySelectorAll('td.number')].map((cell) => cell.textContent)
  for (const { value: fid, samples } of WON.candidates) {
    // In brackets what was out early, on fewer images.
    expect(printed).toContain(samples === 256 ? fixed(fid, 2) : `(${fixed(fid, 2)})`)
  }
})

test('where nothing better than the best default was found, that is what the page says and returns', async () => {
  const decision = {
    kept: 'start',
    difference: { mean: 0.1234, standardError: 0.4012, count: 4 },
    images: 1024,
  } as const
  const { start } = WON
  const kept: ScheduleResult = { ...WON, decision, bestDefault: start, learned: { ...start, label: WON.learned.label } }
  const { words, document } = await pageOf(kept)
  expect(document.querySelector('h1')?.textContent?.replaceAll('\u00a0', ' ')).toBe(
    'Nothing better than the best default was found at 10 steps: dpm-solver++, karras, FID 9.10 ± 0.11, is what is returned',
  )
  expect(words.replaceAll('\u00a0', ' ')).toContain(
    'On 1024 images that steered nothing, learned is not better by its standard error: better by 0.12 ± 0.40.',
  )
  expect(scheduleJson(kept, CONTEXT)).toMatchObject({
    decision: { kept: 'start', images: 1024, difference: { mean: 0.1234, standardError: 0.4012 } },
    steps: [{ samplingSteps: 10, kept: 'start' }],
  })
  const worse = { ...kept, decision: { ...decision, difference: { ...decision.difference, mean: -0.5 } } }
  expect((await pageOf(worse)).words.replaceAll('\u00a0', ' ')).toContain('worse by 0.50 ± 0.40.')
})

/** Of 5 steps, worse throughout; its learned schedule is as good as the best default at 10. */
const FIVE: ScheduleResult = {
  ...WON,
  samplingSteps: 5,
  ...Object.fromEntries(
    (['default', 'bestDefault', 'learned'] as const).map((name) => [
      name,
      { ...WON[name], steps: 5, fid: { ...WON[name].fid!, mean: WON[name].fid!.mean + 4.25 } },
    ]),
  ),
  stillMoving: true,
}

test('several numbers of steps: one picture and one table of all, and what the learned ones are worth', async () => {
  const ceiling = { ...WON.manySteps, label: 'ceiling: DDPM, 250 steps', sampler: 'ddpm', steps: 250 } as const
  const all = [
    { ...WON, ceiling },
    { ...FIVE, ceiling },
  ]
  const text = await renderScheduleReport(all[0], CONTEXT, undefined, all)
  const { document } = parseHTML(text)
  const plain = (cells: string[][]) => cells.map((row) => row.map((text) => text.replaceAll('\u00a0', ' ')))
  expect(plain(cellsOf(document, 'returned'))).toEqual([
    ['5', '23.76 ± 0.21', '17.18 ± 0.13', '11.87 ± 0.09', 'dpm-solver++, trailing-clipped', '5', 'learned'],
    ['10', '19.51 ± 0.21', '12.93 ± 0.13', '7.62 ± 0.09', 'dpm-solver++, trailing-clipped', '10', 'learned'],
  ])
  const words = document.body.textContent?.replace(/\s+/g, ' ') ?? ''
  expect(words).toContain('5 learned steps do what 10 steps of the best default do.')
  expect(words).not.toContain('10 learned steps do what')
  expect(document.querySelector('svg[role="img"]')?.getAttribute('aria-label')).toMatch(/network evaluations/)
  expect(cellsOf(document, 'way of sampling').map(([label]) => label)).toContain(ceiling.label)
  expect(terminalSummary(all[0], CONTEXT, all)).toContain('5 learned steps do what 10 steps of the best default do.')
  expect(
    scheduleJson(all[0], CONTEXT, all).steps.map(({ samplingSteps, stillMoving }) => [samplingSteps, stillMoving]),
  ).toEqual([
    [10, false],
    [5, true],
  ])
  expect((await pageOf(WON)).words).not.toContain('do what 10 steps')
})

test('grids hold the images: pixel bytes in place, a clear line between', async () => {
  const { document } = await pageOf(WON)
  const grids = [...document.querySelectorAll('img')]
  expect(grids.map((grid) => grid.getAttribute('data-role'))).toEqual(['default', 'best', 'start', 'learned', 'many'])
  const source = grids[3].getAttribute('src') ?? ''
  const { width, height, channels, data } = decode(Buffer.from(source.split(',')[1], 'base64'))
  expect([width, height, channels]).toEqual([4 * 17 - 1, 5 * 17 - 1, 2])
  const { images } = WON.grids[3]
  const [item, y, x] = [6, 3, 11]
  const at = ((17 + y) * width + 2 * 17 + x) * 2
  expect(data[at]).toBe(Math.round(127.5 * (images[(item * 16 + y) * 16 + x] + 1)))
  expect(data[at + 1]).toBe(255)
  expect(data[16 * 2 + 1]).toBe(0)
})

const shellOf = ({ document }: Page) => [...document.querySelectorAll('code.shell')].map((code) => code.textContent)
const pythonOf = ({ document }: Page) => document.querySelector('code.python')?.textContent ?? null

test('says how to use the files, from where, and what diffusers is told', async () => {
  const won = await pageOf(WON)
  expect(shellOf(won)).toEqual(['npx bilevel sample runs/quick-3 --schedule dpm-solver++-10'])
  expect(won.words).toContain('Run it in the folder where the run was started, where this run is runs/quick-3')
  expect(pythonOf(won)?.split('\n')).toEqual([
    'import torch',
    'from diffusers import DPMSolverMultistepScheduler, UNet2DModel',
    '',
    'run = "runs/quick-3"',
    'unet = UNet2DModel.from_pretrained(f"{run}/model/unet").eval()',
    'scheduler = DPMSolverMultistepScheduler.from_pretrained(f"{run}/model/schedules/dpm-solver++-10")',
    'scheduler.set_timesteps(10)',
    'x = torch.randn(16, 1, 16, 16)',
    'with torch.no_grad():',
    '    for t in scheduler.timesteps:',
    '        output = unet(x, t).sample',
    '        x = scheduler.step(output, t, x).prev_sample',
  ])
  expect(won.words).toContain('DDPMPipeline.from_pretrained(f"{run}/model")')
  // A class whose step takes no generator ends DDPMPipeline with an error.
  const unipc = await pageOf({ ...WON, sampler: 'unipc', settings: { ...WON.settings, sampler: 'unipc' } })
  expect(pythonOf(unipc)).toContain('UniPCMultistepScheduler')
  expect(unipc.words).not.toContain('DDPMPipeline')
})

test('commands are quoted for a shell and called as the user called them', async () => {
  const caller = { command: "node '/opt/my tools/main.js'", directory: '/home/me' }
  const page = await pageOf(WON, { ...CONTEXT, run: "it's my run", caller })
  expect(shellOf(page)).toEqual([`node '/opt/my tools/main.js' sample 'it'\\''s my run' --schedule dpm-solver++-10`])
  expect(page.words).toContain("Run it in /home/me, where this run is it's my run")
  expect(pythonOf(page)).toContain(`run = "it's my run"`)
  expect(shellOf(await pageOf(WON, { ...CONTEXT, run: '-x' }))).toEqual([
    'npx bilevel sample ./-x --schedule dpm-solver++-10',
  ])
})

test('where a pipeline cannot be told the schedule, a loop is', async () => {
  const bare = await pageOf(BARE)
  expect(bare.words).toContain('not written: diffusers takes distinct integer times')
  expect(pythonOf(bare)).toContain('from_pretrained(f"{run}/model/schedules/dpm-solver++-10/per_step")')
  const { times } = BARE.schedule.sampling
  expect(pythonOf(bare)).toContain(`told = [${times.join(', ')}]`)
  expect(pythonOf(bare)).toContain('output = unet(x, torch.tensor(time)).sample')
  expect(bare.words).toContain('with the scheduler of bilevel/ put in its place (pipeline.scheduler = scheduler)')
  const asymmetric = { ...WON, settings: { ...WON.settings, clip: [0, 1] as const } }
  const none = await pageOf(asymmetric)
  expect(none.words).toContain('not written: DPMSolverMultistepScheduler clips x0Hat to [-1, 1] only')
  expect(pythonOf(none)).toContain(
    'scheduler = BilevelScheduler.from_pretrained(f"{run}/model/schedules/dpm-solver++-10/bilevel")',
  )
  const heun = await pageOf({ ...WON, settings: { ...WON.settings, sampler: 'heun', clippedNoise: 'keep' } })
  expect(pythonOf(heun)).toBeNull()
})

test('equal results give equal bytes', async () => {
  expect(await renderScheduleReport(WON, CONTEXT)).toBe(await renderScheduleReport(structuredClone(WON), CONTEXT))
})

test('a grid that is no image is refused', async () => {
  const odd = { ...WON, grids: [{ ...WON.grids[0], shape: [2, 16, 16] }] }
  await expect(renderScheduleReport(odd, CONTEXT)).rejects.toMatchObject({ code: 'report.grid' })
  expect(rowOf(odd, 'default').label).toBe(odd.grids[0].label)
})

test('what the judge knows of real images, and what a reader must know, stand beside its figures', async () => {
  const context = {
    ...CONTEXT,
    judgeKnowledge: { accuracy: 0.938, images: 500 },
    notes: ['the judge takes pixels in [0,1]'],
  }
  const { words } = await pageOf(WON, context)
  const known = `${WON.judgeNetwork}, right about 93.8 % of 500 real images`
  expect(words.split(known)).toHaveLength(3)
  expect(words).toContain('Note: the judge takes pixels in [0,1].')
  expect(scheduleJson(WON, context).judgeAccuracy).toEqual({ accuracy: 0.938, images: 500 })
  expect(terminalSummary(WON, context)).toContain(known)
  const unknown = await pageOf(WON, { ...CONTEXT, judgeKnowledge: null })
  expect(unknown.words).toContain(`${WON.judgeNetwork}, not checked on real images`)
})

test('held-out images are called unseen only where that is known, with how many were left out', async () => {
  const own = await pageOf(WON)
  expect(own.words).toContain('2000, seen by neither training nor tuning; every row')
  const heldOut = { known: true, leftOut: { tuning: 3, heldOut: 1200 } }
  const { words } = await pageOf(WON, { ...CONTEXT, heldOut })
  expect(words).toContain(
    'seen by neither training nor tuning (left out, as the model has seen them: 1200 held-out and 3 tuning images)',
  )
  expect(scheduleJson(WON, { ...CONTEXT, heldOut }).heldOut).toEqual(heldOut)
  const unknown = await pageOf(WON, { ...CONTEXT, heldOut: { known: false, leftOut: { tuning: 0, heldOut: 0 } } })
  expect(unknown.words).toContain('not tuned on here; whether the model was trained on some of them is not known')
  expect(unknown.words).not.toContain('seen by neither')
})
