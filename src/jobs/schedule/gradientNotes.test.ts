import { expect, test } from 'vitest'
import type { TuningRecord } from '../../tuners/index.ts'
import { gradientNotes } from './gradientNotes.ts'
import { WON } from './report/scheduleResult.fixture.ts'

const FROZEN = { learn: 'sampling', z: false, hypergradient: 'penalty' } as const

test('one schedule for both by the direct part alone is said to be that', () => {
  const tied = { learn: 'tied', z: false, hypergradient: 'penalty' } as const
  expect(gradientNotes([], tied)).toEqual([
    expect.stringMatching(/without what comes through training.*wrong sign in tau/),
  ])
  expect(gradientNotes([], { ...tied, z: true })).toEqual([])
  expect(gradientNotes([], { ...tied, hypergradient: 'implicit' })).toEqual([])
})

test('iterations whose gradient left directions out are counted', () => {
  expect(gradientNotes(WON.history, FROZEN)).toEqual([])
  const dropped = [0, 3, 0, 7]
  const history: TuningRecord[] = dropped.map((count) => ({
    ...WON.history[0],
    ...(count > 0 && { droppedDirections: count }),
  }))
  expect(gradientNotes(history, FROZEN)).toEqual([expect.stringMatching(/^in 2 of 4 iterations .* \(up to 7\) /)])
})

test('linear systems that were left early, or are far from solved, are said', () => {
  const of = (...solves: NonNullable<TuningRecord['solve']>[]) =>
    gradientNotes(
      solves.map((solve) => ({ ...WON.history[0], solve })),
      FROZEN,
    )
  expect(of({ systems: 4, indefinite: 0, residual: 0.3 })).toEqual([])
  const solved = { systems: 4, indefinite: 0, residual: 0.2 }
  expect(of(solved, { systems: 4, indefinite: 3, residual: 0.9 })).toEqual([
    expect.stringMatching(/^3 of 8 linear systems of hypergradient implicit were left/),
    expect.stringMatching(/are not solved: up to 0.90 times the right side was left/),
  ])
  expect(of(solved, { ...solved, residual: 16 })).toEqual([expect.stringMatching(/up to 16 times the right side/)])
})

test('parameters that no iteration resolved are named', () => {
  const unresolved = [['tau', 'end'], ['tau']]
  const history = unresolved.map((names) => ({
    ...WON.history[0],
    gradientErrors: { tau: 1, end: 1 },
    unresolved: names,
  }))
  expect(gradientNotes(history, FROZEN)).toEqual([
    expect.stringMatching(/^tau stayed as at the start: in none of 2 iterations/),
  ])
})
