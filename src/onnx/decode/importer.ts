/**
 * How an operator of a file becomes calls of the graph's own operators. One importer for each operator whose form in files is not the form that
 * the graph has; an operator of the graph whose form is the file's needs none (`importNode`).
 *
 * **The contract.** An importer gets one call of the file, with every input already a symbolic tensor: its shape is known to the last extent, and
 * its numbers are too where they follow from initializers and shapes alone (`constant`). It gives back one tensor for each output that the file
 * names. It builds them by the functions of `graph/`, by `asWritten` (the graph's entry of the same name, with inputs and attributes changed) or by
 * `callEntry` (an entry of another name). It reads attributes by `call.attributes`; one that nothing has read is refused by name after it, so no
 * attribute is ever ignored. What it cannot do it refuses by `refused`, saying what is offered; the node's name is added, and all refusals of a file
 * come in one error. It never looks at the run's numbers, and makes no node that lacks a derivative where the operator has one.
 * Results of constants alone are folded after it: an importer needs no case for them, but that shapes and other integers are at hand by `constant`.
 */
import type { BilevelError, DType, Tensor } from '../../base/index.ts'
import { inputError } from '../../base/index.ts'
import type { Attribute, Attributes, SymbolicTensor } from '../../graph/index.ts'
import { callOf, constant, operatorFor } from '../../graph/index.ts'
import type { AttributeReader } from './attributes.ts'

/** One call of a file. */
export interface NodeCall {
  readonly operator: string
  /** '' for the standard domain. */
  readonly domain: string
  /** Version of the domain's operator set. */
  readonly opset: number
  /** Null where one is left out; the last ones may be missing. */
  readonly inputs: readonly (SymbolicTensor | null)[]
  readonly attributes: AttributeReader
  /** For each output whether anything may use it: a false one may be given as undefined. */
  readonly outputs: readonly boolean[]
}

/** Makes the outputs of a call, in the file's order; those at the end that the file does not name may be left out. */
export type Importer = (call: NodeCall) => readonly (SymbolicTensor | undefined)[]

/** Importers by operator: `Conv`, or with its domain `com.microsoft:QuickGelu`. */
export type ImporterTable = Readonly<Record<string, Importer>>

/** The operator set whose forms the graph's entries have: that in which files are written. */
const OWN_OPSET = 17

/** What an importer throws. */
export const refused = (message: string): BilevelError => inputError('onnx.operator', message)

/** An input that must be there. */
export function required({ inputs }: NodeCall, i: number, name: string): SymbolicTensor {
  const value = inputs[i]
  if (!value) throw refused(`its input '${name}' is absent`)
  return value
}

/** The value of an input that must be known beforehand. */
export function constantOf(value: SymbolicTensor, name: string): Tensor {
  if (value.constant) return value.constant
  throw refused(`its input '${name}' must follow from initializers and shapes, here it depends on the network's inputs`)
}

/** The numbers of an input that must be known beforehand; undefined where it is left out. */
export function numbersOf(value: SymbolicTensor | null | undefined, name: string): number[] | undefined {
  return value ? Array.from(constantOf(value, name).data as ArrayLike<number | bigint>, Number) : undefined
}

/** An entry of the graph, called as a file of operator set 17 would. */
export function callEntry(
  name: string,
  inputs: readonly (SymbolicTensor | null)[],
  attributes: Attributes = {},
  domain = '',
): SymbolicTensor[] {
  const operator = operatorFor(name, domain, domain === '' ? OWN_OPSET : 1)
  if (!operator) throw refused(`${name} is no operator of the graph`)
  return callOf(operator, { inputs, attributes, opset: OWN_OPSET })
}

/** Changes to a call. */
interface Changes {
  readonly inputs?: readonly (SymbolicTensor | null)[]
  /** Put in place of those of the file; undefined takes one away. */
  readonly attributes?: Readonly<Record<string, Attribute | undefined>>
}

/** The graph's entry of the same name, with the attributes that are not read yet. */
export function asWritten(call: NodeCall, { inputs = call.inputs, attributes = {} }: Changes = {}): SymbolicTensor[] {
  const all = { ...call.attributes.rest(), ...attributes }
  const given = Object.entries(all).filter((entry): entry is [string, Attribute] => entry[1] !== undefined)
  return callEntry(call.operator, inputs, Object.fromEntries(given), call.domain)
}

/** Integers as a constant of that element type. */
export function integerConstant(values: readonly number[], dtype: DType = 'int64'): SymbolicTensor {
  const data = dtype === 'int64' ? BigInt64Array.from(values, BigInt) : Int32Array.from(values)
  return constant({ dtype, shape: [values.length], data } as Tensor)
}
