/**
 * A graph that is traced for one batch, as a file for every batch. It is traced at two batches; whatever differs between the
 * two traces holds the batch, whatever does not cannot. What may hold it: inputs and outputs, whose axis is left open by
 * name; the target of a Reshape, where the extent becomes -1 (what is left); the target of an Expand, where it becomes 1
 * (as the input has it).
 */
import type { Shape, Tensor } from '../base/index.ts'
import { inputError, int64, sameShape } from '../base/index.ts'
import type { Attribute, Attributes, Graph, Named, Node, SymbolicTensor } from '../graph/index.ts'
import { apply, constant, expandComposites, nodesOf, rewrite, simplify } from '../graph/index.ts'
import { encode } from './encode.ts'

/** Primes that no other extent of a network is a multiple of: at both, the graph has the same form. */
const BATCHES = [1009, 1013] as const

export interface OpenBatchOptions {
  /** Graph name in the file. Default `graph`. */
  readonly name?: string
  /** Name of the open axis. Default `batch`. */
  readonly axis?: string
}

/**
 * A file as `encodeModel` writes it, for every batch.
 * @param traceAt the graph at a batch; everything but extents must be the same at each
 * @throws `onnx.batch` where an operator's constants hold the batch in a way that no file can leave open
 * @example encodeOpenBatch((batch) => bind(denoiseGraph(network, batch), weights))
 */
export function encodeOpenBatch(traceAt: (batch: number) => Graph, options: OpenBatchOptions = {}): Uint8Array {
  const { name, axis = 'batch' } = options
  const [graph, other] = BATCHES.map((batch) => simplify(expandComposites(traceAt(batch))))
  const twins = pairedNodes(graph, other)
  const opened = rewrite(graph, (node, inputs) => openNode(node, twins.get(node)!, inputs))
  const axisNames = { ...openAxes(graph.inputs, other.inputs, axis), ...openAxes(graph.outputs, other.outputs, axis) }
  return encode(opened, { axisNames, ...(name !== undefined && { name }) })
}

const cannot = (what: string) =>
  inputError('onnx.batch', `a file with an open batch needs a graph that depends on it in extents alone; ${what}`)

/** Each node of one graph with its twin in the other. */
function pairedNodes(graph: Graph, other: Graph): Map<Node, Node> {
  const [nodes, twins] = [graph, other].map(({ outputs }) => nodesOf(Object.values(outputs)))
  const differs = nodes.findIndex((node, i) => node.operator !== twins[i]?.operator)
  if (differs !== -1 || nodes.length !== twins.length) {
    throw cannot(`its ${nodes.length} operators are not the same at batches ${BATCHES.join(' and ')}`)
  }
  return new Map(nodes.map((node, i) => [node, twins[i]]))
}

/** The node with its batch left open, or undefined where it holds none. */
function openNode(
  node: Node,
  twin: Node,
  inputs: readonly (SymbolicTensor | null)[],
): readonly SymbolicTensor[] | undefined {
  const { operator, attributes } = node
  if (!sameAttributes(attributes, twin.attributes)) throw cannot(`an attribute of ${operator.name} holds it`)
  const holding = node.inputs.findIndex((value, i) => !sameConstant(value?.constant, twin.inputs[i]?.constant))
  if (holding === -1) return undefined
  const wanted = node.inputs[holding]?.constant
  const atOther = twin.inputs[holding]?.constant
  const open = holding === 1 ? OPENED[operator.name] : undefined
  if (!open || !wanted || !atOther) throw cannot(`a constant of ${operator.name} holds it`)
  const [target, otherTarget] = [wanted, atOther].map(({ data }) => Array.from(data as BigInt64Array, Number))
  const axes = target.flatMap((extent, axis) => (extent === otherTarget[axis] ? [] : [axis]))
  return apply(operator, [inputs[0], constant(int64(open(target, axes, node.inputs[0]!.shape)))], attributes)
}

/** The target shape without its batch: how the operators that take a shape leave an extent to the run. */
const OPENED: Readonly<Record<string, (target: Shape, axes: readonly number[], from: Shape) => number[]>> = {
  Reshape(target, axes) {
    if (axes.length > 1) throw cannot(`a Reshape to [${target}] holds it twice`)
    return target.map((extent, axis) => (axes.includes(axis) ? -1 : extent))
  },
  Expand(target, axes, from) {
    const begin = from.length - target.length
    if (axes.some((axis) => from[begin + axis] !== target[axis])) {
      throw cannot(`an Expand from [${from}] to [${target}] makes it; broadcast by an operator that has it`)
    }
    return target.map((extent, axis) => (axes.includes(axis) ? 1 : extent))
  },
}

function sameConstant(a: Tensor | undefined, b: Tensor | undefined): boolean {
  if (a === b) return true
  if (!a || !b || a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false
  const [x, y] = [a, b].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  return x.length === y.length && x.every((byte, i) => byte === y[i])
}

function sameAttributes(a: Attributes, b: Attributes): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => name in b && sameAttribute(a[name], b[name]))
}

function sameAttribute(a: Attribute, b: Attribute): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return Object.is(a, b)
  if ('dtype' in a || 'dtype' in b) return 'dtype' in a && 'dtype' in b && sameConstant(a, b)
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]))
}

/** Names for the axes that differ. @throws `onnx.batch` on an output that no node makes for each batch anew */
function openAxes(values: Named, others: Named, name: string): Record<string, (string | undefined)[]> {
  const entries = Object.entries(values).map(([key, value]): [string, (string | undefined)[]] => {
    const axes = value.shape.map((extent, axis) => (extent === others[key].shape[axis] ? undefined : name))
    if (value.constant && axes.some(Boolean)) throw cannot(`the output '${key}' is a constant that holds it`)
    return [key, axes]
  })
  return Object.fromEntries(entries)
}
