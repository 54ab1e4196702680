/**
 * What a generative bilevel problem is: min_q f(q, p) subject to p in argmin_p' g(q, p'). The upper variables q come in named
 * blocks; the lower solution p is an opaque state S of one of three kinds of lower problem. A new problem is a new value of these
 * types: nothing in this folder knows what q or p stand for. Xiao et al., ICML 2025 (arXiv 2502.08808), section 3.
 */
import { inputError } from '../base/index.ts'

/** Flat weights or a gradient in them. */
export type Vector = Float32Array | Float64Array

/** Values of the upper variables, by block. */
export type Upper<B extends string> = Readonly<Record<B, Float64Array>>

/** A gradient in the upper variables: a block that does not enter is absent. */
export type UpperGradient<B extends string> = Readonly<Partial<Record<B, Float64Array>>>

/** One block of upper variables: parallel arrays over its parameters. */
export interface UpperBlock {
  readonly names: readonly string[]
  /** Where tuning starts; feasible. */
  readonly initial: Float64Array
  readonly low: Float64Array
  readonly high: Float64Array
  /** Typical step of each parameter (> 0): the optimizer and the perturbations work on value / scale. */
  readonly scale: Float64Array
  /** Projection to the feasible set, where the box has further constraints. Default: clip to [low, high]. */
  readonly project?: (values: Float64Array) => Float64Array
}

export type Blocks<B extends string> = Readonly<Record<B, UpperBlock>>

/** Network evaluations, counted per image: forward 1, derivative in the input 1, derivative in the weights 1. */
export interface UpperCost {
  /** Of one `value`. */
  readonly value: number
  /** Of one `gradient` in the upper variables alone. */
  readonly gradient: number
  /** Of one `gradient` in the weights, with or without the upper variables. */
  readonly weightsGradient: number
  /** Of what is made for a sample key when it is first used, and kept for it. Default 0. */
  readonly perKey?: number
}

/** Which derivatives of the upper objective are wanted. */
export interface Wanted<B extends string> {
  readonly blocks: readonly B[]
  readonly weights: boolean
}

export interface UpperDerivatives<B extends string> {
  readonly value: number
  /** df/dq of each wanted block. */
  readonly upper: UpperGradient<B>
  /** df/dtheta, where wanted. */
  readonly weights?: Vector
}

/** The upper objective f(q, p). What is random in it is named by `sampleKey`: the same key, the same start noise and seeds. */
export interface UpperObjective<B extends string, S> {
  /** The blocks that enter f directly. */
  readonly blocks: readonly B[]
  readonly cost: UpperCost
  value(upper: Upper<B>, lower: S, sampleKey: number): Promise<number>
  /** Absent where no derivative is at hand (other people's networks). */
  gradient?(upper: Upper<B>, lower: S, sampleKey: number, wanted: Wanted<B>): Promise<UpperDerivatives<B>>
}

/** Reads and replaces the weights of a lower state; optimizer state and statistics stay. */
export interface WeightAccess<S> {
  /** The weights, not to be written to. */
  weights(state: S): Vector
  /** A state with these weights and everything else of `state`. */
  withWeights(state: S, weights: Vector): S
  /** Unit in which weights are perturbed by estimators without derivatives. Default 1. */
  readonly weightScale?: number
}

/** What g is, whichever way it is solved: its derivative in q at a solution, on a minibatch. */
export interface LowerObjective<B extends string, S, Batch> {
  /** The blocks that enter g. */
  readonly blocks: readonly B[]
  /**
   * Everything random in g: items, times and noise. The same `draw` number gives the same batch, and one batch serves y, z and
   * both terms of the gradient in q (common random numbers).
   */
  draw(draw: number): Batch | Promise<Batch>
  /** dg/dq of each of `blocks` at `state`, on `batch`. Leaves `state` as it is. */
  gradientInUpper(state: S, upper: Upper<B>, batch: Batch): Promise<UpperGradient<B>>
}

/** A lower problem solved by training: S holds weights, optimizer state and running statistics. */
export interface TrainedLower<B extends string, S, Batch> extends LowerObjective<B, S, Batch>, WeightAccess<S> {
  readonly kind: 'trained'
  readonly initial: S
  /**
   * One optimizer step on g(q, theta), with `extraGradient` (null: zeros) added to the gradient after its clipping, before the optimizer:
   * clipped together, z's loss would be scaled otherwise than y's.
   * `state` is left as it is: y and z both start from it. `loss`: g before the step.
   */
  step(
    state: S,
    upper: Upper<B>,
    batch: Batch,
    extraGradient: Vector | null,
  ): Promise<{ readonly state: S; readonly loss: number }>
  /** Makes the rest of the state fit its weights (running statistics of averaged weights). Default: nothing to do. */
  settle?(state: S, upper: Upper<B>): Promise<S>
  /** dg/dtheta at `state` on `batch`, before clipping: the hypergradients `implicit` and `unrolled` need it. Leaves `state` as it is. */
  gradientInWeights?(state: S, upper: Upper<B>, batch: Batch): Promise<Vector>
  /**
   * The minibatch at the same inputs with what the model itself says for its targets, so that g's gradient at `state` is 0 and its Hessian the Gauss-Newton matrix. Absent:
   * g has no targets.
   */
  ownTargets?(state: S, upper: Upper<B>, batch: Batch): Promise<Batch>
  /** By how much each step moves each weight for a lasting unit of gradient: the learning rate over the optimizer's own scaling; 0 for weights that do not move. Needed with `gradientInWeights`. */
  stepSizes?(state: S): Vector
  /**
   * The running mean of the gradients that the optimizer keeps, so that z keeps what the pull has put into it from one iteration to the next. Absent: z begins each with y's.
   */
  readonly runningGradient?: { read(state: S): Vector; replace(state: S, value: Vector): S }
  /** Share of the last step's direction that the next one keeps, in [0, 1). Default 0. */
  readonly momentum?: number
  /** Network evaluations of one `step`, of one `gradientInUpper`, of one `settle` (default 0), of one `gradientInWeights` (default that of `step`) and of one `ownTargets` (default 0). */
  readonly cost: {
    readonly step: number
    readonly gradientInUpper: number
    readonly settle?: number
    readonly gradientInWeights?: number
    readonly ownTargets?: number
  }
}

/** A lower problem with a solver of its own and no weights to train (a closed form, weighted samples). */
export interface SolvedLower<B extends string, S, Batch> extends LowerObjective<B, S, Batch> {
  readonly kind: 'solved'
  /** The minimiser of g(q, p) + pull f(q, p): y at pull 0, z at pull 1/gamma. */
  solve(upper: Upper<B>, pull: number, batch: Batch): Promise<S>
  /** Network evaluations of one `solve` and of one `gradientInUpper`. */
  readonly cost: { readonly solve: number; readonly gradientInUpper: number }
}

/** No lower problem: p is fixed (a pretrained network) and q enters the upper objective alone. */
export interface FrozenLower<S> {
  readonly kind: 'frozen'
  readonly state: S
}

export type LowerProblem<B extends string, S, Batch> =
  | TrainedLower<B, S, Batch>
  | SolvedLower<B, S, Batch>
  | FrozenLower<S>

export interface BilevelProblem<B extends string, S, Batch> {
  readonly blocks: Blocks<B>
  readonly objective: UpperObjective<B, S>
  readonly lower: LowerProblem<B, S, Batch>
}

/** Names of the blocks, in the order of the problem. */
export function blockNames<B extends string>(blocks: Blocks<B>): B[] {
  return Object.keys(blocks) as B[]
}

/** The blocks that enter the lower problem; none where it is frozen. */
export function lowerBlocks<B extends string, S, Batch>(lower: LowerProblem<B, S, Batch>): readonly B[] {
  return lower.kind === 'frozen' ? [] : lower.blocks
}

/**
 * Refuses a problem that cannot be tuned.
 * @throws `bilevel.block` if a block's arrays differ in length, a scale is not positive or the start is infeasible;
 *   `bilevel.unusedBlock` if a block enters neither level; `bilevel.unknownBlock` if a level names a block that is not there
 */
export function checkProblem<B extends string, S, Batch>(problem: BilevelProblem<B, S, Batch>): void {
  const names = blockNames(problem.blocks)
  for (const name of names) checkBlock(name, problem.blocks[name])
  const used = [...problem.objective.blocks, ...lowerBlocks(problem.lower)]
  for (const name of names) {
    if (used.includes(name)) continue
    const message = `a block of upper variables must enter the upper objective or the lower problem, '${name}' enters neither: leave it out`
    throw inputError('bilevel.unusedBlock', message)
  }
  for (const name of used) {
    if (names.includes(name)) continue
    throw inputError('bilevel.unknownBlock', `the levels may name the blocks ${names.join(', ')} only, got '${name}'`)
  }
}

function checkBlock(name: string, block: UpperBlock): void {
  const { names, initial, low, high, scale } = block
  const lengths = [initial.length, low.length, high.length, scale.length]
  if (lengths.some((length) => length !== names.length)) {
    const message = `block '${name}' names ${names.length} parameters; initial, low, high and scale must be as long, got ${lengths.join(', ')}`
    throw inputError('bilevel.block', message)
  }
  names.forEach((parameter, i) => {
    if (!(scale[i] > 0)) {
      throw inputError('bilevel.block', `the step scale of ${name}.${parameter} must be positive, got ${scale[i]}`)
    }
    if (!(initial[i] >= low[i] && initial[i] <= high[i])) {
      const message = `${name}.${parameter} must start in [${low[i]}, ${high[i]}], got ${initial[i]}`
      throw inputError('bilevel.block', message)
    }
  })
}
