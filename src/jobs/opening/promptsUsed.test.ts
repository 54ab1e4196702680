/** Prompts beside a model and rewards that take none: every command refuses them before it opens anything, and none stumbles over a run's own. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { runEntropyJob } from '../entropy/job.ts'
import { resolveEntropyConfig } from '../entropy/settings.ts'
import { evaluateModel } from '../evaluate/run.ts'
import type { Job, RunSettings } from '../job.ts'
import { jobNamed } from '../jobs.ts'
import type { RunInputs, RunMaker } from '../makesRun.ts'
import { makeRun } from '../makesRun.ts'
import { sampleLayers } from '../sample/guidedSampling.ts'
import { sampleModel } from '../sample/run.ts'
import { resolveSampleConfig } from '../sample/settings.ts'
import { requirePromptsUsed, takesPrompts } from './promptsUsed.ts'

let folder: string
let prompts: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prompts-used-'))
  prompts = join(folder, 'prompts.txt')
  await writeFile(prompts, Array.from({ length: 10 }, (_, i) => `a white ${i} on black\n`).join(''))
})
afterAll(() => rm(folder, { recursive: true }))

const REFUSED = {
  code: 'config.prompts',
  message: expect.stringMatching(/clip-score; got prompts .*prompts\.txt with/),
}
const caller = { command: '', directory: null }
const telling = { signal: new AbortController().signal, onProgress() {}, onLine() {}, onNote() {} }

/** The plan of a command with prompts, and the command itself. */
async function both(job: Job, values: Readonly<Record<string, unknown>>, argument = '') {
  const config = job.settings.resolve([{ source: 'the flags', values: { prompts, ...values } }])
  const out = join(folder, 'refused')
  const request = { config, argument, folder: out, resume: false, allowCode: false, caller }
  if (job.plan) await expect(job.plan(config, argument)).rejects.toMatchObject(REFUSED)
  await expect(job.run(request, telling)).rejects.toMatchObject(REFUSED)
  await expect(stat(out)).rejects.toThrow('ENOENT')
}

describe('are refused by', () => {
  test.each([
    ['entropy', { model: 'digits-16' }],
    ['entropy', { preset: 'tiny', reward: 'clip-head:head.safetensors', clip: 'nowhere' }],
    ['schedule', { preset: 'tiny' }],
    ['schedule', { model: 'digits-16', learn: 'sampling', objective: 'reward', reward: 'ink' }],
    ['compare entropy', {}],
    ['compare schedule', {}],
  ])('%s %j', (name, values) => both(jobNamed(name), values))

  test.each(['sample', 'evaluate', 'show'])('%s', (name) => both(jobNamed(name), {}, 'digits-16'))

  test('sample that prints, show of a file of steps', async () => {
    await both(jobNamed('sample'), { print: 'python' }, 'digits-16')
    const config = jobNamed('show').settings.resolve([{ source: 'the flags', values: { prompts } }])
    const argument = 'test/found/starts/ays.txt'
    const request = { config, argument, folder: '', resume: false, allowCode: false, caller }
    await expect(jobNamed('show').run(request, telling)).rejects.toThrow(
      /a file of steps, got prompts .*; leave it out/,
    )
  })
})

test('it is said who would take them, and how they are left out', async () => {
  const given = { prompts, promptSet: 'warm' }
  await expect(requirePromptsUsed(given, 'digits-16', ['ink', 'symmetry'])).rejects.toThrow(
    /got prompts .* \(set 'warm'\) with the model digits-16 and 'ink' and 'symmetry', none of which takes any; leave them out \(--prompts none\)/,
  )
  await expect(requirePromptsUsed(given, null, [])).rejects.toThrow(/with the model that is trained here and no reward/)
  await expect(requirePromptsUsed({ prompts: null, promptSet: 'warm' }, null, [])).rejects.toThrow(
    /got set 'warm' with the model that is trained here and no reward, none of which takes any; leave it out/,
  )
  for (const rewards of [['clip-score'], ['ink', '5*ink + 2*clip-score:folder']])
    await requirePromptsUsed(given, 'digits-16', rewards)
  await requirePromptsUsed(given, 'captioned-digits', ['ink'])
  await requirePromptsUsed({ prompts: null, promptSet: null }, 'digits-16', ['ink'])
})

test.each([
  ['digits-16', null],
  ['captioned-digits', 'model.prompts'],
])('a set without a file, of %s', async (model, code) => {
  const { plan, settings } = jobNamed('sample')
  const config = settings.resolve([{ source: 'the flags', values: { promptSet: 'warm' } }])
  const why =
    code === null
      ? { code: 'config.prompts', message: expect.stringMatching(/got set 'warm' .*; leave it out, or/) }
      : { code }
  await expect(plan!(config, model)).rejects.toMatchObject(why)
})

test('a model is asked by its files; what is no model is refused as that', async () => {
  expect(await takesPrompts('captioned-digits')).toBe(true)
  expect(await takesPrompts('digits-16')).toBe(false)
  expect(await takesPrompts('test/found/conventions/v.onnx')).toBe(false)
  const { plan, settings } = jobNamed('sample')
  const config = settings.resolve([{ source: 'the flags', values: { prompts } }])
  await expect(plan!(config, 'digits-61')).rejects.toMatchObject({ code: 'schedule.model' })
})

describe('a run whose reward alone took them', () => {
  let run: string
  const RATED = {
    ...{ preset: 'tiny', reward: 'clip-score:captioned-digits/judge', judge: 'ink', class: null, data: null },
    ...{ features: 'none', judgeNetwork: 'none', steps: 4, maxEvaluations: 400, checkpointSeconds: 0 },
  }
  const configOf = () => resolveEntropyConfig([{ source: 'the flags', values: { ...RATED, prompts } }])
  beforeAll(async () => {
    run = join(folder, 'run')
    const stop = new AbortController()
    const first = runEntropyJob(configOf(), { folder: run, signal: stop.signal, onEvent: () => stop.abort() })
    await expect(first).rejects.toMatchObject({ code: 'interrupted' })
    await runEntropyJob(configOf(), { folder: run, resume: true })
  }, 60_000)

  test('is sampled, evaluated and shown, also with the same prompts given', async () => {
    for (const values of [{}, { prompts }]) {
      const given = { source: 'the flags', values: { count: 2, ...values } }
      const config = resolveSampleConfig([...(await sampleLayers(run, [given])), given])
      const out = join(folder, `images-${Object.keys(values).length}`)
      expect((await sampleModel(run, config, { folder: out })).count).toBe(2)
      const shown = jobNamed('show')
      const looked = shown.settings.resolve([{ source: 'the flags', values }])
      const request = { config: looked, argument: run, folder: '', resume: false, allowCode: false, caller }
      expect((await shown.run(request, telling)).json).toMatchObject({ classes: 10 })
    }
    const few = {
      source: 'the flags',
      values: { data: 'digits', samples: 2, samplingSeeds: [1], steps: 4, sampler: 'ddim' },
    }
    const { json } = await evaluateModel(run, few)
    expect(json.networkEvaluations).toBeGreaterThan(0)
  })

  test('other prompts are refused there', async () => {
    const other = join(folder, 'other.txt')
    await writeFile(other, await readFile(prompts))
    const set = resolveSampleConfig([{ source: 'the flags', values: { guidance: null, promptSet: 'warm' } }])
    await expect(sampleModel(run, set, { folder: join(folder, 'x') })).rejects.toThrow(/got set 'warm' with the model/)
    const config = resolveSampleConfig([{ source: 'the flags', values: { guidance: null, prompts: other } }])
    await expect(sampleModel(run, config, { folder: join(folder, 'x') })).rejects.toMatchObject({
      code: 'config.prompts',
      message: expect.stringContaining('which takes none; leave them out (--prompts none), or name such a model'),
    })
  })
})

test('only a run that begins is asked: one that goes on may have begun before it was', async () => {
  const asked: object[] = []
  const maker: RunMaker<RunSettings, RunInputs, object, number, string, string> = {
    ...{ name: 'some', summary: '', description: '' },
    settings: {
      ...{ schema: z.strictObject({}), groups: [], mayChange: [], places: [] },
      resolve: () => ({ checkpointSeconds: 0 }),
    },
    requireUsed: async (config) => void asked.push(config),
    open: async () => ({ sources: {}, notes: [], close: async () => {} }),
    async work(at, _inputs, _config, { onCheckpoint }) {
      if (at.from !== undefined) return 'worked'
      await onCheckpoint(1)
      throw new Error('stopped')
    },
    record() {},
    line: () => null,
    report: async (_at, result) => ({ json: result, summary: result }),
    stepOf: (step) => step,
  }
  const run = { folder: join(folder, 'some') }
  await expect(makeRun(maker, { checkpointSeconds: 0 }, run)).rejects.toThrow('stopped')
  expect(asked).toEqual([{ checkpointSeconds: 0 }])
  expect((await makeRun(maker, { checkpointSeconds: 0 }, { ...run, resume: true })).json).toBe('worked')
  expect(asked).toHaveLength(1)
})
