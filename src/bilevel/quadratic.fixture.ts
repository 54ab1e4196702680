/**
 * A bilevel problem with everything in closed form, for tests: theta in R^3, an upper block `a` in R^2 that enters both levels (or the
 * lower alone), a block `b` that enters f alone.
 *
 *     g(q, theta) = 1/2 theta' H theta - theta' B a,    f = 1/2 |theta - t|^2 + rho/2 |a - s|^2 + 1/2 |b - c theta_1|^2
 *
 * H diagonal. y = H^-1 B a; z solves (H + J/gamma) z = B a + r/gamma. A minibatch perturbs H and B, so its gradient is noisy.
 */
import { randomStream } from '../base/index.ts'
import type { BilevelProblem, TrainedLower, Upper, UpperObjective, Vector } from './index.ts'

export type QuadraticBlock = 'a' | 'b'

/** Weights and a momentum, so that twins must share an optimizer state. */
export interface QuadraticState {
  readonly weights: Float64Array
  readonly momentum: Float64Array
}

export interface QuadraticBatch {
  /** Relative perturbation of the 3 diagonal entries of H and the 6 of B. */
  readonly noise: Float64Array
}

export interface QuadraticOptions {
  readonly hessian?: readonly number[]
  /** Step of the lower optimizer on each weight. Default: 1 / curvature, times `newton`. */
  readonly rate?: number
  readonly newton?: number
  readonly momentum?: number
  /** Whether z keeps its momentum. */
  readonly keepsMomentum?: boolean
  /** Standard deviation of the minibatch's perturbation. */
  readonly noise?: number
  /** Standard deviation, as a share, of f's samples. */
  readonly sampleNoise?: number
  /** 0: f does not pull at all. */
  readonly pull?: number
  /** Whether `a` enters f. */
  readonly tied?: boolean
}

const B = [
  [1, -0.4],
  [0.3, 0.8],
  [-0.6, 0.5],
]
const TARGET = [0.7, -0.2, 0.4]
const RHO = 0.3
const S = [0.2, -0.5]
const C = 1.5

export const quadraticHessian = [1, 2, 0.5]

export function quadraticProblem(options: QuadraticOptions = {}): BilevelProblem<
  QuadraticBlock,
  QuadraticState,
  QuadraticBatch
> & {
  readonly lower: TrainedLower<QuadraticBlock, QuadraticState, QuadraticBatch>
} {
  const box = (size: number) => ({ low: new Float64Array(size).fill(-3), high: new Float64Array(size).fill(3) })
  return {
    blocks: {
      a: { names: ['a1', 'a2'], initial: Float64Array.of(1, 0.5), scale: Float64Array.of(0.2, 0.1), ...box(2) },
      b: { names: ['b1'], initial: Float64Array.of(-1), scale: Float64Array.of(0.5), ...box(1) },
    },
    objective: quadraticObjective(options),
    lower: quadraticLower(options),
  }
}

function quadraticLower({
  hessian = quadraticHessian,
  rate,
  newton = 1,
  momentum = 0,
  keepsMomentum = false,
  noise = 0,
}: QuadraticOptions): TrainedLower<QuadraticBlock, QuadraticState, QuadraticBatch> {
  return {
    kind: 'trained',
    blocks: ['a'],
    initial: { weights: new Float64Array(3), momentum: new Float64Array(3) },
    cost: { step: 3, gradientInUpper: 2 },
    draw: (draw) => ({
      noise: randomStream({ seed: 5, purpose: 'quadratic', step: draw })
        .normal(new Float64Array(9))
        .map((u) => 1 + noise * u),
    }),
    async step({ weights, momentum: before }, { a }, batch, extra) {
      const gradient = weights.map(
        (w, i) => hessian[i] * batch.noise[i] * w - dot(noisyRow(i, batch), a) + (extra?.[i] ?? 0),
      )
      const next = before.map((m, i) => momentum * m + gradient[i])
      const loss = weights.reduce((sum, w, i) => sum + (w * (gradient[i] - dot(noisyRow(i, batch), a))) / 2, 0)
      const moved = weights.map((w, i) => w - (rate ?? newton / hessian[i]) * next[i])
      return { state: { weights: moved, momentum: next }, loss }
    },
    gradientInWeights: async ({ weights }, { a }, batch) =>
      weights.map((w, i) => hessian[i] * batch.noise[i] * w - dot(noisyRow(i, batch), a)),
    stepSizes: () => Float64Array.from(hessian, (h) => (rate ?? newton / h) / (1 - momentum)),
    momentum,
    ...(keepsMomentum && {
      runningGradient: {
        read: ({ momentum: kept }: QuadraticState) => kept,
        replace: (state: QuadraticState, value: Vector) => ({ ...state, momentum: Float64Array.from(value) }),
      },
    }),
    async gradientInUpper({ weights }, _, batch) {
      const a = new Float64Array(2)
      weights.forEach((w, i) => {
        noisyRow(i, batch).forEach((value, j) => {
          a[j] -= w * value
        })
      })
      return { a }
    },
    weights: ({ weights }) => weights,
    withWeights: (state, weights) => ({ ...state, weights: Float64Array.from(weights) }),
  }
}

function noisyRow(i: number, { noise }: QuadraticBatch): number[] {
  return B[i].map((value, j) => value * noise[3 + 2 * i + j])
}

function quadraticObjective({
  sampleNoise = 0,
  pull = 1,
  tied = true,
}: QuadraticOptions): UpperObjective<QuadraticBlock, QuadraticState> {
  const target = (key: number) => {
    const u = randomStream({ seed: 9, purpose: 'quadratic.samples', step: key }).normal(new Float64Array(3))
    return TARGET.map((t, i) => t + sampleNoise * u[i])
  }
  const value = ({ a, b }: Upper<QuadraticBlock>, w: Vector, t: number[]) =>
    (pull / 2) * (square(w, t) + (b[0] - C * w[0]) ** 2) + (tied ? (RHO / 2) * square(a, S) : 0)
  return {
    blocks: tied ? ['a', 'b'] : ['b'],
    cost: { value: 10, gradient: 30, weightsGradient: 40 },
    value: async (upper, { weights }, key) => value(upper, weights, target(key)),
    async gradient(upper, { weights }, key, wanted) {
      const t = target(key)
      const { a, b } = upper
      const miss = pull * (b[0] - C * weights[0])
      const all = { a: a.map((v, i) => (tied ? RHO * (v - S[i]) : 0)), b: Float64Array.of(miss) }
      const dweights = weights.map((w, i) => pull * (w - t[i]) - (i === 0 ? C * miss : 0))
      return {
        value: value(upper, weights, t),
        upper: Object.fromEntries(wanted.blocks.map((block) => [block, all[block]])),
        ...(wanted.weights && { weights: dweights }),
      }
    },
  }
}

const dot = (x: readonly number[], y: Float64Array) => x.reduce((sum, v, i) => sum + v * y[i], 0)
const square = (x: ArrayLike<number>, y: readonly number[]) => y.reduce((sum, v, i) => sum + (x[i] - v) ** 2, 0)

/** theta at the minimum of g + pull f, without noise: y at pull 0, z at 1/gamma. */
export function quadraticSolution(
  { a, b }: Upper<QuadraticBlock>,
  pull: number,
  hessian: readonly number[] = quadraticHessian,
): Float64Array {
  return Float64Array.from(hessian, (h, i) => {
    const curvature = h + pull * (1 + (i === 0 ? C * C : 0))
    return (dot(B[i], a) + pull * (TARGET[i] + (i === 0 ? C * b[0] : 0))) / curvature
  })
}

/** grad F_gamma / gamma in closed form; `tied`: whether `a` enters f. */
export function quadraticPenaltyGradient(
  upper: Upper<QuadraticBlock>,
  gamma: number,
  tied = true,
): Upper<QuadraticBlock> {
  const y = quadraticSolution(upper, 0)
  const z = quadraticSolution(upper, 1 / gamma)
  const offset = z.map((v, i) => v - y[i])
  const a = upper.a.map((v, j) => {
    const indirect = B.reduce((sum, row, i) => sum - row[j] * offset[i], 0)
    return indirect + (tied ? (RHO * (v - S[j])) / gamma : 0)
  })
  return { a, b: Float64Array.of((upper.b[0] - C * z[0]) / gamma) }
}

/** The total derivative of f(q, y(q)), which the penalty gradient times gamma tends to. */
export function quadraticTotalGradient(upper: Upper<QuadraticBlock>): Upper<QuadraticBlock> {
  const y = quadraticSolution(upper, 0)
  const miss = upper.b[0] - C * y[0]
  const dtheta = y.map((v, i) => v - TARGET[i] - (i === 0 ? C * miss : 0))
  const a = upper.a.map(
    (v, j) => RHO * (v - S[j]) + B.reduce((sum, row, i) => sum + (dtheta[i] * row[j]) / quadraticHessian[i], 0),
  )
  return { a, b: Float64Array.of(miss) }
}
