/** `bilevel schedule` by other objectives than FID, as a user runs it: on a model alone, by a reward, and what is refused. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { bilevelHere, newFolder, untrainedModel } from './cli.fixture.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

let folder = ''
const at = (...path: string[]) => join(folder, ...path)
beforeAll(async () => {
  folder = await newFolder()
  await untrainedModel(at('plain'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A network of random weights keeps no convention. */
const TRUST = '--trust-convention'
const FEW =
  '--sampling-steps 2 --iterations 1 --tuning-samples 4 --candidate-samples 4 --evaluation-samples 4 --sampling-seeds 11,12 --teacher-steps 6'.split(
    ' ',
  )
const schedule = (...words: string[]) => bilevelHere(['schedule', '--model', 'plain', ...words], folder)

describe('by the teacher', () => {
  test('a model alone: no data, no features, no FID, in result, events and report; a run that goes on', async () => {
    const { code, stdout, stderr } = await schedule('--objective', 'teacher', ...FEW, '--out', 'taught', '--json')
    expect(code, stderr).toBe(0)
    const json = JSON.parse(stdout)
    expect(json.objective).toEqual({
      name: 'teacher',
      words: 'dpm-solver++, 6 steps on karras, in pixels',
      comparedBy: 'teacher',
    })
    expect([json.featureNetwork, json.real, json.learned.fid, json.protocol.data]).toEqual([null, null, null, null])
    expect(json.learned.objective.mean).toBeGreaterThan(0)
    expect(json.candidates[0]).toEqual({
      sampler: expect.any(String),
      stepList: expect.any(String),
      samples: expect.any(Number),
      teacher: expect.any(Number),
    })
    const events = (await readFile(at('taught', 'events.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const tune = events.find(({ type }) => type === 'tune')
    expect(tune).toMatchObject({ teacher: expect.any(Number), standardError: expect.any(Number) })
    expect(tune).not.toHaveProperty('fid')
    expect(events.find(({ type }) => type === 'done')).toMatchObject({ teacher: json.learned.objective.mean })
    const page = await readFile(at('taught', 'report.html'), 'utf8')
    expect(page).toContain('Distance to the teacher against number of steps')
    expect(page).not.toMatch(/↑ FID|Fréchet distance and steps|real images<\/th>/)
    expect(stderr).not.toMatch(/FID/)
    const again = await bilevelHere(['schedule', '--resume', 'taught', '--json'], folder)
    expect([again.code, JSON.parse(again.stdout).learned]).toEqual([0, json.learned])
    const sampled = await bilevelHere(['sample', 'taught', '--count', '2', '--out', 'images'], folder)
    expect(sampled.code, sampled.stderr).toBe(0)
  })

  test('an ONNX file, by differences', async () => {
    const file = join('plain', 'unet', 'model.onnx')
    const scheduler = join('plain', 'scheduler', 'scheduler_config.json')
    const words = ['schedule', '--model', file, '--scheduler', scheduler, '--objective', 'teacher', ...FEW, TRUST]
    const planned = await bilevelHere([...words, '--dry-run'], folder)
    expect(planned.stderr).toMatch(/at most [\d,]+ network evaluations/)
    const { code, stdout, stderr } = await bilevelHere([...words, '--out', 'file', '--json'], folder)
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout).learned.objective.mean).toBeGreaterThan(0)
  })
})

describe('by a reward', () => {
  test('of a module, in features of nobody: with the guards beside it, and the code kept to when it goes on', async () => {
    const dark = (by: number) =>
      `export default { range: [-1, 1], values: ({ data, shape: [n] }) => Array.from({ length: n }, (_, i) => ${by} - data[256 * i]) }\n`
    await writeFile(at('dark.mjs'), dark(1))
    const words = ['--objective', 'reward', '--reward', './dark.mjs', '--data', 'none', '--estimator', 'two-point']
    const { code, stdout, stderr } = await schedule(...words, ...FEW, '--out', 'rated', '--json')
    expect(code, stderr).toBe(0)
    const json = JSON.parse(stdout)
    expect(json.objective).toMatchObject({ name: 'reward', comparedBy: 'reward' })
    expect(json.learned.objective.mean).toBeGreaterThanOrEqual(0)
    expect(json.learned.teacherDistance.mean).toBeGreaterThan(0)
    expect(json.learned.diversity).toBeGreaterThan(0)
    // The best of the final first, then those of the rounds before it.
    type Candidate = { readonly reward: number; readonly samples: number }
    const byRank = (a: Candidate, b: Candidate) => b.samples - a.samples || b.reward - a.reward
    expect(json.candidates).toEqual(json.candidates.toSorted(byRank))
    expect(await readFile(at('rated', 'report.html'), 'utf8')).toContain('distance to the teacher')
    await writeFile(at('dark.mjs'), dark(2))
    const other = await bilevelHere(['schedule', '--resume', 'rated', '--allow-code'], folder)
    expect([other.code, other.stderr]).toEqual([2, expect.stringMatching(/was made with another \.\/dark\.mjs/)])
  })
})

test.each([
  [['--objective', 'reward'], /objective reward needs a reward to maximise, got none.*fidelity/],
  [['--reward', 'ink'], /reward ink is for objective reward, got objective fid/],
  [['--objective', 'distance'], /objective.*fid.*teacher.*reward/],
  [
    ['--objective', 'teacher', '--teacher-sampler', 'ddpm'],
    /teacherSampler.*adds no noise \(.*ddim.*dpm-solver\+\+.*heun/,
  ],
  [['--objective', 'teacher', '--teacher-sampler', 'euler'], /teacherSampler.*"ddim"\|"ddpm"\|"dpm-solver\+\+"/],
  [['--objective', 'teacher', '--teacher-steps', '21', '--timesteps', '1000'], /at most the 20 timesteps/],
  [['--objective', 'teacher', '--teacher-space', 'features', '--data', 'none'], /name them \(--features/],
  [['--objective', 'teacher', '--learn', 'tied'], /fid or reward where the network is trained/],
  [['--objective', 'reward', '--reward', 'inc', '--teacher-steps', '6'], /built-in rewards are.*'inc'/],
  [['--data', 'none'], /objective fid compares the images with data/],
] as const)('%j is refused', async (words, said) => {
  const { code, stderr } = await schedule(...words, ...FEW.slice(0, 2), '--out', 'no')
  expect(stderr).toMatch(said)
  expect(code).toBe(2)
})
