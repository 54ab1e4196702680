/** Derivatives of a decoded model, with what is missing named as the file names it. */
import { inputError } from '../../base/index.ts'
import type { SymbolicTensor } from '../../graph/index.ts'
import { nodesWithoutDerivative, vjp } from '../../graph/index.ts'
import type { DecodedModel } from './decode.ts'
import { groupedNames } from './groupedNames.ts'

/** An operator of a model without a derivative where one is needed. */
export interface MissingDerivative {
  readonly operator: string
  /** What the file calls the node. */
  readonly node: string
}

/** Every node between `wrt` and the outputs that has no derivative, where it needs one. */
export function missingDerivatives(
  { nameOf }: Pick<DecodedModel, 'nameOf'>,
  outputs: readonly SymbolicTensor[],
  wrt: readonly SymbolicTensor[],
): readonly MissingDerivative[] {
  return nodesWithoutDerivative(outputs, wrt).map((node) => ({ operator: node.operator.name, node: nameOf(node) }))
}

/**
 * Vector-Jacobian products of a decoded model, one for each of `wrt`.
 * @throws `onnx.derivatives` listing every node without one; `graph.derivative` where the outputs depend on one of `wrt` by choices of indices alone
 */
export function decodedVjp(
  decoded: Pick<DecodedModel, 'nameOf'>,
  outputs: readonly SymbolicTensor[],
  cotangents: readonly SymbolicTensor[],
  wrt: readonly SymbolicTensor[],
): SymbolicTensor[] {
  const missing = missingDerivatives(decoded, outputs, wrt)
  if (missing.length > 0) {
    const named = groupedNames(missing.map(({ operator, node }) => ({ group: operator, node })))
    throw inputError(
      'onnx.derivatives',
      `every operator between an input and the output must have a derivative; these have none: ${named.join('; ')}`,
    )
  }
  return vjp(outputs, cotangents, wrt)
}
