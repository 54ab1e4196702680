/**
 * The intermediate form: symbolic tensors and the operator calls (nodes) that make them. Immutable, in single assignment form,
 * a subset of ONNX plus a few composite operators that expand into it. There is no global state: a graph is whatever is
 * reachable from its outputs.
 */
import type { DType, Shape, Tensor } from '../base/index.ts'
import { inputError, sizeOf } from '../base/index.ts'
import type { Operator } from './operator.ts'
import { tensorOf } from './values.ts'

/** Element type and shape. */
export interface TensorType<D extends DType = DType> {
  readonly dtype: D
  readonly shape: Shape
}

/** An attribute of an operator call. */
export type Attribute = number | string | readonly number[] | Tensor
export type Attributes = Readonly<Record<string, Attribute>>

/** One operator call. Optional inputs left out are null. */
export interface Node {
  readonly operator: Operator
  readonly inputs: readonly (SymbolicTensor | null)[]
  readonly attributes: Attributes
  readonly outputs: readonly SymbolicTensor[]
}

/** Where a symbolic tensor comes from. */
export type Source =
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'constant'; readonly value: Tensor; readonly frozen: boolean }
  | { readonly kind: 'node'; readonly node: Node; readonly index: number }

/** A tensor whose numbers are not known yet, only its element type, its shape and how it is made. */
export class SymbolicTensor implements TensorType {
  readonly dtype: DType
  readonly shape: Shape
  readonly source: Source

  constructor(type: TensorType, source: Source) {
    this.dtype = type.dtype
    this.shape = type.shape
    this.source = source
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape)
  }

  /** Whether it is frozen weights, or was made of such. */
  get frozen(): boolean {
    return this.source.kind === 'constant' && this.source.frozen
  }

  /** The value, if it is a constant. */
  get constant(): Tensor | undefined {
    return this.source.kind === 'constant' ? this.source.value : undefined
  }
}

/** A named graph input. @throws `graph.shape` unless all extents are integers of at least 0 */
export function input(name: string, shape: Shape, dtype: DType = 'float32'): SymbolicTensor {
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
    throw inputError('graph.shape', `input '${name}': extents must be integers of at least 0, got [${shape}]`)
  }
  return new SymbolicTensor({ dtype, shape }, { kind: 'input', name })
}

/** A constant tensor. Weights of a network that learns no more: `frozenWeights`. */
export function constant(value: Tensor): SymbolicTensor {
  return new SymbolicTensor({ dtype: value.dtype, shape: value.shape }, { kind: 'constant', value, frozen: false })
}

/** A constant that is weights of a network which learns no more: engines pack and fold it, at the cost of a slower load. `bind` makes these. */
export function frozenWeights(value: Tensor): SymbolicTensor {
  return new SymbolicTensor({ dtype: value.dtype, shape: value.shape }, { kind: 'constant', value, frozen: true })
}

/** A constant scalar, float32 unless told otherwise. */
export function scalar(value: number, dtype: DType = 'float32'): SymbolicTensor {
  return constant(tensorOf(dtype, [], [value]))
}
