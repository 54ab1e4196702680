/**
 * How much memory a graph works with, from its shapes alone: what an engine that runs the nodes in order and frees each value after its last
 * use has to hold at once. Views (reshapes) share the memory of what they view.
 */
import type { DType } from '../base/index.ts'
import type { Graph } from './graph.ts'
import { nodesOf } from './graph.ts'
import type { Node, SymbolicTensor } from './symbolic.ts'

const BYTES: Readonly<Record<DType, number>> = { float32: 4, float64: 8, int64: 8, int32: 4, bool: 1 }

const VIEWS = ['Reshape', 'Identity', 'StopGradient']

const isView = ({ operator }: Node): boolean => VIEWS.includes(operator.name)

const bytesOf = ({ dtype, size }: SymbolicTensor): number => size * BYTES[dtype]

/** Elements that the nodes of a graph write: the passes over memory, views aside. */
export function writtenElements(graph: Graph): number {
  return nodesOf(Object.values(graph.outputs))
    .filter((node) => !isView(node))
    .reduce((sum, { outputs }) => sum + outputs.reduce((all, { size }) => all + size, 0), 0)
}

/** The most bytes alive at once: inputs and constants all the time, outputs to the end, everything else from its node to its last use. */
export function liveBytes(graph: Graph): number {
  const results = Object.values(graph.outputs)
  const nodes = nodesOf(results)
  const owners = new Map<SymbolicTensor, SymbolicTensor>()
  const ownerOf = (value: SymbolicTensor) => owners.get(value) ?? value
  const lastUse = new Map<SymbolicTensor, number>()
  nodes.forEach((node, index) => {
    for (const value of node.inputs) if (value) lastUse.set(ownerOf(value), index)
    if (isView(node) && node.inputs[0]) owners.set(node.outputs[0], ownerOf(node.inputs[0]))
  })
  for (const value of results) lastUse.set(ownerOf(value), nodes.length)
  const dying = new Map<number, SymbolicTensor[]>()
  for (const [value, index] of lastUse) dying.set(index, [...(dying.get(index) ?? []), value])
  const fixed = [...lastUse.keys()].filter(({ source }) => source.kind !== 'node')
  let alive = fixed.reduce((sum, value) => sum + bytesOf(value), 0)
  let most = alive
  nodes.forEach((node, index) => {
    if (!isView(node)) for (const value of node.outputs) alive += bytesOf(value)
    most = Math.max(most, alive)
    for (const value of dying.get(index) ?? []) if (value.source.kind === 'node') alive -= bytesOf(value)
    // An output that nothing reads is gone at once.
    if (!isView(node)) for (const value of node.outputs) if (!lastUse.has(value)) alive -= bytesOf(value)
  })
  return most
}
