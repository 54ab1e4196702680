/**
 * What an operator is: one entry that holds its shape rule, its derivative rule, its slow float64 reference evaluation and its
 * ONNX attributes. Adding an operator is adding one entry under `ops/`.
 */
import type { DType, Shape } from '../base/index.ts'
import { BilevelError, inputError } from '../base/index.ts'
import type { Attribute, Attributes, Node, TensorType } from './symbolic.ts'
import { SymbolicTensor } from './symbolic.ts'

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

/** An operator. `A` is the type of its attributes, all of them always present. */
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
  /** Composite only: the same outputs in terms of standard ONNX operators. */
  expand?(inputs: readonly (SymbolicTensor | null)[], attributes: A): SymbolicTensor[]
}

/** All operators by `domain:name`. */
const registry = new Map<string, Operator>()

/** An operator as it is written down: what is not said is usual, and an attribute that must be there is its kind. */
export type OperatorDefinition<A extends Attributes> = Omit<Operator<A>, 'domain' | 'since' | 'attributes'> &
  Partial<Pick<Operator<A>, 'domain' | 'since'>> & {
    readonly attributes?: Readonly<Record<string, AttributeKind | AttributeContract>>
  }

/** An operator with all that its definition leaves out: the standard domain, from its first version, without attributes. */
export function operatorOf<A extends Attributes>(definition: OperatorDefinition<A>): Operator<A> {
  const attributes = Object.entries(definition.attributes ?? {}).map(([name, contract]) => [
    name,
    typeof contract === 'string' ? { kind: contract } : contract,
  ])
  return { domain: '', since: 1, ...definition, attributes: Object.fromEntries(attributes) }
}

/** Registers an operator and gives it back. */
export function defineOperator<A extends Attributes>(definition: OperatorDefinition<A>): Operator<A> {
  const operator = operatorOf(definition)
  registry.set(`${operator.domain}:${operator.name}`, operator as unknown as Operator)
  return operator
}

/**
 * The entry for an operator of a file.
 * @param opset version of the domain's operator set that the file imports
 * @returns undefined where there is none, or none of the form that the operator has in that version
 */
export function operatorFor(name: string, domain: string, opset: number): Operator | undefined {
  const found = registry.get(`${domain}:${name}`)
  const fits = found && opset >= found.since && opset <= (found.until ?? opset)
  return fits ? found : undefined
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
