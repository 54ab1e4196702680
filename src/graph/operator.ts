/** The table of operators, and their calls. Adding an operator is adding one entry under `ops/`. */
import { BilevelError, inputError } from '../base/index.ts'
import type { AttributeContract, AttributeKind, Attributes, Node, Operator, TensorType } from './symbolic.ts'
import { SymbolicTensor } from './symbolic.ts'

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
