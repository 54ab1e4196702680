/**
 * In which order a model lists its calls. ONNX Runtime runs them in an order of its own: depth first from the last call that nothing
 * takes, at every call first the input that stands last in the file (`Graph::ReverseDFSFrom`). Listed in the order of a trace, the
 * gradient of the first layer's weight comes before that of the last one's, and the cotangents of all layers between wait for theirs.
 */
import type { Node } from '../graph/index.ts'

const makersOf = ({ inputs }: Node): Set<Node> =>
  new Set(inputs.flatMap((value) => (value?.source.kind === 'node' ? [value.source.node] : [])))

/**
 * The calls, each after all it needs, with those that need little of what came before as late as they may be: the engine then runs
 * them as soon as it can, and what they take is free again.
 * @param nodes in any order in which each comes after all it needs
 */
export function engineOrder(nodes: readonly Node[]): Node[] {
  const makers = new Map(nodes.map((node) => [node, makersOf(node)]))
  const level = new Map<Node, number>()
  const takers = new Map<Node, number>()
  for (const [node, needed] of makers) {
    let highest = -1
    for (const maker of needed) {
      highest = Math.max(highest, level.get(maker) ?? 0)
      takers.set(maker, (takers.get(maker) ?? 0) + 1)
    }
    level.set(node, highest + 1)
  }
  // From the end: of the calls whose takers are all placed, the one of lowest level.
  const ready: Node[][] = []
  const place = (node: Node) => {
    const at = level.get(node) ?? 0
    ready[at] ??= []
    ready[at].push(node)
    return at
  }
  let lowest = Math.min(...nodes.filter((node) => !takers.has(node)).map(place))
  const backwards: Node[] = []
  while (lowest < ready.length) {
    const node = ready[lowest]?.shift()
    if (!node) {
      lowest++
      continue
    }
    backwards.push(node)
    for (const maker of makers.get(node) ?? []) {
      const left = (takers.get(maker) ?? 0) - 1
      takers.set(maker, left)
      if (left === 0) lowest = Math.min(lowest, place(maker))
    }
  }
  return backwards.reverse()
}
