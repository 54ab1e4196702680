/** Several sets of prompts in one run, on small exports of diffusers and transformers: each as a run of it alone, resumed to the same numbers, sampled by name. */
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readEvents, withoutTimes } from '../../../runs/events.ts'
import { bestText } from '../../bestText.ts'
import { openModelAt } from '../../opening/openModel.ts'
import { listRuns } from '../../runs/list.ts'
import { sampleLayers } from '../../sample/guidedSampling.ts'
import { sampleModel } from '../../sample/run.ts'
import { resolveSampleConfig } from '../../sample/settings.ts'
import { showModel, shownText } from '../../show/run.ts'
import { resolveShowConfig } from '../../show/settings.ts'
import { entropyJob, runEntropyJob, runEntropySets } from '../job.ts'
import type { EntropyJson } from '../report/entropyJson.ts'
import { resolveEntropyConfig } from '../settings.ts'
import { joinedNotes } from './open.ts'
import type { SetsJson } from './report.ts'

const FEW = {
  ...{ lambdaRange: [0.3, 3], tolerance: 3, maxEvaluations: 300 },
  ...{ steps: 3, explorePaths: 8, curvePoints: 5, curvePaths: 8, gridImages: 4, chunk: 20, checkpointSeconds: 0 },
}
const WARM = ['a red three on blue', 'a yellow nine on blue', 'a red one on black']
const COLD = ['the number 7, white on black']

let folder: string
let prompts: string
let json: SetsJson
const configOf = (values: Record<string, unknown> = {}) =>
  resolveEntropyConfig([
    {
      source: 'the test',
      values: {
        ...{ model: join(folder, 'model'), clip: join(folder, 'clip'), prompts, data: null, trustConvention: true },
        ...{ reward: 'clip-score', judge: 'ink', witness: 'symmetry', class: null, guidanceScale: 1.5 },
        ...FEW,
        ...values,
      },
    },
  ])

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sets-'))
  await cp('src/diffusion/files/fixtures/prompts', join(folder, 'model'), { recursive: true })
  await cp('src/rewards/clip/fixtures', join(folder, 'clip'), { recursive: true })
  for (const part of ['model', 'clip'])
    await cp('src/text/fixtures/tokenizer', join(folder, part, 'tokenizer'), { recursive: true })
  prompts = join(folder, 'prompts.json')
  await writeFile(prompts, JSON.stringify({ warm: WARM, 'cold one': COLD }))
  json = (await runEntropySets(configOf(), { folder: join(folder, 'run') })).json
}, 120_000)
afterAll(() => rm(folder, { recursive: true }))

/** What does not depend on where and when. */
const numbersOf = ({ entropyStrength, curve, iterations, upper, lower, witness, imageStatistics }: EntropyJson) => ({
  ...{ entropyStrength, curve, iterations, upper, lower, witness, imageStatistics },
})

test('each set gets the numbers of a run of it alone', async () => {
  expect(json.sets.map(({ set, prompts: own }) => [set, own])).toEqual([
    ['warm', WARM],
    ['cold one', COLD],
  ])
  const lines = join(folder, 'lines.txt')
  await writeFile(lines, `${COLD.join('\n')}\n`)
  const alone = await runEntropyJob(configOf({ prompts: lines }), { folder: join(folder, 'alone') })
  expect(numbersOf(json.sets[1])).toEqual(numbersOf(alone.json))
  expect(json.sets[0].upper.base).not.toEqual(json.sets[1].upper.base)
  expect(json.networkEvaluations).toBe(json.sets[0].networkEvaluations + json.sets[1].networkEvaluations)
  const guidance = async (path: string) => JSON.parse(await readFile(join(folder, path, 'guidance.json'), 'utf8'))
  const [own, plain] = [await guidance('run/sets/cold one'), await guidance('alone')]
  expect(own.rewardSettings).toEqual({ ...plain.rewardSettings, prompts, promptSet: 'cold one' })
  expect({ ...own, rewardSettings: null }).toEqual({ ...plain, rewardSettings: null })
})

test('the page has a row and a section for each set, the log its events by name', async () => {
  const page = await readFile(join(folder, 'run', 'report.html'), 'utf8')
  for (const text of [
    '2 sets of prompts',
    'Set warm',
    'Set cold one',
    'href="sets/cold%20one/report.html"',
    'sets/warm/samples/',
    WARM[2],
  ])
    expect(page).toContain(text)
  const own = await readFile(join(folder, 'run', 'sets', 'warm', 'report.html'), 'utf8')
  expect(own).toContain('--guidance')
  const events = await readEvents(join(folder, 'run', 'events.jsonl'))
  const types = new Set(events.map(({ type }) => type))
  for (const type of ['start', 'warm/iteration', 'warm/point', 'cold one/iteration', 'cold one/done'])
    expect(types).toContain(type)
})

test('a run that was stopped in its second set goes on to the same numbers', async () => {
  const stopped = join(folder, 'stopped')
  const stop = new AbortController()
  let seen = 0
  const first = runEntropySets(configOf(), {
    folder: stopped,
    signal: stop.signal,
    onEvent: ({ set }) => {
      if (set === 'cold one' && ++seen === 1) stop.abort()
    },
  })
  await expect(first).rejects.toMatchObject({ code: 'interrupted' })
  expect(bestText((await listRuns(stopped, [entropyJob]))[0].best)).toMatch(
    /^lambda: warm [\d.]+( \(not resolved\))?, cold one not yet$/,
  )
  const of = (promptSet: string) => sampleLayers(stopped, [{ source: 'flags', values: { promptSet } }])
  expect((await of('warm'))[0].values).toMatchObject({ promptSet: 'warm' })
  await expect(of('cold one')).rejects.toThrow(
    /'cold one' is not done; go on with the run \(bilevel entropy --resume .*\), or sample one that is done: warm/,
  )
  await expect(sampleLayers(stopped, [])).rejects.toThrow(/\(warm; not yet: cold one\): say which, --prompt-set warm/)
  let again = 0
  const { json: resumed } = await runEntropySets(configOf(), {
    folder: stopped,
    resume: true,
    onEvent: ({ set }) => {
      if (set === 'warm') again++
    },
  })
  expect(again).toBe(0)
  expect(resumed.sets.map(numbersOf)).toEqual(json.sets.map(numbersOf))
  const told = async (run: string) => withoutTimes(await readEvents(join(run, 'events.jsonl')))
  expect(await told(stopped)).toEqual(await told(join(folder, 'run')))
  const [{ best }] = await listRuns(stopped, [entropyJob])
  expect(best).toEqual({
    what: 'lambda',
    sets: json.sets.map(({ set, entropyStrength: { value, resolved } }) => ({ set, value, resolved })),
  })
  const shown = await showModel(stopped, resolveShowConfig([]))
  expect(shown.tuned).toEqual(best)
  expect(shownText(shown)).toContain(`tuned      ${bestText(best)}`)
})

test('the plan counts all sets', async () => {
  const plan = async (values = {}) => entropyJob.plan!(configOf(values), '')
  const all = await plan()
  const each = [await plan({ promptSet: 'warm' }), await plan({ promptSet: 'cold one' })]
  for (const key of ['networkEvaluations', 'checking'] as const) expect(all[key]).toBe(each[0][key]! + each[1][key]!)
  // The model with all prompts, the rewards of one set.
  const most = Math.max(...each.map(({ memoryMiB }) => memoryMiB!))
  expect(Math.abs(all.memoryMiB! / most - 1)).toBeLessThan(0.01)
  expect(all.lines).toEqual(['sets of prompts, each with a lambda of its own: warm (3), cold one (1)'])
})

test('a set is sampled by its guidance, with its prompts', async () => {
  const run = join(folder, 'run')
  await expect(sampleLayers(run, [])).rejects.toThrow(
    /lambda for each of its sets of prompts \(warm, cold one\): say which, --prompt-set warm, or --guidance none/,
  )
  await expect(sampleLayers(run, [{ source: 'flags', values: { promptSet: 'hot' } }])).rejects.toThrow(
    /which are warm, cold one; got 'hot'/,
  )
  const guidance = join(run, 'sets', 'warm', 'guidance.json')
  const given = { source: 'the test', values: { promptSet: 'warm', count: 3 } }
  const layers = await sampleLayers(run, [given])
  const byFile = { source: 'the test', values: { guidance, count: 3 } }
  expect(await sampleLayers(run, [byFile])).toEqual(layers)
  const config = resolveSampleConfig([...layers, given])
  expect(config).toMatchObject({ promptSet: 'warm', guidance })
  const opened = await openModelAt(run, config)
  expect(opened.classNames).toEqual(WARM)
  await opened.close()
  const made = await sampleModel(run, config, { folder: join(folder, 'images') })
  expect(made.notes.filter((note) => note.includes('tuned for'))).toEqual([])
  const other = { ...config, guidance: join(run, 'sets', 'cold one', 'guidance.json') }
  const mixed = await sampleModel(run, other, { folder: join(folder, 'mixed') })
  expect(mixed.notes.join()).toMatch(/tuned for the prompts of set cold one and .* for the prompts of set warm/)
  await writeFile(join(run, 'sets', 'cold one', 'guidance.json'), await readFile(guidance))
  await expect(sampleLayers(run, [{ source: 'flags', values: { promptSet: 'cold one' } }])).rejects.toMatchObject({
    code: 'runs.damaged',
  })
})

test('sets that are not there, or nothing to choose from, are refused', async () => {
  await expect(entropyJob.plan!(configOf({ promptSet: 'hot' }), '')).rejects.toThrow(
    /the set of .* must be one of warm, cold one; got 'hot'/,
  )
  const lines = join(folder, 'two.txt')
  await writeFile(lines, 'a red three on blue\n')
  await expect(entropyJob.plan!(configOf({ prompts: lines, promptSet: 'hot' }), '')).rejects.toThrow(
    /must be left out, as the file names none; got 'hot'/,
  )
  await expect(runEntropySets(configOf({ promptSet: 'warm' }), { folder: join(folder, 'x') })).rejects.toThrow(
    /two named sets or more/,
  )
  const digits = resolveEntropyConfig([{ source: 'the test', values: { preset: 'tiny', promptSet: 'warm' } }])
  await expect(entropyJob.plan!(digits, '')).rejects.toThrow(/got set 'warm' with the model digits-16/)
  await expect(entropyJob.plan!(configOf({ prompts: null, promptSet: 'warm' }), '')).rejects.toThrow(
    /a set of prompts is one of a file's \(--prompts FILE\)/,
  )
})

test('what is wrong with a later set is found before the first begins, and said of it', async () => {
  const named = configOf({ class: WARM[0] })
  const out = join(folder, 'named')
  for (const begin of [() => entropyJob.plan!(named, ''), () => runEntropySets(named, { folder: out })]) {
    await expect(begin()).rejects.toMatchObject({
      code: 'sample.class',
      message: expect.stringMatching(/^set 'cold one': a class is one of its names/),
    })
  }
  await expect(stat(out)).rejects.toThrow('ENOENT')
})

test('what goes wrong while a set is tuned is said of it; those before it are there', async () => {
  // All images of the second set's only prompt are rated alike.
  await writeFile(
    join(folder, 'alike.mjs'),
    `export default { needsClasses: true, range: [-1, 1], values: ({ data, shape: [n] }, classes) =>
      Array.from(classes, (_, i) => (classes.every((label) => label === 0) ? 1 : data[(i * data.length) / n])) }`,
  )
  const out = join(folder, 'alike')
  const run = runEntropySets(configOf({ judge: join(folder, 'alike.mjs'), witness: null }), { folder: out })
  await expect(run).rejects.toThrow(/^set 'cold one': .*gave all of \d+ images the value 1/)
  expect(
    JSON.parse(await readFile(join(out, 'sets', 'warm', 'result.json'), 'utf8')).entropyStrength.value,
  ).toBeGreaterThan(0)
})

test('notes of all sets are said once, others with their names', () => {
  const sets = [
    { name: 'a', notes: ['one', 'two'] },
    { name: 'b', notes: ['one'] },
  ]
  expect(joinedNotes(sets)).toEqual(['one', 'a: two'])
})
