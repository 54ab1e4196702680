/**
 * A call as a file writes it, by the contract of its operator: what it leaves out filled in, what the entry does not offer refused. So a reader of
 * files needs no table of its own.
 */
import { inputError } from '../base/index.ts'
import { apply } from './operator.ts'
import type { Attribute, Attributes, ForInputs, Operator, SymbolicTensor } from './symbolic.ts'

type Inputs = readonly (SymbolicTensor | null)[]

/** A call as a file has it. */
export interface WrittenCall {
  /** Null where the file names none; the last ones may be missing. */
  readonly inputs: Inputs
  readonly attributes: Attributes
  /** Version of the operator set that the file imports. */
  readonly opset: number
}

/**
 * Calls an operator as a file has it.
 * @throws `graph.inputs` where an input is missing or there are too many; `graph.attribute` where one is missing, not known in that version, or
 * asks for what the entry does not offer; `graph.shape`
 * @example callOf(operatorFor('Gemm', '', 17)!, { inputs: [x, w], attributes: { transB: 1 }, opset: 17 })
 */
export function callOf(operator: Operator, { inputs, attributes, opset }: WrittenCall): SymbolicTensor[] {
  const all = checkedInputs(operator, inputs)
  checkAttributes(operator, attributes, all, opset)
  const filled = Object.entries(operator.attributes).map(([name, contract]): [string, Attribute] => {
    const value = attributes[name] ?? valueFor(contract.default, all)
    if (value !== undefined) return [name, value]
    throw inputError('graph.attribute', `${operator.name} needs the attribute '${name}', which the file leaves out`)
  })
  return apply(operator, all, Object.fromEntries(filled))
}

const valueFor = <T>(value: ForInputs<T> | undefined, inputs: Inputs): T | undefined =>
  typeof value === 'function' ? (value as (inputs: Inputs) => T)(inputs) : value

/** The inputs, null for each one that is left out at the end. */
function checkedInputs({ name, inputs: declared }: Operator, inputs: Inputs): Inputs {
  if (!declared) return inputs
  const last = declared.at(-1) ?? ''
  const wrong = (why: string) => inputError('graph.inputs', `${name} takes ${declared.join(', ') || 'nothing'}; ${why}`)
  if (last.endsWith('...')) {
    if (inputs.length < declared.length || inputs.includes(null))
      throw wrong(`got ${inputs.length}, none may be absent`)
    return inputs
  }
  if (inputs.length > declared.length) throw wrong(`got ${inputs.length} inputs`)
  declared.forEach((input, i) => {
    if (!input.endsWith('?') && !inputs[i]) throw wrong(`'${input}' is absent`)
  })
  return inputs
}

function checkAttributes(
  { name, attributes: known, assumed = {} }: Operator,
  given: Attributes,
  inputs: Inputs,
  opset: number,
) {
  for (const [attribute, value] of Object.entries(given)) {
    const contract = known[attribute]
    if (contract && opset >= (contract.since ?? opset)) continue
    if (contract) {
      const from = `from operator set ${contract.since} on, the file has ${opset}`
      throw inputError('graph.attribute', `${name} has the attribute '${attribute}' ${from}`)
    }
    const wanted = valueFor(assumed[attribute], inputs)
    if (wanted !== undefined && wanted !== null && JSON.stringify(wanted) === JSON.stringify(value)) continue
    const offered =
      wanted === undefined ? 'is not known' : wanted === null ? 'is not offered' : `must be ${JSON.stringify(wanted)}`
    throw inputError(
      'graph.attribute',
      `${name}: the attribute '${attribute}' ${offered}, got ${JSON.stringify(value)}`,
    )
  }
}
