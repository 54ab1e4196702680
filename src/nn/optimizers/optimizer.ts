/**
 * What an optimizer is: a pure traced function of ONE flat parameter vector, its moment vectors and a gradient. It becomes part of
 * a compiled training step; its state is flat vectors that the caller keeps.
 */
import { inputError } from '../../base/index.ts'
import type { Named, SymbolicTensor } from '../../graph/index.ts'

/** Arguments of one update: flat float32 vectors [n], and two float32 scalars []. */
export interface OptimizerArguments {
  readonly weights: SymbolicTensor
  readonly gradient: SymbolicTensor
  /** The moment vectors under the names of `slots`; all zero before the first step. */
  readonly slots: Named
  readonly learningRate: SymbolicTensor
  /** Number of this step, 1 for the first. */
  readonly step: SymbolicTensor
}

export interface Optimizer {
  readonly name: string
  /** Names of the moment vectors, each the size of the weights. */
  readonly slots: readonly string[]
  /** Share of the last step's direction that the next one keeps, in [0, 1). */
  readonly momentum: number
  /** The moment vector that is a running mean (or sum) of gradients, linear in them; null: there is none. */
  readonly momentumSlot: string | null
  /**
   * By how much each further step moves each weight for a lasting unit of gradient, at learning rate 1; 0 for weights that do not move.
   * @param slots [n] each, after `step` >= 1 steps
   */
  unitSteps(slots: Readonly<Record<string, Float32Array>>, step: number, parameters: number): Float64Array
  /** New weights and moments. */
  update(args: OptimizerArguments): { readonly weights: SymbolicTensor; readonly slots: Named }
}

/** @throws `nn.optimizer` unless low <= value < high */
export function checkRange(name: string, value: number, low: number, high: number): void {
  if (value >= low && value < high) return
  throw inputError('nn.optimizer', `${name} must be at least ${low} and below ${high}, got ${value}`)
}
