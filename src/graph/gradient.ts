/** Reverse-mode differentiation: the derivative of a graph is another graph, made of the same operators. */
import type { BilevelError } from '../base/index.ts'
import { inputError, internalError, sameShape } from '../base/index.ts'
import { nodesOf } from './graph.ts'
import { stopsGradient } from './ops/cast.ts'
import { add, isFloat } from './ops/elementwise.ts'
import type { Node } from './symbolic.ts'
import { constant, type SymbolicTensor } from './symbolic.ts'
import { filledTensor } from './values.ts'

/**
 * Vector-Jacobian products: sum over outputs of cotangent times Jacobian, for each of `wrt`. Where an output does not depend on a
 * variable the result is a constant zero tensor.
 * @param outputs   float tensors
 * @param cotangents one per output, of the same shape
 * @param wrt       graph inputs or any intermediate tensors (an intermediate is treated as independent of what made it)
 * @throws `graph.derivative` if a path from `wrt` to an output passes an operator without a derivative (comparisons, indices and
 *   steps such as Sign may stand beside a smooth path, not in its place); `graph.cotangent` if a cotangent is not of its output's type
 */
export function vjp(
  outputs: readonly SymbolicTensor[],
  cotangents: readonly SymbolicTensor[],
  wrt: readonly SymbolicTensor[],
): SymbolicTensor[] {
  checkCotangents(outputs, cotangents)
  const targets = new Set(wrt)
  const nodes = nodesOf(outputs)
  const dependent = dependentsOf(nodes, wrt)
  const gradients = new Map<SymbolicTensor, SymbolicTensor>()
  const accumulate = (value: SymbolicTensor, gradient: SymbolicTensor) => {
    const before = gradients.get(value)
    gradients.set(value, before ? add(before, gradient) : gradient)
  }
  outputs.forEach((output, i) => {
    if (dependent.has(output)) accumulate(output, cotangents[i])
  })
  for (const node of nodes.toReversed()) {
    const received = node.outputs.map((output) => (targets.has(output) ? null : (gradients.get(output) ?? null)))
    if (received.every((gradient) => gradient === null)) continue
    const wanted = node.inputs.map((value) => value !== null && dependent.has(value))
    if (!wanted.some(Boolean)) continue
    pullBack(node, received, wanted).forEach((gradient, i) => {
      const value = node.inputs[i]
      if (gradient && value && wanted[i]) accumulate(value, gradient)
    })
  }
  refuseCutPaths(nodes, outputs, wrt, (value) => gradients.has(value))
  return wrt.map((value) => gradients.get(value) ?? constant(filledTensor(value.dtype, value.shape, 0)))
}

/** The float tensors that depend on one of `wrt`, themselves included. */
function dependentsOf(nodes: readonly Node[], wrt: readonly SymbolicTensor[]): ReadonlySet<SymbolicTensor> {
  const integer = wrt.find((value) => !isFloat(value))
  if (integer) {
    throw inputError('graph.derivative', `a derivative is taken in float tensors, got ${integer.dtype}; use cast`)
  }
  const dependent = new Set(wrt)
  for (const node of nodes) {
    if (stopsGradient(node) || node.operator.isStep || !node.inputs.some((value) => value && dependent.has(value)))
      continue
    for (const output of node.outputs) if (isFloat(output)) dependent.add(output)
  }
  return dependent
}

/**
 * Operator calls that keep a derivative from existing: they lie between `wrt` and a float output, change float numbers into float numbers, and have
 * no derivative of their own; steps, where one of `wrt` reaches the outputs by nothing smooth. What is empty may still be refused by `vjp`, where all
 * that leads on is a choice of indices.
 */
export function nodesWithoutDerivative(
  outputs: readonly SymbolicTensor[],
  wrt: readonly SymbolicTensor[],
): readonly Node[] {
  const nodes = nodesOf(outputs)
  const dependent = dependentsOf(nodes, wrt)
  const cut = new Set(wrt.flatMap((value) => stepsInTheWay(nodes, outputs, value)))
  return nodes.filter(
    (node) =>
      cut.has(node) ||
      (!node.operator.differentiate &&
        node.outputs.some((value) => dependent.has(value)) &&
        node.inputs.some((value) => value && dependent.has(value))),
  )
}

/** The steps at which every path from a variable to the outputs ends; none where one leads on. */
function stepsInTheWay(nodes: readonly Node[], outputs: readonly SymbolicTensor[], wrt: SymbolicTensor): Node[] {
  const dependent = dependentsOf(nodes, [wrt])
  if (outputs.some((output) => dependent.has(output))) return []
  return nodes.filter(
    ({ operator, inputs }) => operator.isStep && inputs.some((value) => value && dependent.has(value)),
  )
}

function checkCotangents(outputs: readonly SymbolicTensor[], cotangents: readonly SymbolicTensor[]): void {
  outputs.forEach((output, i) => {
    const given = cotangents[i]
    if (given?.dtype === output.dtype && sameShape(given.shape, output.shape)) return
    const came = given ? `${given.dtype}[${given.shape}]` : 'nothing'
    throw inputError(
      'graph.cotangent',
      `cotangent ${i} must be ${output.dtype}[${output.shape}] like its output, got ${came}`,
    )
  })
}

/**
 * A step function or a choice of an index may stand beside a smooth path (a mask), but a variable that reaches the outputs through
 * nothing else would silently get a zero: an accuracy is no objective for derivatives.
 */
function refuseCutPaths(
  nodes: readonly Node[],
  outputs: readonly SymbolicTensor[],
  wrt: readonly SymbolicTensor[],
  hasGradient: (value: SymbolicTensor) => boolean,
): void {
  const targets = new Set(wrt)
  const reached = new Set(wrt.filter((value) => !hasGradient(value)))
  if (reached.size === 0) return
  let cut: Node | undefined
  for (const node of nodes) {
    const through = node.inputs.filter((value) => value && reached.has(value))
    if (through.length === 0 || stopsGradient(node)) continue
    const isCut = node.operator.isStep || !node.outputs.some(isFloat)
    if (through.some((value) => value && isFloat(value)) && isCut) cut ??= node
    for (const output of node.outputs) if (!targets.has(output)) reached.add(output)
  }
  if (cut && outputs.some((output) => reached.has(output))) throw noDerivative(cut)
}

function noDerivative({ operator }: Node): BilevelError {
  return inputError(
    'graph.derivative',
    `${operator.name} has no derivative, yet the output depends on the variable through it; ` +
      'take it out of the differentiated path or use an estimator that needs no derivative',
  )
}

function pullBack(node: Node, cotangents: readonly (SymbolicTensor | null)[], wanted: readonly boolean[]) {
  const { operator, inputs, outputs, attributes } = node
  if (!operator.differentiate) throw noDerivative(node)
  const results = operator.differentiate({ inputs, outputs, attributes, cotangents, wanted })
  results.forEach((gradient, i) => {
    const value = inputs[i]
    if (gradient && value && wanted[i] && !sameShape(gradient.shape, value.shape)) {
      throw internalError(`${operator.name} gave input ${i} of shape [${value.shape}] a cotangent [${gradient.shape}]`)
    }
  })
  return results
}

/** Gradient of a scalar float tensor. @throws `graph.scalar` if `value` has more than one element */
export function gradient(value: SymbolicTensor, wrt: readonly SymbolicTensor[]): SymbolicTensor[] {
  if (value.size !== 1) {
    throw inputError('graph.scalar', `gradient needs a scalar, got shape [${value.shape}]; use vjp with a cotangent`)
  }
  return vjp([value], [constant(filledTensor(value.dtype, value.shape, 1))], wrt)
}
