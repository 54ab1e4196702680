/** Which pass of a step each call of its program belongs to, told from the graph alone: names are gone after lowering. */
import type { Graph, Node, SymbolicTensor } from '../../src/graph/index.ts'
import { nodesOf } from '../../src/graph/index.ts'

export const PASSES = ['forward', 'backward in x', 'backward in weights', 'joining of gradients', 'optimizer'] as const
export type Pass = (typeof PASSES)[number]

const makerOf = (value: SymbolicTensor | null): Node | undefined =>
  value?.source.kind === 'node' ? value.source.node : undefined

/** Where the gradients of all parameters are joined to the flat one: the longest Concat of that many elements. */
function joinOf(nodes: readonly Node[], parameters: number): Node | undefined {
  const joins = nodes.filter(
    ({ operator, outputs: [joined] }) => operator.name === 'Concat' && joined.rank === 1 && joined.size === parameters,
  )
  return joins.toSorted((a, b) => b.inputs.length - a.inputs.length)[0]
}

/**
 * Passes of a training step or of loss and gradient. Forward is what the loss and the statistics need. Of the rest before the gradients are joined, what
 * leads to one parameter only is its gradient, what leads to several is the cotangent on its way (with what of the forward pass is made again, and
 * weights turned around for it). What comes after is the optimizer.
 * @param graph lowered, with `loss` among its outputs
 * @param parameters elements of the flat weights
 */
export function passesOf(graph: Graph, parameters: number): ReadonlyMap<Node, Pass> {
  const nodes = nodesOf(Object.values(graph.outputs))
  const forwardOutputs = Object.entries(graph.outputs).flatMap(([name, value]) =>
    name === 'loss' || name === 'next.statistics' ? [value] : [],
  )
  const forward = new Set(nodesOf(forwardOutputs))
  const join = joinOf(nodes, parameters)
  const reached = new Map<Node, Set<number>>()
  join?.inputs.forEach((value, parameter) => {
    const maker = makerOf(value)
    if (maker) reached.set(maker, (reached.get(maker) ?? new Set()).add(parameter))
  })
  for (const node of nodes.toReversed()) {
    const parametersOfNode = reached.get(node)
    if (!parametersOfNode || forward.has(node)) continue
    for (const maker of node.inputs.map(makerOf)) {
      if (!maker) continue
      const ofMaker = reached.get(maker) ?? new Set()
      for (const parameter of parametersOfNode) ofMaker.add(parameter)
      reached.set(maker, ofMaker)
    }
  }
  const passOf = (node: Node): Pass => {
    if (forward.has(node)) return 'forward'
    if (node === join) return 'joining of gradients'
    const count = reached.get(node)?.size ?? 0
    return count === 0 ? 'optimizer' : count === 1 ? 'backward in weights' : 'backward in x'
  }
  return new Map(nodes.map((node) => [node, passOf(node)]))
}
