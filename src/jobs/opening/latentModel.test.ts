/** A pipeline with a decoder, as jobs open and use it, against the pictures of real diffusers' own pipeline. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import vectors from '../../../test/found/latents/vectors.json' with { type: 'json' }
import { tensor } from '../../base/index.ts'
import { OWN_SAMPLER } from '../../diffusion/files/index.ts'
import { classifierFree, picturesOf, sample } from '../../diffusion/index.ts'
import { openEntropyInputs } from '../entropy/open.ts'
import { resolveEntropyConfig } from '../entropy/settings.ts'
import { planSample } from '../sample/plan.ts'
import { sampleModel } from '../sample/run.ts'
import { resolveSampleConfig } from '../sample/settings.ts'
import { showModel, shownText } from '../show/run.ts'
import type { OpenModelOptions } from './openedModel.ts'
import { openGivenModel } from './openModel.ts'
import { chooseSampling } from './samplingChoice.ts'

let folder: string
let prompts: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'latents-'))
  await cp('test/found/latents', folder, { recursive: true })
  await cp('src/text/fixtures/tokenizer', join(folder, 'tokenizer'), { recursive: true })
  prompts = join(folder, 'prompts.txt')
  await writeFile(prompts, `${vectors.prompts.join('\n')}\n`)
})
afterAll(() => rm(folder, { recursive: true }))

const options = (): OpenModelOptions => ({
  ...{ scheduler: null, weightsPrefix: null, timeScale: 1, size: null, chunk: 2, device: 'cpu' },
  prompts,
})

test('its pictures are those of the pipeline', async () => {
  const opened = await openGivenModel(folder, options())
  expect(opened).toMatchObject({ imageShape: [4, 4, 4], pictureShape: [3, 8, 8], differentiable: true, classes: 2 })
  const { denoiser } = await opened.openDenoiser({ chunk: 2, device: 'cpu' })
  const guided = classifierFree(denoiser, { scale: vectors.scale })
  // The pipeline's last step ends at the first level of the schedule, as its scheduler says, which that class itself does here too.
  const asked = resolveSampleConfig([{ source: 'the test', values: { sampler: OWN_SAMPLER, steps: vectors.steps } }])
  const { schedule, settings, own } = await chooseSampling(opened, asked)
  const { images } = await sample({
    denoiser: guided,
    schedule,
    settings,
    ...(own && { own }),
    start: tensor('float32', [2, 4, 4, 4], Float32Array.from(vectors.noise)),
    seed: 0,
    condition: Int32Array.of(0, 1),
  })
  const most = Math.max(...vectors.latents.map(Math.abs))
  const off = Math.max(...vectors.latents.map((value, i) => Math.abs(value - images.data[i])))
  expect(off / most).toBeLessThan(1e-3)
  const { data } = await picturesOf(guided, images)
  expect(Math.max(...vectors.pictures.map((value, i) => Math.abs(value - data[i])))).toBeLessThan(1e-3)
  await opened.close()
})

test('a side that is asked for is that of the pictures', async () => {
  const opened = await openGivenModel(folder, { ...options(), size: 16 })
  expect(opened).toMatchObject({ imageShape: [4, 8, 8], pictureShape: [3, 16, 16] })
  await opened.close()
  await expect(openGivenModel(folder, { ...options(), size: 15 })).rejects.toThrow(/2 times as large .* multiple of 2/)
})

test('what it is, is shown', async () => {
  const shown = await showModel(folder, { ...options(), data: null, trustConvention: true } as never)
  expect(shownText(shown)).toContain('[4, 4, 4], latents of pictures [3, 8, 8]')
})

test('pictures are drawn, after a plan', async () => {
  const config = resolveSampleConfig([
    { source: 'the test', values: { prompts, count: 2, steps: 2, chunk: 2, trustConvention: true, class: 1 } },
  ])
  expect((await planSample(folder, config)).networkEvaluations).toBeGreaterThanOrEqual(4)
  const out = join(folder, 'out.png')
  await sampleModel(folder, config, { folder: out })
  expect((await readFile(out)).subarray(1, 4).toString()).toBe('PNG')
})

const entropy = (values: Record<string, unknown>) =>
  openEntropyInputs(
    resolveEntropyConfig([
      {
        source: 'the test',
        values: {
          ...{ model: folder, data: null, trustConvention: true, prompts, class: 0, steps: 2, chunk: 2 },
          ...{ reward: 'ink', judge: 'symmetry', ...values },
        },
      },
    ]),
  )

test('guidance goes through the decoder without the network, and not past it', async () => {
  const { subject, close } = await entropy({ through: 'decoder', target: 'tilt' })
  expect(subject.settings.through).toBe('decoder')
  await close()
  await expect(entropy({ through: 'reward', target: 'tilt' })).rejects.toThrow(/take through decoder/)
})
