/** A text-to-image pipeline against real diffusers and transformers: the prediction, and images by guided DDIM. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tensor } from '../../base/index.ts'
import type { ForeignDenoiser } from '../index.ts'
import { classifierFree, openForeignDenoiser, sample, samplerSettings, samplingScheduleAt } from '../index.ts'
import vectors from './fixtures/prompts/vectors.json' with { type: 'json' }
import { findPromptPipeline, loadPromptPipeline, loadScheduler, promptPipelineOf, readPromptPipeline } from './index.ts'

const FIXTURE = 'src/diffusion/files/fixtures/prompts'
const noise = tensor('float32', vectors.shape, Float32Array.from(vectors.noise))
const [, ...imageShape] = vectors.shape

let folder: string
let denoiser: ForeignDenoiser
const schedule = () => loadScheduler(join(folder, 'scheduler', 'scheduler_config.json'))
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prompts-'))
  await cp(FIXTURE, folder, { recursive: true })
  await cp('src/text/fixtures/tokenizer', join(folder, 'tokenizer'), { recursive: true })
  const files = await findPromptPipeline(folder)
  const { model, prompts, nullClass } = await loadPromptPipeline(files!, vectors.prompts)
  denoiser = await openForeignDenoiser({
    model,
    noiseSchedule: (await schedule()).schedule,
    batch: 2,
    imageShape,
    prediction: 'velocity',
    classes: { classes: prompts.length, nullClass },
  })
})
afterAll(async () => {
  await denoiser.dispose()
  await rm(folder, { recursive: true })
})

/** max |a - b| / max |b| */
function relative(found: ArrayLike<number>, wanted: readonly number[]): number {
  const most = Math.max(...wanted.map(Math.abs))
  return Math.max(...wanted.map((value, i) => Math.abs(value - found[i]))) / most
}

const dot = (a: ArrayLike<number>, b: readonly number[]) => b.reduce((sum, value, i) => sum + value * a[i], 0)

describe('against diffusers and transformers', () => {
  test('the prediction for two prompts', async () => {
    const found = await denoiser.predict(noise, vectors.time, Int32Array.of(0, 1))
    expect(relative(found.data, vectors.prediction)).toBeLessThan(1e-4)
  })

  test('images by guided DDIM', async () => {
    const { timesOf, schedule: trained } = await schedule()
    const { images } = await sample({
      denoiser: classifierFree(denoiser, { scale: vectors.scale }),
      schedule: samplingScheduleAt(trained, timesOf(vectors.steps)!),
      settings: samplerSettings({ sampler: 'ddim', eta: 0, clip: [-1, 1] }),
      start: noise,
      seed: 0,
      condition: Int32Array.of(0, 1),
    })
    expect(relative(images.data, vectors.images)).toBeLessThan(1e-3)
  })

  test('a derivative, in direction by differences', async () => {
    const cotangent = tensor('float32', vectors.shape, Float32Array.from(vectors.prediction))
    const classes = Int32Array.of(1, 0)
    const { dx } = await denoiser.vjp(noise, vectors.time, classes, cotangent)
    const step = 1e-2
    const moved = async (sign: number) => {
      const x = tensor(
        'float32',
        vectors.shape,
        noise.data.map((value, i) => value + sign * step * vectors.images[i]),
      )
      const { data } = await denoiser.predict(x, vectors.time, classes)
      return dot(data, vectors.prediction)
    }
    const difference = ((await moved(1)) - (await moved(-1))) / (2 * step)
    const along = dot(dx.data, vectors.images)
    expect(Math.abs(along - difference) / Math.abs(difference)).toBeLessThan(1e-3)
  })
})

test('no prompt is refused, a folder without a part is no such pipeline', async () => {
  const files = await findPromptPipeline(folder)
  await expect(loadPromptPipeline(files!, [])).rejects.toThrow(/needs a prompt/)
  expect(await findPromptPipeline('src/diffusion/files')).toBeNull()
})

test('a prompt that is cut is said', async () => {
  const files = await findPromptPipeline(folder)
  const { notes } = await loadPromptPipeline(files!, ['three '.repeat(20)])
  expect(notes).toEqual([expect.stringMatching(/too long for the tokenizer and was cut/)])
})

test('prompts among others make the file that they make alone, to the byte', async () => {
  const files = await findPromptPipeline(folder)
  const [first, second] = vectors.prompts
  const long = 'three '.repeat(20).trim()
  const read = await readPromptPipeline(files!, [long, second, first, second])
  expect(promptPipelineOf(read, 1, 2)).toEqual(await loadPromptPipeline(files!, [second, first]))
  expect(promptPipelineOf(read, 0, 1).notes).toEqual([expect.stringContaining('too long')])
  expect(promptPipelineOf(read)).toEqual(await loadPromptPipeline(files!, [long, second, first, second]))
})
