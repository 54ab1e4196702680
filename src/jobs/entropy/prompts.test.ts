/** The preset `prompts` from end to end, with few images: what the report tells of the prompts is true of the images that are saved. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { shippedPath } from '../../data/index.ts'
import type { Images } from '../../diffusion/index.ts'
import { readSafetensors } from '../../files/index.ts'
import { openReward } from '../../rewards/index.ts'
import { readPrompts } from '../../text/index.ts'
import { runEntropyJob } from './job.ts'
import type { EntropyJson } from './report/entropyJson.ts'
import { resolveEntropyConfig } from './settings.ts'

const FEW = {
  ...{ lambdaRange: [0.3, 3], tolerance: 3, maxEvaluations: 1000 },
  ...{ steps: 4, explorePaths: 8, curvePoints: 5, curvePaths: 8, gridImages: 20, chunk: 20 },
}

let folder: string
let json: EntropyJson
beforeAll(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'prompts-')), 'run')
  const config = resolveEntropyConfig([{ source: 'the test', values: { preset: 'prompts', ...FEW } }])
  json = (await runEntropyJob(config, { folder })).json
})
afterAll(() => rm(join(folder, '..'), { recursive: true }))

test('the witness is measured on the images shown, each by its own prompt', async () => {
  const prompts = await readPrompts(shippedPath('captioned-digits/prompts.txt'))
  expect(prompts).toHaveLength(10)
  const context = { features: null, judge: null, tuning: null, prompts, imageShape: [3, 16, 16] }
  const judge = await openReward('clip-score:captioned-digits/judge', context)
  const { tensors } = await readSafetensors(join(folder, 'samples', 'samples.safetensors'))
  const classes = Int32Array.from({ length: FEW.gridImages }, (_, item) => item % prompts.length)
  expect(json.witness?.at.map(({ label }) => label)).toEqual(json.imageStatistics.map(({ label }) => label))
  for (const { label, mean } of json.witness!.at) {
    const values = await judge.values(tensors[label] as Images, classes)
    expect(mean).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / values.length, 6)
  }
  await judge.dispose()
  // Half as much guidance as it was trained with, in four steps: better than chance, which is about 1/6.
  expect(json.witness!.at[0].mean).toBeGreaterThan(0.4)
})

test('the report shows what each prompt becomes, and the witness beside the guards', async () => {
  const page = await readFile(join(folder, 'report.html'), 'utf8')
  for (const text of ['What the prompts become', 'a red three on blue', 'witness, clip-score[judge]'])
    expect(page).toContain(text)
  expect(page.match(/alt="2 images of a red three on blue, /g)).toHaveLength(json.imageStatistics.length)
  const guidance = JSON.parse(await readFile(join(folder, 'guidance.json'), 'utf8'))
  expect(guidance).toMatchObject({ guidanceScale: 0.5, judge: 'clip-score' })
})
