/** A file of others with a description beside it, learned for on data that name its classes: as it was described, wherever that lies. */
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { foundDenoiser } from '../../../test/found/denoisers/exact.fixture.ts'
import { noiseOf, pngOf, testFolders } from '../../data/fixtures/folder.fixture.ts'
import { sampleLayers } from '../sample/guidedSampling.ts'
import { sampleModel } from '../sample/run.ts'
import { resolveSampleConfig } from '../sample/settings.ts'
import { runScheduleJob } from './job.ts'
import { planSchedule } from './plan.ts'
import { resolveScheduleConfig } from './settings.ts'

const folders = await testFolders()
let root = ''
let data = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'brought-'))
  const noise = noiseOf('brought model')
  const names = ['ant', 'bee', 'cow', 'dog']
  const files = names.flatMap((name) => Array.from({ length: 25 }, (_, i) => [`${name}/${i}.png`, pngOf(noise(64), 8)]))
  data = await folders.of('animals', Object.fromEntries(files))
  await mkdir(join(root, 'away'))
  await copyFile(foundDenoiser('guidance.onnx'), join(root, 'model.onnx'))
  await copyFile(foundDenoiser('scheduler.json'), join(root, 'betas.json'))
  await writeFile(join(root, 'described.json'), JSON.stringify({ input: { guidance: 1 }, inputClass: 'y' }))
})
afterAll(async () => {
  await rm(root, { recursive: true })
  await folders.remove()
})

const FEW = { tuningSamples: 8, candidateSamples: 8, evaluationSamples: 8, iterations: 1, samplingSeeds: [1] }
const configOf = (given: Record<string, unknown>) =>
  resolveScheduleConfig([
    {
      source: 'the test',
      values: {
        ...{ preset: 'tiny', samplingSteps: 3, features: 'pixels:4', judge: 'none', trustConvention: true, data },
        ...{
          model: join(root, 'model.onnx'),
          modelJson: join(root, 'described.json'),
          scheduler: join(root, 'betas.json'),
        },
        ...{ ...FEW, ...given },
      },
    },
  ])

test('a class by its name in the data; what it is not is refused, by a plan too', async () => {
  const folder = join(root, 'run')
  await expect(planSchedule(configOf({ class: 'cat' }))).rejects.toThrow(/ant, bee, cow, dog.*got 'cat'/)
  const config = configOf({ class: 'cow' })
  const { json } = await runScheduleJob(config, { folder })
  expect(json.checkingEvaluations).toBeGreaterThan(0)
  const { classNames, sources } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
  expect([classNames, sources.modelJson.sha256]).toEqual([['ant', 'bee', 'cow', 'dog'], expect.any(String)])
  expect(await readFile(join(folder, 'report.html'), 'utf8')).toMatch(/more checked what was given/)
  // The run is sampled in the class that it was learned for, or another one by its name.
  const drawn = async (name: string, given: Record<string, unknown>) => {
    const layers = [
      ...(await sampleLayers(folder, [])),
      { source: 'the test', values: { count: 2, trustConvention: true, ...given } },
    ]
    return sampleModel(folder, resolveSampleConfig(layers), { folder: join(root, name) })
  }
  expect((await drawn('cows', {})).class).toBe('cow')
  expect((await drawn('ants', { class: 'ant' })).class).toBe('ant')
  await expect(drawn('cats', { class: 'cat' })).rejects.toThrow(/got 'cat'/)

  // Moved, the description is known by its hash; another one is none that the run began with.
  await rename(join(root, 'described.json'), join(root, 'away', 'moved.json'))
  const resumed = (modelJson: string) =>
    runScheduleJob(configOf({ class: 'cow', modelJson, samplingSeeds: [1, 2] }), { folder, resume: true })
  await expect(runScheduleJob(config, { folder, resume: true })).rejects.toThrow(
    /--model-json NEW says where it lies now/,
  )
  await writeFile(join(root, 'away', 'other.json'), JSON.stringify({ input: { guidance: 2 }, inputClass: 'y' }))
  await expect(resumed(join(root, 'away', 'other.json'))).rejects.toThrow(
    /but (model and modelJson|modelJson and model) changed/,
  )
  expect((await resumed(join(root, 'away', 'moved.json'))).json.learned.fid?.standardError).not.toBeNull()
})
