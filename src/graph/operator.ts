/**
 * What an operator is: one entry that holds its shape rule, its derivative rule, its slow float64 reference evaluation and its
 * ONNX attributes. Adding an operator is adding one entry under `ops/`.
 */
import type { DType, Shape } from '../base/index.ts'
import { BilevelError, inputError } from '../base/index.ts'
import type { Attributes, Node, TensorType } from './symbolic.ts'
import { SymbolicTensor } from './symbolic.ts'

/** How an attribute is written in an ONNX file. */
export type AttributeKind = 'int' | 'float' | 'string' | 'ints' | 'floats' | 'tensor'

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

/** An operator. `A` is the type of its attributes, all of them always present. */
export interface Operator<A extends Attributes = Attributes> {
  /** ONNX operator type, or the name of a composite. */
  readonly name: string
  /** ONNX domain: '' for the standard operators, 'com.microsoft', ...; 'composite' for one that `expand`s. */
  readonly domain: string
  readonly attributes: Readonly<Record<string, AttributeKind>>
  /** Shape rule: the output types, or an Error whose message says what must hold. Values of constant inputs may be read. */
  infer(inputs: readonly (SymbolicTensor | null)[], attributes: A): TensorType[]
  /** Reference evaluation in float64. */
  evaluate(inputs: readonly (Reference | null)[], attributes: A, types: readonly TensorType[]): Float64Array[]
  /** Vector-Jacobian product: for each input its cotangent, or null where the operator does not depend on it smoothly. */
  differentiate?(call: DerivativeCall<A>): (SymbolicTensor | null)[]
  /** Composite only: the same outputs in terms of standard ONNX operators. */
  expand?(inputs: readonly (SymbolicTensor | null)[], attributes: A): SymbolicTensor[]
}

/** All operators by `domain:name`. */
const registry = new Map<string, Operator>()

/** Registers an operator and gives it back. */
export function defineOperator<A extends Attributes>(
  definition: Omit<Operator<A>, 'domain' | 'attributes'> & Partial<Pick<Operator<A>, 'domain' | 'attributes'>>,
): Operator<A> {
  const operator: Operator<A> = { domain: '', attributes: {}, ...definition }
  registry.set(`${operator.domain}:${operator.name}`, operator as unknown as Operator)
  return operator
}

/** Every registered operator, for tests that cover all of them. */
export function allOperators(): readonly Operator[] {
  return [...registry.values()]
}

/** Calls of composed functions above the user's own that are looked through. */
const STACK_FRAMES = 50

/** First stack frame outside this folder: the line of the user's function. */
function userLine(): string {
  const usual = Error.stackTraceLimit
  Error.stackTraceLimit = STACK_FRAMES
  const { stack } = new Error('place')
  Error.stackTraceLimit = usual
  const frames = stack?.split('\n').filter((line) => /^\s*at /.test(line)) ?? []
  const frame = frames.find((line) => !/[\\/](src|dist)[\\/]graph[\\/]|\bnode:/.test(line))
  const place = frame?.match(/\((.+:\d+:\d+)\)$/)?.[1] ?? frame?.match(/at (?:async )?([^(]+:\d+:\d+)$/)?.[1]
  return place ? ` (at ${place.replace('file://', '')})` : ''
}

const describe = (type: TensorType | null) => (type ? `${type.dtype}[${type.shape}]` : 'none')

/**
 * Calls an operator on symbolic tensors.
 * @throws `graph.shape`: names the operator, the input shapes and the caller's line
 */
export function apply<A extends Attributes>(
  operator: Operator<A>,
  inputs: readonly (SymbolicTensor | null)[],
  attributes: A,
): SymbolicTensor[] {
  let types: TensorType[]
  try {
    types = operator.infer(inputs, attributes)
  } catch (error) {
    if (error instanceof BilevelError) throw error
    const message = error instanceof Error ? error.message : String(error)
    const place = userLine()
    throw inputError('graph.shape', `${operator.name}(${inputs.map(describe).join(', ')}): ${message}${place}`)
  }
  const outputs: SymbolicTensor[] = []
  const node: Node = { operator: operator as unknown as Operator, inputs, attributes, outputs }
  types.forEach((type, index) => {
    outputs.push(new SymbolicTensor(type, { kind: 'node', node, index }))
  })
  return outputs
}
