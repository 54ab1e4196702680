/** Constant folding: what depends on constants alone is evaluated once, in float64, and rounded to its element type. */
import { sizeOf } from '../../base/index.ts'
import { toReference } from '../evaluate.ts'
import type { Graph, Rewrite } from '../graph.ts'
import { rewrite } from '../graph.ts'
import { constant, frozenWeights } from '../symbolic.ts'
import { tensorOf } from '../values.ts'

/** Results with more elements than this and than what they are made of stay nodes: a broadcast constant shall not swell the model. */
const FOLDING_LIMIT = 1 << 16

/** The rule of constant folding. */
export function foldingRule(limit: number = FOLDING_LIMIT): Rewrite {
  return (node, inputs) => {
    if (!inputs.every((value) => value === null || value.constant)) return undefined
    const largest = inputs.reduce((most, value) => Math.max(most, value?.size ?? 0), limit)
    if (node.outputs.some(({ shape }) => sizeOf(shape) > largest)) return undefined
    const values = inputs.map((value) => (value?.constant ? toReference(value.constant) : null))
    const results = node.operator.evaluate(values, node.attributes, node.outputs)
    const made = inputs.some((value) => value?.frozen) ? frozenWeights : constant
    return node.outputs.map(({ dtype, shape }, i) => made(tensorOf(dtype, shape, results[i])))
  }
}

/** Evaluates the nodes that depend on constants alone. @param limit largest result in elements */
export function foldConstants<I extends string, O extends string>(graph: Graph<I, O>, limit?: number): Graph<I, O> {
  return rewrite(graph, foldingRule(limit))
}
