/** All passes that make a graph smaller without changing what it computes. */
import type { Graph } from '../graph.ts'
import { rewrite } from '../graph.ts'
import { commonRule } from './eliminateCommon.ts'
import { foldingRule } from './foldConstants.ts'
import { neutralRule } from './neutral.ts'

/** Passes over the graph at most: each one finds what the one before made possible. */
const ROUNDS = 4

/** Folds constants, drops calls that change nothing, merges equal calls; repeated until nothing is folded or dropped. */
export function simplify<I extends string, O extends string>(graph: Graph<I, O>): Graph<I, O> {
  let simplified = graph
  for (let round = 0; round < ROUNDS; round++) {
    const fold = foldingRule()
    const common = commonRule()
    let replaced = 0
    simplified = rewrite(simplified, (node, inputs) => {
      const simpler = fold(node, inputs) ?? neutralRule(node, inputs)
      if (simpler) replaced++
      return simpler ?? common(node, inputs)
    })
    if (replaced === 0) break
  }
  return simplified
}

/** One round without folding constants: calls that change nothing dropped, equal ones merged. */
export function tidy<I extends string, O extends string>(graph: Graph<I, O>): Graph<I, O> {
  const common = commonRule()
  return rewrite(graph, (node, inputs) => neutralRule(node, inputs) ?? common(node, inputs))
}
