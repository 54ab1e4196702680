/** Who takes a tensor, and who makes it: what a pass asks before it moves work. */
import type { Graph } from '../graph.ts'
import { nodesOf } from '../graph.ts'
import type { Node, SymbolicTensor } from '../symbolic.ts'

/** How many calls and outputs of the graph take each tensor. */
export type Uses = ReadonlyMap<SymbolicTensor, number>

export function usesOf(graph: Graph): Uses {
  const outputs = Object.values(graph.outputs)
  const uses = new Map<SymbolicTensor, number>()
  const count = (value: SymbolicTensor | null) => value && uses.set(value, (uses.get(value) ?? 0) + 1)
  outputs.forEach(count)
  for (const node of nodesOf(outputs)) node.inputs.forEach(count)
  return uses
}

/** The call that makes a tensor, if it is one of that operator. */
export function madeBy(value: SymbolicTensor | null | undefined, name: string, domain = ''): Node | undefined {
  if (value?.source.kind !== 'node') return undefined
  const { node } = value.source
  return node.operator.name === name && node.operator.domain === domain ? node : undefined
}
