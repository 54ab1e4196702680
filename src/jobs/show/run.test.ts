/** What `bilevel show` tells of models of the project and of others. */
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { showModel, shownText } from './run.ts'
import { resolveShowConfig } from './settings.ts'
import { isSteps, showSteps, stepsText } from './steps.ts'

const found = (name: string) => resolve('test/found/conventions', name)
const shown = (file: string, values: Readonly<Record<string, unknown>>) =>
  showModel(file, resolveShowConfig([{ source: 'flags', values }]))
const PICTURES = found('pictures-idx3-ubyte.gz')

test('a model that comes with the project: as it says, and on data as measured', async () => {
  const model = await shown('digits-16', {})
  expect(model).toMatchObject({ imageShape: [1, 16, 16], timesteps: 1000, flow: false, classes: 10, refused: null })
  expect(model.convention).toBe('prediction noise, pixels [-1, 1], time index')
  expect(model.schedules).toContain('dpm-solver++-10')
  const measured = await shown('digits-16', { data: 'digits' })
  expect(measured.convention).toMatchObject({ prediction: 'noise', pixels: [-1, 1], time: 'index', pictures: 8 })
  const [best] = measured.figures
  expect(best.convention).toBe('prediction noise, pixels [-1, 1], time index')
  expect(best.figure).toBeLessThan(0.3)
})

test('a file of others: its figures, best first, and what other commands refuse', async () => {
  const model = await shown(found('v.onnx'), { scheduler: found('sched.json'), data: PICTURES })
  expect(model.refused).toMatch(/what fits is prediction velocity.*--model-prediction velocity/)
  const values = model.figures.map(({ figure }) => figure ?? Number.POSITIVE_INFINITY)
  expect(values).toEqual(values.toSorted((a, b) => a - b))
  expect(model.figures[0].convention).toMatch(/^prediction velocity, pixels \[-1, 1\]/)
  const text = shownText(model)
  expect(text).toMatch(/^ {2}convention prediction noise, .*off by 0\.\d\d on 8 pictures$/m)
  expect(text).toMatch(/^ {2}refused {4}v.onnx is stated/m)
  const right = await shown(found('v.onnx'), { scheduler: found('sched_v_prediction.json') })
  expect(right.refused).toBeNull()
  expect(shownText(right)).toMatch(/off by 0.00 on pictures of its own/)
})

test('what is no model at all is refused as elsewhere', async () => {
  await expect(shown('digits-61', {})).rejects.toMatchObject({ code: 'schedule.model' })
})

test('files of steps: a list, a list of times with its schedule, a scheduler, a learned schedule and its folder', async () => {
  const of = (file: string, values: Readonly<Record<string, unknown>> = {}) =>
    showSteps(file, resolveShowConfig([{ source: 'flags', values }]))
  const starts = resolve('test/found/starts')
  const sigmas = await of(resolve(starts, 'ays.txt'))
  expect(sigmas).toMatchObject({ what: 'a list of sigmas', timesteps: null, times: null })
  expect([sigmas.sigmas![0], sigmas.sigmas!.length]).toEqual([14.615, 12])
  expect(stepsText(sigmas)).toMatch(
    /11 steps of a schedule that is not known .*\nstep .*sigma +told time\n1 +-5\.3641 +14\.615 +–/,
  )
  const scheduler = resolve('test/found/schedulers/pndm-sd15.json')
  const times = await of(resolve(starts, 'ays_times.json'), { scheduler })
  expect(times).toMatchObject({ timesteps: 1000, process: 'variance-preserving' })
  expect(times.sigmas![1]).toBeCloseTo(6.475, 2)
  const own = await of(scheduler)
  expect([own.what, own.times!.length]).toEqual(['PNDMScheduler', 50])
  expect(
    stepsText(own)
      .split('\n')
      .filter((line) => line.includes('…')),
  ).toHaveLength(1)
  const learned = resolve('assets/models/digits-16/schedules/dpm-solver++-10')
  expect(
    await Promise.all([learned, scheduler, 'digits-16', found('v.onnx'), 'assets/models/digits-16'].map(isSteps)),
  ).toEqual([true, true, false, false, false])
  expect(await of(learned)).toMatchObject({ what: 'a learned schedule for dpm-solver++', timesteps: 1000 })
  await expect(of(learned, { data: 'digits' })).rejects.toMatchObject({ code: 'show.data' })
})

test('a flow whose shift is of the image: by tokens, and for as many steps as are asked', async () => {
  const file = resolve('test/found/schedulers/flowmatch-flux2.json')
  const read = (values: Readonly<Record<string, unknown>>) =>
    showSteps(file, resolveShowConfig([{ source: 'flags', values }]))
  await expect(read({})).rejects.toThrow(/--tokens 4096/)
  const [few, many] = [await read({ steps: 4, tokens: 256 }), await read({ steps: 4, tokens: 6400 })]
  expect(many.sigmas).toHaveLength(5)
  // The last sigma, of .001 before, e^mu / (e^mu + 1 / sigma - 1) with mu on the line through (256, .5) and (6400, 1.15).
  const shifted = (mu: number, sigma: number) => Math.exp(mu) / (Math.exp(mu) + 1 / sigma - 1)
  expect(many.sigmas?.[0]).toBeCloseTo(1, 6)
  for (const [shown, mu] of [
    [few, 0.5],
    [many, 1.15],
  ] as const) {
    expect(shown.sigmas?.[3]).toBeCloseTo(shifted(mu, 0.001), 6)
  }
})
