import { describe, expect, test } from 'vitest'
import { coordinate } from './estimators/coordinate.ts'
import { checkProblem } from './problem.ts'
import { quadraticProblem } from './quadratic.fixture.ts'
import { PENALTY_DEFAULTS } from './settings.ts'
import { penaltyInit } from './state.ts'

const problem = quadraticProblem()

describe('a problem that cannot be tuned is refused', () => {
  test('arrays of different length, scale 0, a start outside its box', () => {
    const withB = (change: object) => ({
      ...problem,
      blocks: { ...problem.blocks, b: { ...problem.blocks.b, ...change } },
    })
    expect(() => checkProblem(withB({ low: new Float64Array(2) }))).toThrow(/'b' names 1 parameters.*got 1, 2, 1, 1/)
    expect(() => checkProblem(withB({ scale: Float64Array.of(0) }))).toThrow(
      /step scale of b.b1 must be positive, got 0/,
    )
    expect(() => checkProblem(withB({ initial: Float64Array.of(4) }))).toThrow(/b.b1 must start in \[-3, 3\], got 4/)
    expect(() => checkProblem(problem)).not.toThrow()
  })

  test('a block that enters neither level', () => {
    const unused = { ...problem, objective: { ...problem.objective, blocks: ['a'] as const } }
    expect(() => checkProblem(unused)).toThrow(/'b' enters neither/)
  })

  test('a block that is not there', () => {
    const { b: _, ...blocks } = problem.blocks
    expect(() => checkProblem({ ...problem, blocks: blocks as typeof problem.blocks })).toThrow(
      /blocks a only, got 'b'/,
    )
  })
})

describe('settings that cannot drive the problem are refused', () => {
  const init =
    (change: Partial<typeof PENALTY_DEFAULTS>, of = problem) =>
    () =>
      penaltyInit(of, { ...PENALTY_DEFAULTS, ...change })
  const foreign = { ...problem, objective: { ...problem.objective, gradient: undefined } }

  test('step counts', () => {
    expect(init({ lowerSteps: 1.5 })).toThrow(/lowerSteps must be a whole number from 0, got 1.5/)
    expect(init({ twinSteps: 0 })).toThrow(/set twinSteps to 1 or more, or z to false/)
    expect(init({ twinSteps: 0, z: false })).not.toThrow()
  })

  test('an estimator without what it needs', () => {
    expect(init({}, foreign)).toThrow(/use two-point or one-point, or coordinate/)
    expect(init({ weightsEstimator: coordinate() })).toThrow(/not coordinate/)
  })

  test('a block of the lower problem alone cannot move without z', () => {
    expect(init({ z: false }, quadraticProblem({ tied: false }))).toThrow(/'a' enters the lower problem alone/)
    expect(init({ z: false })).not.toThrow()
  })
})
