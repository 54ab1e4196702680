/**
 * The order in which ONNX Runtime runs the calls of a file: depth first from the last call that nothing takes, at every call first the input
 * that stands last in the file (`Graph::ReverseDFSFrom`).
 */
import type { Node, SymbolicTensor } from '../graph/index.ts'

const makersOf = ({ inputs }: Node): Node[] =>
  inputs.flatMap((value) => (value?.source.kind === 'node' ? [value.source.node] : []))

/** The engine's own order of a file. */
export function engineRun(file: readonly Node[]): Node[] {
  const place = new Map(file.map((node, at) => [node, at]))
  const taken = new Set(file.flatMap(makersOf))
  const stack = file.filter((node) => !taken.has(node)).map((node) => ({ node, done: false }))
  const seen = new Set<Node>()
  const order: Node[] = []
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, done } = top
    if (done) order.push(node)
    else if (!seen.has(node)) {
      seen.add(node)
      stack.push({ node, done: true })
      for (const maker of makersOf(node).sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0)))
        stack.push({ node: maker, done: false })
    }
  }
  return order
}

/** How long results wait for the last call that takes them: elements times calls in between. What waits long has left the caches. */
export function waiting(order: readonly Node[]): number {
  const lastUse = new Map<SymbolicTensor, number>()
  order.forEach(({ inputs }, at) => {
    for (const value of inputs) if (value) lastUse.set(value, at)
  })
  let sum = 0
  order.forEach(({ outputs }, at) => {
    for (const value of outputs) sum += value.size * ((lastUse.get(value) ?? at) - at)
  })
  return sum
}
