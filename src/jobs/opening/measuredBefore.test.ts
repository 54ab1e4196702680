/** What a run measured of a file's convention on pictures holds when the run is sampled without any; of another file, or with other levels, it says nothing. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import '../../runtime/node/index.ts'
import { add, cos, mul, reshape, trace } from '../../graph/index.ts'
import { encodeModel } from '../../onnx/index.ts'
import { sampleLayers } from '../sample/guidedSampling.ts'
import { sampleModel } from '../sample/run.ts'
import { resolveSampleConfig } from '../sample/settings.ts'
import { runScheduleJob } from '../schedule/job.ts'
import { resolveScheduleConfig } from '../schedule/settings.ts'

const folder = await mkdtemp(join(tmpdir(), 'measured-before-'))
afterAll(() => rm(folder, { recursive: true }))
const [model, betas, run] = ['model.onnx', 'betas.json', 'run'].map((name) => join(folder, name))

/** Like a network that has learned little: nothing fits well, and alone it draws no pictures. */
async function writeYoung(scale: number): Promise<void> {
  const inputs = {
    sample: { dtype: 'float32', shape: [8, 1, 16, 16] },
    timestep: { dtype: 'float32', shape: [8] },
  } as const
  const graph = trace(inputs, ({ sample, timestep }) => {
    const time = mul(reshape(timestep, [8, 1, 1, 1]), 0.05)
    const wave = mul(cos(add(mul(sample, 2), time)), 0.3)
    return { out_sample: add(mul(sample, add(mul(time, 0.7), scale)), wave) }
  })
  await writeFile(model, encodeModel(graph))
}

const levels = (end: number) =>
  JSON.stringify({
    ...{ _class_name: 'DDPMScheduler', num_train_timesteps: 20, beta_schedule: 'linear' },
    ...{ beta_start: 0.005, beta_end: end },
  })

async function sampled(name: string, given: Record<string, unknown> = {}): Promise<string> {
  const values = { count: 2, chunk: 8, ...given }
  const layers = [...(await sampleLayers(run, [])), { source: 'the test', values }]
  const { notes } = await sampleModel(run, resolveSampleConfig(layers), { folder: join(folder, name) })
  return notes.join('\n')
}

test('a young network is drawn with as the run did', async () => {
  await writeYoung(0.2)
  await writeFile(betas, levels(0.5))
  const few = {
    tuningSamples: 8,
    candidateSamples: 8,
    evaluationSamples: 8,
    iterations: 1,
    samplingSeeds: [1],
    chunk: 8,
  }
  const values = {
    preset: 'tiny',
    samplingSteps: 2,
    features: 'pixels:4',
    judge: 'none',
    model,
    scheduler: betas,
    ...few,
  }
  await runScheduleJob(resolveScheduleConfig([{ source: 'the test', values }]), { folder: run })
  expect(await sampled('as-it-was')).toMatch(/time index; off by 0\.\d\d on 8 pictures when .*run was made/)

  await writeFile(join(folder, 'other.json'), levels(0.4))
  await expect(sampled('levels', { scheduler: join(folder, 'other.json') })).rejects.toThrow(
    /pictures that it drew itself/,
  )
  await writeYoung(0.21)
  await expect(sampled('another')).rejects.toThrow(/pictures that it drew itself/)
})
