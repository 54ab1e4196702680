/**
 * The intermediate form: symbolic tensors, the operator calls (nodes) that make them, and what an operator is. Immutable, in single
 * assignment form, a subset of ONNX plus a few composite operators that expand into it. There is no global state: a graph is whatever is
 * reachable from its outputs.
 */
import type { DType, Shape, Tensor } from '../base/index.ts'
import { inputError, sizeOf } from '../base/index.ts'
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

/** How an attribute is written in an ONNX file. */
export type AttributeKind = 'int' | 'float' | 'string' | 'ints' | 'floats' | 'tensor'

/** A value, or what it is for these inputs. */
export type ForInputs<T> = T | ((inputs: readonly (SymbolicTensor | null)[]) => T)

/** An attribute, as files hold it. */
export interface AttributeContract {
  readonly kind: AttributeKind
  /** What a file means that leaves it out. Absent: it must be there. */
  readonly default?: ForInputs<Attribute>
  /** First operator set that has it, where that is later than the operator's own `since`. */
  readonly since?: number
}

/**
 * A tensor in reference evaluation: every element type in float64 (int64 is exact below 2^53, bool is 0 or 1).
 * The dtype says what it stands for.
 */
export interface Reference {
  readonly dtype: DType
  readonly shape: Shape
  readonly data: Float64Array
}

/** What a derivative rule gets: the call and the cotangent of each output (null where nothing depends on it). */
export interface DerivativeCall<A extends Attributes = Attributes> {
  readonly inputs: readonly (SymbolicTensor | null)[]
  readonly outputs: readonly SymbolicTensor[]
  readonly attributes: A
  readonly cotangents: readonly (SymbolicTensor | null)[]
  /** Whether the derivative in that input is wanted: rules may skip the work for the others. */
  readonly wanted: readonly boolean[]
}

/**
 * An operator: one entry that holds its shape rule, its derivative rule, its slow float64 reference evaluation and its ONNX attributes.
 * `A` is the type of its attributes, all of them always present.
 */
export interface Operator<A extends Attributes = Attributes> {
  /** ONNX operator type, or the name of a composite. */
  readonly name: string
  /** ONNX domain: '' for the standard operators, 'com.microsoft', ...; 'composite' for one that `expand`s. */
  readonly domain: string
  /** First version of the domain's operator set whose form this entry is. */
  readonly since: number
  /** Last such version; absent: no later form is known. */
  readonly until?: number
  /** The inputs as ONNX names them: `B?` may be absent, `inputs...` stands for one or more. Not said of composites, which no file holds. */
  readonly inputs?: readonly string[]
  readonly attributes: Readonly<Record<string, AttributeContract>>
  /** Attributes that ONNX has and this entry does not, each with the one value that it takes them to have; null: it must be left out. */
  readonly assumed?: Readonly<Record<string, ForInputs<Attribute | null>>>
  /** Shape rule: the output types, or an Error whose message says what must hold. Values of constant inputs may be read. */
  infer(inputs: readonly (SymbolicTensor | null)[], attributes: A): TensorType[]
  /** Reference evaluation in float64. */
  evaluate(inputs: readonly (Reference | null)[], attributes: A, types: readonly TensorType[]): Float64Array[]
  /** Vector-Jacobian product: for each input its cotangent, or null where the operator does not depend on it smoothly. */
  differentiate?(call: DerivativeCall<A>): (SymbolicTensor | null)[]
  /** A step function, whose derivative is 0 wherever there is one: it may stand beside a smooth path, as a comparison may. */
  readonly isStep?: boolean
  /** Composite only: the same outputs in terms of standard ONNX operators. */
  expand?(inputs: readonly (SymbolicTensor | null)[], attributes: A): SymbolicTensor[]
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
