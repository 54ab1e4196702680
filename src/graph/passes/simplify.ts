/** All passes that make a graph smaller without changing what it computes. */
import type { Graph } from '../graph.ts'
import { nodesOf, rewrite } from '../graph.ts'
import { commonRule } from './eliminateCommon.ts'
import { foldingRule } from './foldConstants.ts'
import { neutralRule } from './neutral.ts'

/** Passes over the graph at most: each one finds what the one before made possible. */
const ROUNDS = 4

/** Folds constants, drops calls that change nothing, merges equal calls; repeated until the graph stops shrinking. */
export function simplify<I extends string, O extends string>(graph: Graph<I, O>): Graph<I, O> {
  const size = (of: Graph) => nodesOf(Object.values(of.outputs)).length
  let simplified = graph
  for (let round = 0; round < ROUNDS; round++) {
    const fold = foldingRule()
    const common = commonRule()
    const next = rewrite(
      simplified,
      (node, inputs) => fold(node, inputs) ?? neutralRule(node, inputs) ?? common(node, inputs),
    )
    const shrunk = size(next) < size(simplified)
    simplified = next
    if (!shrunk) break
  }
  return simplified
}
