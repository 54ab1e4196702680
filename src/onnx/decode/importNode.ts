/** One call of a file in the graph's own operators: by its importer, or by the graph's entry where that has the file's form. Constants are folded. */
import type { Tensor } from '../../base/index.ts'
import { inputError, sizeOf } from '../../base/index.ts'
import type { SymbolicTensor } from '../../graph/index.ts'
import {
  callOf,
  constant,
  evaluateTensors,
  frozenWeights,
  operatorFor,
  recognized,
  tensorOf,
} from '../../graph/index.ts'
import type { NodeCall } from './importer.ts'
import { IMPORTERS } from './operators/index.ts'

/** How an operator is called in errors and in the table: with its domain, where that is not the standard one. */
export const operatorName = (domain: string, operator: string): string => (domain ? `${domain}:${operator}` : operator)

/** Whether an operator of a file can be brought in at all. */
export function isKnown(domain: string, operator: string, opset: number): boolean {
  return Object.hasOwn(IMPORTERS, operatorName(domain, operator)) || entryFor(domain, operator, opset) !== undefined
}

/** Composites of the graph are no operators of files. */
const entryFor = (domain: string, operator: string, opset: number) =>
  domain === 'composite' ? undefined : operatorFor(operator, domain, opset)

/** The outputs of a call. @throws what the importer or the shape rule refuses, without the node's name */
export function importNode(call: NodeCall): readonly (SymbolicTensor | undefined)[] {
  const { attributes, opset } = call
  const importer = IMPORTERS[operatorName(call.domain, call.operator)]
  const outputs = importer ? importer(call) : byEntry(call)
  const [unread] = attributes.unread()
  if (unread) {
    throw inputError(
      'onnx.attribute',
      `its attribute '${unread}' is not known of ${call.operator} in operator set ${opset}`,
    )
  }
  const whole = outputs.map((output) => output && recognized(output))
  return folded(call, whole)
}

function byEntry({ domain, operator, opset, inputs, attributes }: NodeCall): SymbolicTensor[] {
  const entry = entryFor(domain, operator, opset)
  if (!entry)
    throw inputError('onnx.operator', `${operatorName(domain, operator)} of operator set ${opset} is not offered`)
  return callOf(entry, { inputs, attributes: attributes.rest(), opset })
}

/** Results with more elements than this and than what they are made of stay calls: of floats, and of integers, which shapes need. */
const MOST_FLOATS = 2 ** 16
const MOST_INTEGERS = 2 ** 22

/** What constants alone make is computed here, in float64, and rounded to its element type. */
function folded(
  { inputs }: NodeCall,
  outputs: readonly (SymbolicTensor | undefined)[],
): readonly (SymbolicTensor | undefined)[] {
  if (!inputs.every((value) => !value || value.constant)) return outputs
  const largest = inputs.reduce((most, value) => Math.max(most, value?.size ?? 0), 0)
  const small = ({ dtype, shape }: SymbolicTensor) =>
    sizeOf(shape) <= Math.max(largest, dtype.startsWith('float') ? MOST_FLOATS : MOST_INTEGERS)
  const made = inputs.some((value) => value?.frozen) ? frozenWeights : constant
  return outputs.map((output) => {
    if (!output || output.constant || !small(output)) return output
    const [{ dtype, shape, data }] = evaluateTensors([output])
    return made(tensorOf(dtype, shape, data) as Tensor)
  })
}
