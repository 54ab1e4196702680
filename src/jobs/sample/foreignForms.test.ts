/** One exact denoiser in the forms that people export (`test/found/denoisers`), by the command's settings: the same pictures of all, or what is wrong by name. */
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { foundDenoiser } from '../../../test/found/denoisers/exact.fixture.ts'
import { readSafetensors } from '../../files/index.ts'
import { sampleModel } from './run.ts'
import { resolveSampleConfig } from './settings.ts'

let folder = ''
let made = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'forms-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const SHARED = { scheduler: foundDenoiser('scheduler.json'), steps: 8, count: 6, chunk: 4, sampler: 'ddim', seed: 3 }

/** What `bilevel sample NAME.onnx …` draws. */
async function drawn(path: string, given: Record<string, unknown> = {}) {
  const config = resolveSampleConfig([{ source: 'the flags', values: { ...SHARED, ...given } }])
  const out = join(folder, `out-${made++}`)
  const report = await sampleModel(path, config, { folder: out })
  const { tensors } = await readSafetensors(join(out, 'samples.safetensors'))
  return { ...report, images: tensors.samples.data as Float32Array }
}

const form = (name: string, given?: Record<string, unknown>) => drawn(foundDenoiser(`${name}.onnx`), given)

function expectSame(images: Float32Array, wanted: Float32Array, within: number): void {
  const off = wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - images[i])), 0)
  expect(off).toBeLessThan(within)
}

test('the same pictures of every form', async () => {
  const plain = await form('plain')
  // Pixels of its pictures are -1 and 1.
  for (const value of plain.images) expect(Math.abs(Math.abs(value) - 1)).toBeLessThan(0.01)
  const forms: [string, Record<string, unknown>, number][] = [
    ['batch-4', {}, 1e-4],
    ['nhwc', {}, 1e-4],
    ['time-b1', {}, 1e-4],
    ['time-b111', {}, 1e-4],
    ['time-scalar', {}, 1e-4],
    ['two-outputs', { modelOutput: 'noise' }, 1e-4],
    ['half', {}, 0.05],
    ['int8', {}, 0.2],
  ]
  for (const [name, given, within] of forms) {
    const { images, notes } = await form(name, given)
    expectSame(images, plain.images, within)
    const parts = notes.filter((note) => /images are run/.test(note))
    expect(parts).toHaveLength(name === 'batch-4' || name === 'int8' ? 1 : 0)
  }
})

test('the same pictures of a class, and guided to it as a file does that takes its guidance', async () => {
  const of = { class: 2 }
  const { images } = await form('classes', of)
  expectSame((await form('one-hot', of)).images, images, 1e-4)
  expectSame((await form('unnamed', { ...of, inputClass: 'arg2' })).images, images, 1e-4)
  expectSame((await form('guidance', { ...of, input: ['guidance=1'] })).images, images, 1e-4)
  const inside = await form('guidance', { ...of, input: ['guidance=2.5'] })
  const guided = await form('classes', { ...of, nullClass: 4, guidanceScale: 2.5 })
  expectSame(guided.images, inside.images, 1e-3)
  expect(guided.networkEvaluations).toBe(2 * inside.networkEvaluations)
  expect(guided.networkEvaluations).toBe(2 * 6 * 8)
})

test('a JSON file beside it says the same as flags, which go before it', async () => {
  const path = join(folder, 'described.onnx')
  await copyFile(foundDenoiser('guidance.onnx'), path)
  await copyFile(foundDenoiser('scheduler.json'), join(folder, 'own.json'))
  const described = { scheduler: 'own.json', input: { guidance: 1 }, inputClass: 'y', layout: 'nchw', classes: 4 }
  await writeFile(join(folder, 'described.model.json'), JSON.stringify(described))
  const [inTurn, wanted] = [await drawn(path, { scheduler: null }), await form('one-hot')]
  expectSame(inTurn.images, wanted.images, 1e-4)
  const other = await drawn(path, { input: ['guidance=0'], class: 1 })
  expectSame(other.images, (await form('classes', { class: 4 })).images, 1e-4)
})

test.each<[string, Record<string, unknown>, string, RegExp]>([
  ['two-outputs', {}, 'model.outputs', /'noise' .*'clean' .*; name its prediction with --model-output/],
  ['unnamed', { class: 0 }, 'model.inputs', /which of 'arg1' and 'arg2' is the class cannot be told.*--input-class/],
  ['guidance', { class: 0 }, 'model.inputs', /--input guidance=NUMBER/],
  ['guidance', { class: 0, input: ['guidance=1', 'guidance=2'] }, 'model.description', /'guidance' has several/],
  ['classes', { class: 5 }, 'sample.class', /0 to 4, as its file has 5 rows for them, .*; got 5/],
  ['classes', {}, 'sample.class', /or say how many there are with --model-classes; got none/],
  ['one-hot', { class: 4 }, 'sample.class', /takes a class, 0 to 3; got 4/],
  ['classes', { class: 1, guidanceScale: 2 }, 'sample.guidanceScale', /of this model none is known; .*--null-class N/],
  ['plain', { guidanceScale: 2 }, 'sample.guidanceScale', /knows no classes; leave it out/],
  [
    'one-hot',
    { nullClass: 4, guidanceScale: 2, class: 'unconditional' },
    'sample.guidanceScale',
    /a class to guide towards/,
  ],
  ['plain', { input: ['y=1'] }, 'model.inputs', /it has no input 'y' for the constant/],
])('%s with %j is refused by %s', async (name, given, code, message) => {
  await expect(form(name, given)).rejects.toMatchObject({
    code,
    kind: 'input',
    message: expect.stringMatching(message),
  })
})

test('what is no NAME=NUMBER is refused', () => {
  for (const word of ['guidance', 'guidance=', 'guidance=high', '=2']) {
    expect(() => resolveSampleConfig([{ source: 'the flags', values: { input: [word] } }])).toThrow(/NAME=NUMBER/)
  }
})
