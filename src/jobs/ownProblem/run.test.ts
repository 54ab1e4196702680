/** A problem of the user's own as a run: what it leaves, and that a run cut off anywhere leaves the same bytes. */
import { cpSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { onePoint, twoPoint } from '../../bilevel/index.ts'
import type { QuadraticBatch, QuadraticBlock, QuadraticState } from '../../bilevel/quadratic.fixture.ts'
import { quadraticPenaltyGradient, quadraticProblem } from '../../bilevel/quadratic.fixture.ts'
import { readEvents, withoutTimes } from '../../runs/index.ts'
import type { ProblemEvent, ProblemProgress } from './record.ts'
import type { ProblemRunOptions } from './run.ts'
import { runProblem } from './run.ts'

type Options = ProblemRunOptions<QuadraticBlock, QuadraticState, QuadraticBatch>

let place: string
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'own-problem-'))
})
afterAll(() => rm(place, { recursive: true }))

let made = 0
const optionsOf = (change: Partial<Options> = {}): Options => ({
  name: 'a quadratic <problem>',
  problem: quadraticProblem({ noise: 0.2, momentum: 0.5, newton: 0.3, sampleNoise: 0.2 }),
  settings: {
    iterations: 5,
    gamma: 20,
    warmUpSteps: 2,
    twinSteps: 2,
    estimator: onePoint({ delta: 0.2 }),
    weightsEstimator: twoPoint(),
    checkpointSeconds: 0,
  },
  problemSettings: { noise: 0.2 },
  folder: join(place, `run-${made++}`),
  ...change,
})

/** Everything a finished run left that must repeat. */
async function bytesOf(folder: string): Promise<Record<string, string>> {
  const charts = (await readdir(join(folder, 'charts'))).map((name) => join('charts', name))
  const names = ['result.json', 'report.html', 'config.yaml', ...charts]
  const files = await Promise.all(
    names.map(async (name) => [name, (await readFile(join(folder, name))).toString('hex')]),
  )
  const events = withoutTimes(await readEvents(join(folder, 'events.jsonl')))
  return { ...Object.fromEntries(files), events: JSON.stringify(events) }
}

test('a run leaves its settings, events, TensorBoard, checkpoints, the result and a page', async () => {
  const events: ProblemEvent[] = []
  const progress: ProblemProgress[] = []
  const options = optionsOf({
    onEvent: (event) => void events.push(event),
    onProgress: (at) => void progress.push(at),
  })
  const { upper, state, history, json } = await runProblem(options)
  const names = await readdir(options.folder)
  expect(names).toEqual(
    expect.arrayContaining(['config.yaml', 'manifest.json', 'events.jsonl', 'checkpoints', 'tensorboard', 'charts']),
  )
  expect(JSON.parse(await readFile(join(options.folder, 'result.json'), 'utf8'))).toEqual(json)
  expect(JSON.parse(await readFile(join(options.folder, 'manifest.json'), 'utf8'))).toMatchObject({
    command: 'problem',
    status: 'done',
  })
  const page = await readFile(join(options.folder, 'report.html'), 'utf8')
  expect(page).toContain('a quadratic &lt;problem&gt;')
  expect(page).toContain('upper objective over the iterations')
  expect(page).toContain('b.b1 over the iterations')
  expect(page).toContain('adam.beta1')
  const logged = await readEvents(join(options.folder, 'events.jsonl'))
  expect(logged.map(({ type }) => type)).toEqual([
    'start',
    ...['warm-up', 'warm-up'],
    ...['tune', 'tune', 'tune', 'tune', 'tune'],
    'done',
  ])
  expect(events.map(({ kind }) => kind)).toEqual([...Array(2).fill('warm-up'), ...Array(5).fill('iteration')])
  expect(json).toMatchObject({ iterations: 5, networkEvaluations: state.evaluations })
  expect(json.parameters['b.b1']).toEqual({ start: -1, end: upper.b[0], low: -3, high: 3 })
  expect(history[0].parameters).toEqual({ 'a.a1': 1, 'a.a2': 0.5, 'b.b1': -1 })
  // One-point's first estimate primes: q moves from the second on.
  expect(history[1].parameters).toEqual(history[0].parameters)
  expect(history[2].parameters).not.toEqual(history[1].parameters)
  expect(history[4].value).toBe(json.value.last)
  const { done, total } = progress[progress.length - 1]
  expect(done).toBe(total)
})

test('it ends where the penalty gradient is 0', async () => {
  const gamma = 20
  const { upper } = await runProblem({
    ...optionsOf(),
    problem: quadraticProblem({}),
    settings: {
      iterations: 300,
      gamma,
      twinSteps: 20,
      upperOnlyAt: 'z',
      adam: { rate: 0.5, beta1: 0.7, beta2: 0.9, epsilon: 1e-30, decayOver: 300, warmUp: 0 },
    },
  })
  const left = quadraticPenaltyGradient(upper, gamma)
  for (const g of [...left.a, ...left.b]) expect(Math.abs(g) * gamma).toBeLessThan(2e-3)
})

describe('a run that was cut off leaves the bytes of one that was not', () => {
  let whole: Record<string, string>
  beforeAll(async () => {
    const options = optionsOf()
    await runProblem(options)
    whole = await bytesOf(options.folder)
  })

  test.each([1, 3, 4, 7])('stopped after event %d', async (count) => {
    const controller = new AbortController()
    let seen = 0
    const options = optionsOf({
      settings: { ...optionsOf().settings, checkpointSeconds: 1000 },
      signal: controller.signal,
      onEvent: () => {
        seen += 1
        if (seen === count) controller.abort()
      },
    })
    // After the last step there is nothing left to stop.
    if (count < 7) {
      await expect(runProblem(options)).rejects.toMatchObject({
        kind: 'interrupted',
        message: expect.stringMatching(
          /its checkpoint is kept; go on with: runProblem with folder ".*run-\d+" and resume true/,
        ),
      })
    } else await runProblem(options)
    const { folder } = options
    const { json } = await runProblem(optionsOf({ folder, resume: true }))
    expect(json.iterations).toBe(5)
    expect(await bytesOf(folder)).toEqual(whole)
  })

  test.each([2, 5, 6])('killed at event %d: written, its checkpoint not', async (count) => {
    const folder = join(place, `killed-${count}`)
    let seen = 0
    const options = optionsOf({
      onEvent: () => {
        seen += 1
        if (seen === count) cpSync(options.folder, folder, { recursive: true })
      },
    })
    await runProblem(options)
    // The lock of a process that is gone.
    for (const name of (await readdir(folder)).filter((one) => one.startsWith('lock'))) await rm(join(folder, name))
    await runProblem(optionsOf({ folder, resume: true }))
    expect(await bytesOf(folder)).toEqual(whole)
  })

  test('a finished one, run over', async () => {
    const options = optionsOf()
    await runProblem(options)
    await runProblem({ ...options, resume: true })
    expect(await bytesOf(options.folder)).toEqual(whole)
  })
})

describe('refused', () => {
  test('to go on with other settings, or another problem', async () => {
    const options = optionsOf()
    await runProblem(options)
    const resumed = { ...options, resume: true }
    await expect(runProblem({ ...resumed, settings: { ...options.settings, gamma: 30 } })).rejects.toThrow(
      /gamma \(was 20, now 30\)/,
    )
    await expect(runProblem({ ...resumed, problemSettings: { noise: 0.3 } })).rejects.toThrow(/problem.noise/)
    const moved = { ...options.problem.blocks.b, low: Float64Array.of(Number.NEGATIVE_INFINITY) }
    const problem = { ...options.problem, blocks: { ...options.problem.blocks, b: moved } }
    await expect(runProblem({ ...resumed, problem })).rejects.toMatchObject({ code: 'problem.sources' })
  })

  test('a state that no checkpoint could hold, settings outside their range, a folder that is taken', async () => {
    const options = optionsOf()
    const lower = { ...quadraticProblem().lower, initial: { ...quadraticProblem().lower.initial, made: new Date(0) } }
    await expect(runProblem({ ...options, problem: { ...options.problem, lower } })).rejects.toMatchObject({
      code: 'problem.state',
      message: expect.stringContaining('but it holds a object at trained.y.made'),
    })
    for (const settings of [{ iterations: 1.5 }, { checkpointSeconds: -1 }]) {
      await expect(runProblem({ ...options, settings })).rejects.toMatchObject({ code: 'problem.settings' })
    }
    expect(await readdir(place)).not.toContain(options.folder.slice(place.length + 1))
    await runProblem(options)
    await expect(runProblem(options)).rejects.toMatchObject({ code: 'runs.exists' })
  })

  test('a gamma that changes otherwise', async () => {
    const gamma = (k: number) => 10 * k
    const options = optionsOf({ settings: { ...optionsOf().settings, gamma } })
    await runProblem(options)
    const other = { ...options.settings, gamma: (k: number) => (k === 3 ? 31 : 10 * k) }
    await expect(runProblem({ ...options, resume: true, settings: other })).rejects.toThrow(/gamma.sha256/)
    await runProblem({ ...options, resume: true })
  })
})
