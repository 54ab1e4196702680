import { deserialize, serialize } from 'node:v8'
import { describe, expect, test } from 'vitest'
import type { DriveHooks } from './drive.ts'
import { drive } from './drive.ts'
import { onePoint } from './estimators/onePoint.ts'
import { twoPoint } from './estimators/twoPoint.ts'
import { tune } from './penalty.ts'
import type { QuadraticBlock, QuadraticState } from './quadratic.fixture.ts'
import { quadraticProblem } from './quadratic.fixture.ts'
import { PENALTY_DEFAULTS } from './settings.ts'
import type { PenaltyState } from './state.ts'

type Hooks = DriveHooks<QuadraticBlock, QuadraticState>
type State = PenaltyState<QuadraticBlock, QuadraticState>

const problem = quadraticProblem({ noise: 0.3, momentum: 0.5, newton: 0.2, sampleNoise: 0.2 })
const settings = {
  ...PENALTY_DEFAULTS,
  gamma: 20,
  warmUpSteps: 3,
  estimator: onePoint(),
  weightsEstimator: twoPoint(),
  seed: 3,
}
const ITERATIONS = 4
const driven = (hooks: Hooks = {}) => drive(problem, settings, ITERATIONS, hooks)

test('is the loop of `tune`: event, checkpoint and progress after every step, in this order', async () => {
  const told: string[] = []
  const progress: { done: number; total: number }[] = []
  const last = await driven({
    onEvent: ({ kind }) => void told.push(kind),
    onCheckpoint: ({ iteration }) => void told.push(`checkpoint ${iteration}`),
    onProgress: ({ phase, done, total }) => {
      told.push(`progress ${phase}`)
      progress.push({ done, total })
    },
  })
  const steps = ['warm-up', 'warm-up', 'warm-up', 'iteration', 'iteration', 'iteration', 'iteration']
  expect(told).toEqual(steps.flatMap((kind, i) => [kind, `checkpoint ${Math.max(0, i - 2)}`, `progress ${kind}`]))
  let state: State | undefined
  for await (const event of tune(problem, settings, ITERATIONS)) state = event.state
  expect(last).toEqual(state)
  for (let i = 1; i < progress.length; i++) expect(progress[i].done).toBeGreaterThan(progress[i - 1].done)
  expect(progress[6]).toEqual({ done: last.evaluations, total: last.evaluations })
})

test('from any checkpoint, stored and read again, it comes to the same bits', async () => {
  const stored: Buffer[] = []
  const whole = await driven({ onCheckpoint: (state) => void stored.push(serialize(state)) })
  expect(stored.length).toBe(7)
  for (const bytes of stored) expect(await driven({ from: deserialize(bytes) as State })).toEqual(whole)
})

test('what a checkpoint holds is what runs of earlier versions hold: another key is another format', async () => {
  const state = await driven()
  const keys = ['iteration', 'upper', 'adam', 'trained', 'gamma', 'estimators', 'draws', 'samples', 'evaluations']
  expect(Object.keys(state).toSorted()).toEqual(keys.toSorted())
  expect(Object.keys(state.trained ?? {}).toSorted()).toEqual(['average', 'offset', 'steps', 'y'])
  expect(Object.keys(state.estimators).toSorted()).toEqual(['shared', 'upperOnly', 'weights'])
})

describe('a stop', () => {
  test.each([1, 3, 5])('after step %d: nothing more is done, and the last checkpoint goes on', async (step) => {
    const controller = new AbortController()
    const states: State[] = []
    const stopped = driven({
      signal: controller.signal,
      onCheckpoint: (state) => {
        states.push(state)
        if (states.length === step) controller.abort()
      },
    })
    await expect(stopped).rejects.toMatchObject({ kind: 'interrupted', code: 'interrupted' })
    expect(states.length).toBe(step)
    expect(await driven({ from: states[step - 1] })).toEqual(await driven())
  })

  test('before the first step, and after the last one', async () => {
    await expect(driven({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'interrupted' })
    const done = await driven()
    expect(await driven({ from: done, signal: AbortSignal.abort() })).toBe(done)
  })
})

test('a hook that fails ends it, with its own error', async () => {
  const full = async () => Promise.reject(new Error('the disk is full'))
  await expect(driven({ onCheckpoint: full })).rejects.toThrow('the disk is full')
})

test('a problem without network evaluations shows its progress in iterations', async () => {
  const { blocks, objective } = quadraticProblem()
  const free = {
    blocks,
    objective: { ...objective, cost: { value: 0, gradient: 0, weightsGradient: 0 } },
    lower: { kind: 'frozen' as const, state: { weights: new Float64Array(3), momentum: new Float64Array(3) } },
  }
  const seen: [number, number][] = []
  await drive(free, PENALTY_DEFAULTS, 2, { onProgress: ({ done, total }) => void seen.push([done, total]) })
  expect(seen).toEqual([
    [1, 2],
    [2, 2],
  ])
})

describe('a state of another problem is refused', () => {
  test('other blocks, another kind of lower problem', async () => {
    const from = await driven()
    const { b: _, ...upper } = from.upper
    await expect(driven({ from: { ...from, upper: upper as State['upper'] } })).rejects.toThrow(
      /block 'b' has 1 parameters, got none; start anew/,
    )
    await expect(driven({ from: { ...from, trained: null } })).rejects.toMatchObject({ code: 'bilevel.from' })
  })
})
