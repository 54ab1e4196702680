/** Replaces composite operators by the standard operators they stand for. */
import type { Graph } from '../graph/index.ts'
import { nodesOf, rewrite } from '../graph/index.ts'

/** The same graph without composites, nested ones included. */
export function expandComposites<I extends string, O extends string>(graph: Graph<I, O>): Graph<I, O> {
  let expanded = graph
  while (nodesOf(Object.values(expanded.outputs)).some((node) => node.operator.expand)) {
    expanded = rewrite(expanded, (node, inputs) => node.operator.expand?.(inputs, node.attributes))
  }
  return expanded
}
