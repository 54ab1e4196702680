/** Composite operators in terms of standard ONNX ones. */
import type { Graph } from './graph.ts'
import { nodesOf, rewrite } from './graph.ts'
import type { Operator } from './symbolic.ts'

/**
 * Replaces every composite operator by its expansion, again and again until none is left.
 * @param keep composites to leave as they are, for a runtime that has a faster form of its own
 */
export function expandComposites<I extends string, O extends string>(
  graph: Graph<I, O>,
  keep: (operator: Operator) => boolean = () => false,
): Graph<I, O> {
  const expands = (operator: Operator) => operator.expand !== undefined && !keep(operator)
  let expanded = graph
  while (nodesOf(Object.values(expanded.outputs)).some(({ operator }) => expands(operator))) {
    expanded = rewrite(expanded, ({ operator, attributes }, inputs) =>
      expands(operator) ? operator.expand?.(inputs, attributes) : undefined,
    )
  }
  return expanded
}
