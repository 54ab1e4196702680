/** What is alive while the engine runs the calls of a file, for tests. */
import type { Node, SymbolicTensor } from '../graph/index.ts'

export { engineRun as runBy } from './engineRun.ts'

export const makersOf = ({ inputs }: Node) =>
  inputs.flatMap((value) => (value?.source.kind === 'node' ? [value.source.node] : []))

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
