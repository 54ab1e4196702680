/** Which of a run's two networks is opened. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { saveModel } from '../../diffusion/files/index.ts'
import { noiseSchedule, samplerSettings, samplingScheduleFrom } from '../../diffusion/index.ts'
import { initialState, unet } from '../../nn/index.ts'
import { openRun } from '../../runs/runFolder.ts'
import { resolveEvaluateConfig } from '../evaluate/settings.ts'
import { openSide } from './runSide.ts'
import { chooseSampling } from './samplingChoice.ts'

const network = unet({ size: 16, channels: [8, 8], groups: 4 })
const noise = noiseSchedule({ family: 'cosine', timesteps: 20 })
const learned = {
  name: 'dpm-solver++-3',
  schedule: samplingScheduleFrom(noise, 'karras', 3),
  settings: samplerSettings({ sampler: 'dpm-solver++' }),
  learnedFor: null,
}

let folder = ''
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bilevel-side-'))
  const side = (seed: number) => ({ network, state: initialState(network, seed), noiseSchedule: noise })
  for (const run of ['run', 'older', 'changed']) {
    const config = { model: null, samplingSteps: 3, clippedNoise: 'recompute', sampler: 'ddim' }
    const opened = await openRun({ folder: at(run), config, version: '1.2.3' })
    await saveModel(join(at(run), 'model'), { ...side(1), samplingSchedules: [learned] })
    if (run !== 'older') await saveModel(join(at(run), 'model-default'), { ...side(2), samplingSchedules: [] })
    await opened.close('done')
  }
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const openedWith = async (run: string, values: object) => {
  const config = resolveEvaluateConfig([{ source: 'the test', values: { ...values } }])
  const found = await openSide(at(run), config)
  const { weights } = initialState(network, found.side === 'default' ? 2 : 1)
  expect(found.opened.trainable?.state.weights).toEqual(weights)
  return { ...found, choice: await chooseSampling(found.opened, config) }
}

test.each([
  [{ schedule: 'default', steps: 5 }, 'default', 'default ddim, 5 steps, trailing'],
  // No learned schedule has five steps.
  [{ steps: 5 }, 'default', 'default ddim, 5 steps, trailing'],
  [{}, 'learned', 'learned dpm-solver++-3'],
  // A step list is of the default schedule, though the learned one has as many steps.
  [{ steps: 3, sampler: 'dpm-solver++', stepList: 'karras' }, 'default', 'default dpm-solver++, 3 steps, karras'],
  [{ schedule: 'cosine:tau=1.2', steps: 4 }, 'learned', 'cosine:tau=1.2 ddim, 4 steps, trailing'],
  [{ schedule: 'default', steps: 5, side: 'learned' }, 'learned', 'default ddim, 5 steps, trailing'],
  [{ schedule: 'dpm-solver++-3', side: 'default' }, 'default', 'learned dpm-solver++-3'],
])('%j: the %s side', async (values, side, name) => {
  const { choice, notes, ...found } = await openedWith('run', values)
  expect([found.side, choice.name]).toEqual([side, name])
  expect(notes.length).toBe(side === 'default' && !('side' in values) ? 1 : 0)
})

test('DDIM by default treats clipped noise as the run did; other samplers as they do', async () => {
  const { choice } = await openedWith('run', { schedule: 'default', steps: 5 })
  expect(choice.settings).toEqual(samplerSettings({ clippedNoise: 'recompute' }))
  for (const sampler of ['ddpm', 'dpm-solver++'] as const) {
    const other = await openedWith('run', { schedule: 'default', steps: 5, sampler })
    expect(other.choice.settings).toEqual(samplerSettings({ sampler }))
    // Of a saved schedule too: DDPM takes the posterior mean of the clipped image.
    const saved = await openedWith('run', { schedule: 'dpm-solver++-3', sampler })
    expect(saved.choice.settings).toEqual(samplerSettings({ sampler }))
  }
})

test('a network that is no longer the one the run wrote is refused, of either side', async () => {
  const path = join(at('changed'), 'model-default', 'unet', 'diffusion_pytorch_model.safetensors')
  const bytes = await readFile(path)
  bytes[bytes.length - 7] ^= 1
  await writeFile(path, bytes)
  await expect(openedWith('changed', { schedule: 'default', steps: 5 })).rejects.toMatchObject({
    code: 'runs.damaged',
    message: expect.stringContaining(path),
  })
})

test('a saved schedule takes no step list', async () => {
  await expect(openedWith('run', { schedule: 'dpm-solver++-3', stepList: 'karras' })).rejects.toMatchObject({
    code: 'sample.schedule',
    message: expect.stringContaining('got stepList karras; leave stepList out'),
  })
})

test('a run without the default side’s network says so where that is what its table has', async () => {
  const { side, notes } = await openedWith('older', { schedule: 'default', steps: 5 })
  expect([side, notes]).toEqual([null, [expect.stringContaining('holds no network of the default side')]])
  expect((await openedWith('older', {})).notes).toEqual([])
  await expect(openedWith('older', { side: 'default' })).rejects.toMatchObject({ kind: 'input', code: 'sample.side' })
})
