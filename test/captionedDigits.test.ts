/** The text-to-image model that comes with the package: against real diffusers and transformers, each part by its own class. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tensor } from '../src/base/index.ts'
import { shippedPath } from '../src/data/index.ts'
import { findPromptPipeline, loadPromptPipeline, loadScheduler } from '../src/diffusion/files/index.ts'
import type { ForeignDenoiser, Images } from '../src/diffusion/index.ts'
import {
  classifierFree,
  openForeignDenoiser,
  sample,
  samplerSettings,
  samplingScheduleAt,
} from '../src/diffusion/index.ts'
import { openReward } from '../src/rewards/index.ts'
import vectors from './found/captionedDigits/vectors.json' with { type: 'json' }

const NAME = 'captioned-digits'
const [, ...imageShape] = vectors.shape
const CLASSES = Int32Array.of(0, 1)
const rewards = (prompts: readonly string[]) => ({ features: null, judge: null, tuning: null, prompts, imageShape })

let denoiser: ForeignDenoiser
let images: Images
beforeAll(async () => {
  const files = await findPromptPipeline(shippedPath(NAME))
  const { model, scheduler, prompts, nullClass } = await loadPromptPipeline(files!, vectors.prompts)
  const { timesOf, schedule } = await loadScheduler(scheduler)
  const classes = { classes: prompts.length, nullClass }
  denoiser = await openForeignDenoiser({
    ...{ model, noiseSchedule: schedule, batch: 2, imageShape, prediction: 'velocity', classes },
  })
  const sampled = await sample({
    denoiser: classifierFree(denoiser, { scale: vectors.scale }),
    schedule: samplingScheduleAt(schedule, timesOf(vectors.steps)!),
    settings: samplerSettings({ sampler: 'ddim', eta: 0, clip: [-1, 1] }),
    start: tensor('float32', vectors.shape, Float32Array.from(vectors.noise)),
    seed: 0,
    condition: CLASSES,
  })
  images = sampled.images
})
afterAll(() => denoiser.dispose())

test('gives the images of a loop of diffusers from the same noise', () => {
  const off = vectors.images.map((value, i) => Math.abs(value - images.data[i]))
  expect(Math.max(...off)).toBeLessThan(1e-3)
})

test('its CLIP model gives the cosines of transformers, and its classifier sees all that is said', async () => {
  for (const [folder, wanted] of [
    ['clip', vectors.cosine],
    ['judge', [1, 1]],
  ] as const) {
    const reward = await openReward(`clip-score:${NAME}/${folder}`, rewards(vectors.prompts))
    const values = await reward.values(images, CLASSES)
    for (const [i, value] of values.entries()) expect(Math.abs(value - wanted[i])).toBeLessThan(2e-3)
    const swapped = await reward.values(images, Int32Array.of(1, 0))
    for (const value of swapped) expect(value).toBeLessThan(0.4)
    await reward.dispose()
  }
})

test('is within 12 MB and holds nothing but ONNX, safetensors and text', () => {
  const files = readdirSync(shippedPath(NAME), { recursive: true, withFileTypes: true }).filter((file) => file.isFile())
  const bytes = files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)
  expect(bytes).toBeLessThan(12 * 2 ** 20)
  expect(files.filter(({ name }) => !/\.(onnx|safetensors|json|txt|md)$/.test(name))).toEqual([])
})
