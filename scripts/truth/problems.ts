/**
 * The problems, none of which the search was made on: rewards that are linear, quadratic, bounded and exponential, on lines and in the plane, with an
 * optimum inside, two of them, one at an end, or none; rare modes; rewards in other units; and the same under other targets and samplers.
 */
import { line, mixture } from './mixture.ts'
import type { TruthProblem } from './problem.ts'
import { bump, exponential, linear, nothing, onLine, quadratic, scaled, squashed } from './rewards.ts'

const COMMON = {
  steps: 12,
  sampler: { sampler: 'ddim', eta: 1 },
  target: 'guided',
  gamma: 10,
  estimator: 'auto',
  lambdaRange: [0.05, 5],
} as const

type Given = Pick<TruthProblem, 'name' | 'space' | 'judge'> & Partial<TruthProblem>

const problem = (given: Given): TruthProblem => ({ ...COMMON, ...given })

/** A problem under another name and with something changed. */
const variant = (name: string, from: TruthProblem, change: Partial<TruthProblem>): TruthProblem => ({
  ...from,
  ...change,
  name,
})

const ETA_HALF = { sampler: { sampler: 'ddim', eta: 0.5 } } as const
const LARGE = { sampler: { sampler: 'ddpm', variance: 'large' } } as const
const SMALL = { sampler: { sampler: 'ddpm', variance: 'small' } } as const
const TILT = { target: 'tilt' } as const

const NARROW = line([1, 0, 0.6])
const UNIT = line([1, 0, 1])
const PAIR = line([0.5, -0.8, 0.5], [0.5, 0.9, 0.6])
const APART = line([0.7, -1.5, 0.4], [0.3, 1.5, 0.4])
const THREE = line([0.5, -1.2, 0.3], [0.3, 0.2, 0.5], [0.2, 1.6, 0.25])

const [near, far, sharp] = [bump(0.5).value, bump(2.6).value, bump(1.1, 0.08).value]

const linearGoal = problem({
  name: 'linear-goal',
  space: onLine(UNIT, linear()),
  judge: (u) => -((u - 1.5) ** 2),
})

const bumpFar = problem({ name: 'bump', space: onLine(NARROW, linear()), judge: far })

const twoOptima = problem({
  name: 'two-optima',
  space: onLine(NARROW, linear()),
  judge: (u) => near(u) + 2 * far(u),
})

const rivals = problem({
  name: 'two-optima-rivals',
  space: onLine(PAIR, linear(1.3)),
  judge: (u) => 1.9 * bump(1, 0.4).value(u) + 2 * bump(3.2, 0.7).value(u),
})

const quadraticPair = problem({
  name: 'quadratic',
  space: onLine(PAIR, quadratic(1.2)),
  judge: (u) => 0.8 * u - 0.45 * u * u,
})

const twoModes = problem({
  name: 'two-modes',
  space: onLine(APART, linear()),
  judge: (u) => -((u - 1.5) ** 2),
})

const tanhChased = problem({
  name: 'tanh-chased',
  space: onLine(THREE, squashed(1.5)),
  judge: (u) => u - 0.4 * u * u,
})

const bumpChased = problem({
  name: 'bump-chased',
  space: onLine(THREE, bump(1, 0.8)),
  judge: (u) => -((u - 0.55) ** 2),
  lambdaRange: [0.02, 4],
})

const exponentialChased = problem({
  name: 'exponential-chased',
  space: onLine(PAIR, scaled(exponential(-0.8), -1)),
  judge: (u) => -((u - 1) ** 2),
  lambdaRange: [0.1, 10],
})

const exponentialJudge = problem({
  name: 'exponential-judge',
  space: onLine(UNIT, quadratic(2, 0.5)),
  judge: (u) => 1.4 * u - Math.exp(1.2 * (u - 0.6)),
})

const sharpJudge = problem({ name: 'sharp-judge', space: onLine(THREE, linear(0.7)), judge: sharp })

const lowEnd = problem({ name: 'low-end', space: onLine(NARROW, linear(0.5)), judge: (u) => Math.tanh(u) })

const highEnd = problem({
  name: 'high-end',
  space: onLine(line([1, 0.5, 0.6]), linear()),
  judge: (u) => -u * u,
})

const flat = problem({
  name: 'flat',
  space: { kind: 'coordinates', data: [NARROW, PAIR], chased: [linear(), nothing] },
  judge: (_, v) => Math.tanh(v) + v,
  steps: 8,
  lambdaRange: [0.1, 5],
})

const rareMode = problem({
  name: 'rare-mode-tilt',
  // The chain's own share of the mode is 2.8e-5.
  space: onLine(line([1 - 1e-4, -3, 0.3], [1e-4, 3, 0.3]), linear()),
  judge: (u) => -((u + 2.95) ** 2),
  target: 'tilt',
  estimator: 'importance',
  lambdaRange: [0.9, 20],
})

const rareGuided = problem({
  name: 'rare-mode-guided',
  space: onLine(line([0.985, -1, 0.4], [0.015, 2.2, 0.3]), linear()),
  judge: (u) => Math.tanh(4 * (u - 0.5)) - 0.3 * (u - 1) ** 2,
})

const unseenNoise = problem({
  name: 'noisy-judge',
  space: { kind: 'coordinates', data: [NARROW, UNIT], chased: [linear(), nothing] },
  judge: (u, v) => -((u - 0.8) ** 2) * (0.2 + v * v),
})

const turnedPlane = problem({
  name: 'turned-plane',
  space: { kind: 'coordinates', data: [PAIR, THREE], chased: [linear(0.8), quadratic(0.5, 0.6)], angle: 0.7 },
  judge: (u, v) => -((u - 1.4) ** 2) - 0.5 * (v - 0.3) ** 2 + 0.4 * Math.sin(2 * u * v),
})

const blobs = mixture([
  { share: 0.5, mean: [-1, -0.5], std: 0.5 },
  { share: 0.3, mean: [1, -0.8], std: 0.4 },
  { share: 0.2, mean: [0.6, 1.2], std: 0.45 },
])

const planeBlobs = problem({
  name: 'plane-blobs',
  space: {
    kind: 'plane',
    data: blobs,
    chased: { value: (u, v) => 0.7 * u + v, gradient: () => [0.7, 1] },
  },
  lambdaRange: [0.15, 5],
  judge: (u, v) => -((u - 0.7) ** 2) - (v - 1) ** 2,
})

const planeTanh = problem({
  name: 'plane-tanh',
  space: {
    kind: 'plane',
    data: blobs,
    chased: {
      value: (u, v) => Math.tanh(u + 0.5 * v),
      gradient: (u, v) => {
        const slope = 1 / Math.cosh(u + 0.5 * v) ** 2
        return [slope, 0.5 * slope]
      },
    },
  },
  lambdaRange: [0.15, 5],
  judge: (u, v) => u - 0.8 * v * v - 0.3 * u * u,
})

const thousandfold = variant('quadratic-chased-1000', quadraticPair, {
  space: onLine(PAIR, scaled(quadratic(1.2), 1000)),
  lambdaRange: [50, 5000],
})

const thousandth = variant('two-modes-both-0.001', twoModes, {
  space: onLine(APART, scaled(linear(), 0.001)),
  judge: (u) => -0.001 * (u - 1.5) ** 2,
  lambdaRange: [5e-5, 5e-3],
})

const million = variant('tanh-judge-plus-1e6', tanhChased, { judge: (u) => 1e6 + tanhChased.judge(u, 0) })

const bothShifted = variant('linear-goal-tilt-plus-1e6', linearGoal, {
  ...TILT,
  space: onLine(UNIT, scaled(linear(), 1, 1e6)),
  judge: (u) => 1e6 - 1000 * (u - 1.5) ** 2,
})

/** Every problem, under the default target and sampler first. */
export const PROBLEMS: readonly TruthProblem[] = [
  ...[bumpFar, twoOptima, quadraticPair, twoModes, flat, rareMode],
  ...[linearGoal, rivals, tanhChased, bumpChased, exponentialChased, exponentialJudge, sharpJudge, lowEnd, highEnd],
  ...[rareGuided, unseenNoise, turnedPlane, planeBlobs, planeTanh],
  ...[thousandfold, thousandth, million, bothShifted],
  variant('two-modes-tilt', twoModes, TILT),
  variant('exponential-chased-tilt', exponentialChased, TILT),
  variant('noisy-judge-tilt', unseenNoise, TILT),
  variant('plane-blobs-tilt', planeBlobs, TILT),
  variant('quadratic-tilt-importance', quadraticPair, { ...TILT, estimator: 'importance' }),
  variant('linear-goal-penalty-3', linearGoal, { target: 'penalty', gamma: 3 }),
  variant('tanh-chased-penalty-10', tanhChased, { target: 'penalty', gamma: 10 }),
  variant('quadratic-penalty-100', quadraticPair, { target: 'penalty', gamma: 100 }),
  variant('plane-tanh-penalty-3', planeTanh, { target: 'penalty', gamma: 3, estimator: 'importance' }),
  variant('high-end-penalty-10', highEnd, { target: 'penalty', gamma: 10 }),
  variant('bump-eta-half', bumpFar, ETA_HALF),
  variant('two-modes-eta-half', twoModes, ETA_HALF),
  variant('turned-plane-eta-half', turnedPlane, ETA_HALF),
  variant('noisy-judge-eta-half', unseenNoise, ETA_HALF),
  variant('two-optima-rivals-eta-half', rivals, ETA_HALF),
  variant('exponential-judge-ddpm-large', exponentialJudge, LARGE),
  variant('two-optima-ddpm-large', twoOptima, LARGE),
  variant('plane-blobs-ddpm-large', planeBlobs, LARGE),
  variant('quadratic-ddpm-small', quadraticPair, { ...SMALL, steps: 20 }),
  variant('sharp-judge-ddpm-small', sharpJudge, { ...SMALL, steps: 18 }),
]

/** @throws an error that names what there is */
export function problemNamed(name: string): TruthProblem {
  const found = PROBLEMS.find((known) => known.name === name)
  if (found) return found
  throw new Error(`problems are ${PROBLEMS.map((known) => known.name).join(', ')}; got ${name}`)
}
