/**
 * The truth that hypergradients are held against: two branches of training from one state, on the same minibatches, times and noise, one with a parameter
 * of q moved up and one with it moved down; then the distance of both, on the same start noise.
 *
 *     indirect = [f(q, theta_K(q + h)) - f(q, theta_K(q - h))] / 2h      total = [f(q + h, theta_K(q + h)) - f(q - h, theta_K(q - h))] / 2h
 *
 * theta_K: the moving average after K further steps. Every draw is a pair on minibatches and start noise of its own, so that their spread is the error.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { PenaltySettings } from '../../src/bilevel/index.ts'
import { descend } from '../../src/bilevel/index.ts'
import type { Place, Problem, State } from './place.ts'
import { SHIFTS } from './place.ts'

/** Minibatches of a draw start so far from those of the next. */
const DRAWS_APART = 100_000

/** f at both sides of q, after K steps: at the q before it was moved, and at the moved q itself. */
export interface BranchPair {
  readonly horizon: number
  /** [below, above] */
  readonly atBefore: readonly [number, number]
  readonly atMoved: readonly [number, number]
}

interface Branch {
  readonly done: number
  readonly state: State
}

/**
 * A pair at every horizon, the shortest first.
 * @param cache where the branches stand is kept in files of this name, so that a longer horizon goes on from a shorter one
 */
export async function* branchPairs(
  { branches: problem, state, settings }: Place,
  { parameter, draw, horizons }: { parameter: string; draw: number; horizons: readonly number[] },
  cache: string,
): AsyncGenerator<BranchPair> {
  const before = state.upper.schedule
  const at = problem.blocks.schedule.names.indexOf(parameter)
  const moved = [-1, 1].map((sign) => before.map((value, i) => (i === at ? value + sign * SHIFTS[parameter] : value)))
  const draws = state.draws + (draw + 1) * DRAWS_APART
  const start = { done: 0, state: { ...state, draws } }
  const sides = moved.map((schedule, side) => ({ path: `${cache}-${side}.v8`, schedule }))
  const standing = sides.map(({ path }) => standsAt(path, horizons[0]) ?? start)
  for (const horizon of horizons) {
    const values: { atBefore: number; atMoved: number }[] = []
    for (const [side, { path, schedule }] of sides.entries()) {
      const branch = await trainedTo(problem, settings, standing[side], schedule, horizon)
      standing[side] = branch
      keep(path, branch)
      const f = (q: Float64Array) => distance(problem, branch.state, q, draw)
      values.push({ atBefore: await f(before), atMoved: await f(schedule) })
    }
    const [below, above] = values
    yield { horizon, atBefore: [below.atBefore, above.atBefore], atMoved: [below.atMoved, above.atMoved] }
  }
}

/** A branch that was kept, unless it is past the first horizon that is wanted. */
function standsAt(path: string, horizon: number): Branch | null {
  if (!existsSync(path)) return null
  const branch = deserialize(readFileSync(path)) as Branch
  return branch.done <= horizon ? branch : null
}

function keep(path: string, branch: Branch): void {
  mkdirSync(dirname(path), { recursive: true })
  rmSync(path, { force: true })
  writeFileSync(path, serialize(branch))
}

async function trainedTo(
  problem: Problem,
  settings: PenaltySettings,
  { done, state }: Branch,
  schedule: Float64Array,
  horizon: number,
): Promise<Branch> {
  const trained = await descend(problem, settings, { ...state, upper: { schedule } }, horizon - done)
  return { done: horizon, state: trained.state }
}

async function distance({ objective, lower }: Problem, { trained }: State, schedule: Float64Array, key: number) {
  if (lower.kind !== 'trained' || !trained) throw new Error('the tied problem trains its network')
  return objective.value({ schedule }, lower.withWeights(trained.y, trained.average), key)
}

/** df/dq as a central difference of a pair. */
export function slopesOf({ atBefore, atMoved }: BranchPair, parameter: string) {
  const slope = ([below, above]: readonly [number, number]) => (above - below) / (2 * SHIFTS[parameter])
  return { indirect: slope(atBefore), total: slope(atMoved) }
}
