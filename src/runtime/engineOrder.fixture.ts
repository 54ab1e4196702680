/** The order in which ONNX Runtime runs the calls of a file, and what is alive then: written from its source, for tests of both. */
import type { Node, SymbolicTensor } from '../graph/index.ts'

export const makersOf = ({ inputs }: Node) =>
  inputs.flatMap((value) => (value?.source.kind === 'node' ? [value.source.node] : []))

/** The engine's own order of a file, as its source has it. */
export function runBy(file: readonly Node[]): Node[] {
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

/** The most elements alive at once. */
export function peakOf(order: readonly Node[], outputs: readonly SymbolicTensor[]): number {
  const last = new Map<SymbolicTensor, number>()
  order.forEach(({ inputs, outputs: made }, at) => {
    for (const value of [...inputs, ...made]) if (value) last.set(value, at)
  })
  for (const value of outputs) last.delete(value)
  let [alive, peak] = [0, 0]
  order.forEach(({ inputs, outputs: made }, at) => {
    for (const { size } of made) alive += size
    peak = Math.max(peak, alive)
    for (const value of new Set([...inputs, ...made]))
      if (value?.source.kind === 'node' && last.get(value) === at) alive -= value.size
  })
  return peak
}
