/** What `bilevel show` tells of models of the project and of others. */
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { showModel, shownText } from './run.ts'
import { resolveShowConfig } from './settings.ts'

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
