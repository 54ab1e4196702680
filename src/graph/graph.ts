/** A graph: named inputs and named outputs, and every node between them in topological order. */
import type { NamedTensors, Tensor } from '../base/index.ts'
import { inputError, internalError, sameShape } from '../base/index.ts'
import { apply } from './operator.ts'
import type { Node, TensorType } from './symbolic.ts'
import { frozenWeights, input, type SymbolicTensor } from './symbolic.ts'

/** Named symbolic tensors, keys in order. */
export type Named<K extends string = string> = Readonly<Record<K, SymbolicTensor>>

export interface Graph<I extends string = string, O extends string = string> {
  readonly inputs: Named<I>
  readonly outputs: Named<O>
}

/** Traces a function: runs it once on symbolic inputs of the given types. */
export function trace<I extends string, O extends string>(
  types: Readonly<Record<I, TensorType>>,
  f: (inputs: Named<I>) => Named<O>,
): Graph<I, O> {
  const inputs = mapRecord(types, (type, name) => input(name, type.shape, type.dtype))
  const graph = { inputs, outputs: f(inputs) }
  checkClosed(graph)
  return graph
}

/** A graph may use no inputs but its own: one from another trace would have no value. */
function checkClosed(graph: Graph): void {
  const own = new Set<SymbolicTensor>(Object.values(graph.inputs))
  const check = (value: SymbolicTensor | null) => {
    if (value?.source.kind !== 'input' || own.has(value)) return
    throw inputError(
      'graph.input',
      `a traced function used the input '${value.source.name}', which is not its own; pass it in`,
    )
  }
  const outputs = Object.values(graph.outputs)
  outputs.forEach(check)
  for (const node of nodesOf(outputs)) node.inputs.forEach(check)
}

/** Nodes reachable from the given tensors, each after all it needs. Iterative: graphs are thousands deep. */
export function nodesOf(outputs: readonly SymbolicTensor[]): Node[] {
  const order: Node[] = []
  const done = new Set<Node>()
  const stack: { node: Node; next: number }[] = []
  const visit = (value: SymbolicTensor | null) => {
    if (value?.source.kind !== 'node' || done.has(value.source.node)) return
    done.add(value.source.node)
    stack.push({ node: value.source.node, next: 0 })
  }
  for (const output of outputs) {
    visit(output)
    while (stack.length > 0) {
      const top = stack[stack.length - 1]
      if (top.next < top.node.inputs.length) visit(top.node.inputs[top.next++])
      else {
        order.push(top.node)
        stack.pop()
      }
    }
  }
  return order
}

/** What a rewrite makes of a node: its new outputs, or undefined to keep it (on its new inputs). */
export type Rewrite = (node: Node, inputs: readonly (SymbolicTensor | null)[]) => readonly SymbolicTensor[] | undefined

/**
 * Rebuilds a graph node by node. `leaf` may replace inputs and constants. The basis of all passes; what nothing needs any more
 * falls away by itself.
 */
export function rewrite<I extends string, O extends string>(
  graph: Graph<I, O>,
  rule: Rewrite,
  leaf: (value: SymbolicTensor) => SymbolicTensor = (value) => value,
): Graph<I, O> {
  const replaced = new Map<SymbolicTensor, SymbolicTensor>()
  const renew = (value: SymbolicTensor): SymbolicTensor => {
    let renewed = replaced.get(value)
    if (!renewed) {
      renewed = value.source.kind === 'node' ? value : leaf(value)
      replaced.set(value, renewed)
    }
    return renewed
  }
  for (const node of nodesOf(Object.values(graph.outputs))) {
    const inputs = node.inputs.map((value) => value && renew(value))
    const changed = inputs.some((value, i) => value !== node.inputs[i])
    const outputs = rule(node, inputs) ?? (changed ? apply(node.operator, inputs, node.attributes) : node.outputs)
    node.outputs.forEach((value, i) => {
      if (!sameShape(value.shape, outputs[i].shape) || value.dtype !== outputs[i].dtype) {
        throw internalError(
          `a rewrite of ${node.operator.name} turned ${value.dtype}[${value.shape}] into ${outputs[i].dtype}[${outputs[i].shape}]`,
        )
      }
      replaced.set(value, outputs[i])
    })
  }
  return { inputs: graph.inputs, outputs: mapRecord(graph.outputs, renew) }
}

/** Replaces named inputs by constants, the weights of a frozen network. @throws `graph.bind` on an unknown name or another shape */
export function bind<I extends string, O extends string, B extends I>(
  graph: Graph<I, O>,
  values: Readonly<Record<B, Tensor>>,
): Graph<Exclude<I, B>, O> {
  const constants = new Map<string, SymbolicTensor>()
  for (const [name, value] of Object.entries(values as NamedTensors)) {
    const target = (graph.inputs as Named)[name]
    if (!target || !sameShape(target.shape, value.shape) || target.dtype !== value.dtype) {
      const wanted = target ? `${target.dtype}[${target.shape}]` : 'no such input'
      throw inputError('graph.bind', `bind '${name}': the graph has ${wanted}, got ${value.dtype}[${value.shape}]`)
    }
    constants.set(name, frozenWeights(value))
  }
  const bound = rewrite(
    graph,
    () => undefined,
    (value) => (value.source.kind === 'input' ? (constants.get(value.source.name) ?? value) : value),
  )
  const inputs = Object.fromEntries(Object.entries(graph.inputs).filter(([name]) => !constants.has(name)))
  return { inputs: inputs as Named<Exclude<I, B>>, outputs: bound.outputs }
}

/** Maps the values of a record, keeping its keys and their order. */
export function mapRecord<K extends string, A, B>(
  record: Readonly<Record<K, A>>,
  f: (value: A, key: K) => B,
): Record<K, B> {
  const entries = Object.entries(record) as [K, A][]
  return Object.fromEntries(entries.map(([key, value]) => [key, f(value, key)])) as Record<K, B>
}
