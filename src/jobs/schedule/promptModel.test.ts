/** A schedule for the shipped text-to-image model, learned by the score of its prompts: what the report prints for Python, and how the run is sampled. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openModelAt } from '../opening/openModel.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import { resolveSampleConfig } from '../sample/settings.ts'
import { runScheduleJob } from './job.ts'
import { resolveScheduleConfig } from './settings.ts'

const folder = await mkdtemp(join(tmpdir(), 'prompts-'))
afterAll(() => rm(folder, { recursive: true }))

test('it learns by the prompts, prints each part by its class, and the run brings its model', async () => {
  const values = {
    ...{ preset: 'tiny', model: 'captioned-digits', prompts: 'captioned-digits/prompts.txt', trustConvention: true },
    ...{ data: null, judge: 'none', objective: 'reward', reward: 'clip-score:captioned-digits/clip' },
    ...{ sampler: 'ddim', free: ['levels'], start: 'trailing', samplingSteps: 2, teacherSteps: 3, guidanceScale: 1.5 },
    ...{
      iterations: 1,
      tuningSamples: 10,
      candidateSamples: 10,
      evaluationSamples: 10,
      samplingSeeds: [11],
      chunk: 10,
    },
  }
  const run = join(folder, 'run')
  const config = resolveScheduleConfig([{ source: 'the test', values }])
  const { learned } = await runScheduleJob(config, { folder: run })
  const name = `${learned.settings.sampler}-2`
  const page = (await readFile(join(run, 'report.html'), 'utf8')).replaceAll('&quot;', '"').replaceAll('&#34;', '"')
  for (const line of [
    'from transformers import AutoTokenizer, CLIPTextModel',
    `run = ${JSON.stringify(run)}`,
    'encoder = CLIPTextModel.from_pretrained(f"{model}/text_encoder").eval()',
    'unet = UNet2DConditionModel.from_pretrained(f"{model}/unet").eval()',
    `.from_pretrained(f"{run}/model/schedules/${name}`,
    'output = none + 1.5 * (unet(x, ',
  ])
    expect(page).toContain(line)
  expect(page).toMatch(/\nmodel = "[^"]+captioned-digits"\n/)
  const sampling = resolveSampleConfig([{ source: 'the test', values: { schedule: name } }])
  const opened = await openModelAt(run, sampling)
  expect((await chooseSampling(opened, sampling)).schedule).toEqual(learned.sampling)
  expect(opened.classNames).toContain('a red three on blue')
  await opened.close()
})
