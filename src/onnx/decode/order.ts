/** Which nodes of a file's graph are needed, each after all it uses: files may list them in any order, and hold some that nothing needs. */
import { inputError } from '../../base/index.ts'
import type { OnnxGraph, OnnxNode } from './model.ts'

/** What a node takes: its inputs, and what the graphs in its attributes take from outside. */
export function usedBy({ inputs, attributes }: OnnxNode): string[] {
  const inner = [...attributes.values()].flatMap((attribute) =>
    attribute.kind === 'graph' ? outsideOf(attribute.value) : [],
  )
  return [...inputs, ...inner].filter((name) => name !== '')
}

/** Names that a graph uses and does not make. */
function outsideOf({ nodes, initializers, inputs, outputs }: OnnxGraph): string[] {
  const own = new Set([
    ...inputs.map(({ name }) => name),
    ...initializers.keys(),
    ...nodes.flatMap((node) => node.outputs),
  ])
  return [...nodes.flatMap(usedBy), ...outputs.map(({ name }) => name)].filter((name) => !own.has(name))
}

/** What a node is called in errors: its name, or what it makes. */
export const labelOf = ({ name, operator, outputs }: OnnxNode): string =>
  name || `${operator} of '${outputs.find(Boolean) ?? ''}'`

/**
 * The nodes that the wanted tensors need.
 * @throws `onnx.graph` where a tensor is made twice, or a node needs what it makes itself
 */
export function neededNodes(nodes: readonly OnnxNode[], wanted: readonly string[]): OnnxNode[] {
  const makers = makersOf(nodes)
  const order: OnnxNode[] = []
  const state = new Map<OnnxNode, 'open' | 'done'>()
  const stack: { readonly node: OnnxNode; readonly uses: readonly string[]; next: number }[] = []
  const visit = (name: string) => {
    const node = makers.get(name)
    if (!node || state.get(node) === 'done') return
    if (state.get(node) === 'open') {
      const circle = stack.slice(stack.findIndex((entry) => entry.node === node)).map((entry) => labelOf(entry.node))
      throw inputError(
        'onnx.graph',
        `no node may need what it makes itself: ${circle.slice(0, 8).join(' → ')} → ${labelOf(node)}`,
      )
    }
    state.set(node, 'open')
    stack.push({ node, uses: usedBy(node), next: 0 })
  }
  for (const name of wanted) {
    visit(name)
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      if (top.next < top.uses.length) visit(top.uses[top.next++])
      else {
        state.set(top.node, 'done')
        order.push(top.node)
        stack.pop()
      }
    }
  }
  return order
}

function makersOf(nodes: readonly OnnxNode[]): Map<string, OnnxNode> {
  const makers = new Map<string, OnnxNode>()
  for (const node of nodes) {
    for (const name of node.outputs) {
      if (name === '') continue
      const other = makers.get(name)
      if (other) {
        throw inputError(
          'onnx.graph',
          `each tensor must be made once, '${name}' is made by ${labelOf(other)} and ${labelOf(node)}`,
        )
      }
      makers.set(name, node)
    }
  }
  return makers
}
