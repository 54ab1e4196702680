/**
 * In which order a model lists its calls. ONNX Runtime runs them in an order of its own (`engineRun.ts`). Listed in the order of a trace, the
 * gradient of the first layer's weight comes before that of the last one's, and the cotangents of all layers between wait for theirs; and what a
 * derivative makes of activations that are at hand is made for all layers before the first cotangent is.
 */
import type { Node } from '../graph/index.ts'
import { engineRun, waiting } from './engineRun.ts'

const makersOf = ({ inputs }: Node): Set<Node> =>
  new Set(inputs.flatMap((value) => (value?.source.kind === 'node' ? [value.source.node] : [])))

/**
 * The calls, each after all it needs, so that little waits while the engine runs them.
 * @param nodes in any order in which each comes after all it needs
 */
export function engineOrder(nodes: readonly Node[]): Node[] {
  const levels = levelsOf(nodes)
  const [late, early] = [asLate(nodes, levels), byLevel(nodes, levels)]
  return waiting(engineRun(early)) < waiting(engineRun(late)) ? early : late
}

/** Calls on the longest way to each from an input. */
function levelsOf(nodes: readonly Node[]): ReadonlyMap<Node, number> {
  const levels = new Map<Node, number>()
  for (const node of nodes) {
    let highest = -1
    for (const maker of makersOf(node)) highest = Math.max(highest, levels.get(maker) ?? 0)
    levels.set(node, highest + 1)
  }
  return levels
}

/** By level: the engine makes the deepest input of each call first, a cotangent before what it is multiplied by. */
const byLevel = (nodes: readonly Node[], levels: ReadonlyMap<Node, number>): Node[] =>
  nodes.toSorted((a, b) => (levels.get(a) ?? 0) - (levels.get(b) ?? 0))

/**
 * Those that need little of what came before as late as they may be: the engine then runs them as soon as it can, a weight's gradient when its
 * cotangent is there, and what they take is free again.
 */
function asLate(nodes: readonly Node[], level: ReadonlyMap<Node, number>): Node[] {
  const makers = new Map(nodes.map((node) => [node, makersOf(node)]))
  const takers = new Map<Node, number>()
  for (const needed of makers.values()) for (const maker of needed) takers.set(maker, (takers.get(maker) ?? 0) + 1)
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
