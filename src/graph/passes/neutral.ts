/**
 * Calls that change nothing, or that two become one: x + 0, 1 x, a double negation or transposition, a reshape of a reshape, a
 * broadcast that the next operator does by itself. What derivative rules leave behind.
 */
import { sameShape } from '../../base/index.ts'
import type { Rewrite } from '../graph.ts'
import { apply } from '../operator.ts'
import { broadcastShape } from '../ops/broadcast.ts'
import { reshape, transpose } from '../ops/shape.ts'
import type { Node, SymbolicTensor, TensorType } from '../symbolic.ts'

type Inputs = readonly (SymbolicTensor | null)[]
type Rule = (inputs: Inputs, node: Node) => SymbolicTensor | undefined

/** The node that makes a tensor, if it is of that operator. */
function madeBy(value: SymbolicTensor | null, operator: string): Node | undefined {
  if (value?.source.kind !== 'node') return undefined
  const { node } = value.source
  return node.operator.name === operator && node.operator.domain === '' ? node : undefined
}

/** Whether a constant holds one number everywhere. */
function isAll(value: SymbolicTensor | null, wanted: number): boolean {
  const data = value?.constant?.data
  if (!data) return false
  for (let i = 0; i < data.length; i++) if (Number(data[i]) !== wanted) return false
  return true
}

/** `kept`, if it has the type of the result. */
function ifSame(kept: SymbolicTensor | null, result: TensorType): SymbolicTensor | undefined {
  return kept && sameShape(kept.shape, result.shape) && kept.dtype === result.dtype ? kept : undefined
}

/** Operators that broadcast by themselves: an Expand before them is idle where the result keeps its shape. */
const BROADCASTING = new Set(['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max', 'Less', 'Greater', 'Equal', 'Where'])

function withoutExpand(inputs: Inputs, node: Node): SymbolicTensor | undefined {
  for (let i = 0; i < inputs.length; i++) {
    const source = madeBy(inputs[i], 'Expand')?.inputs[0]
    if (!source) continue
    const bare = inputs.map((value, j) => (i === j ? source : value))
    const shape = bare.reduce((all, value) => broadcastShape(all, value!.shape), [] as readonly number[])
    if (sameShape(shape, node.outputs[0].shape)) return apply(node.operator, bare, node.attributes)[0]
  }
  return undefined
}

const RULES: Readonly<Record<string, Rule>> = {
  Add: ([a, b], { outputs: [y] }) => (isAll(b, 0) ? ifSame(a, y) : isAll(a, 0) ? ifSame(b, y) : undefined),
  Sub: ([a, b], { outputs: [y] }) => (isAll(b, 0) ? ifSame(a, y) : undefined),
  Mul: ([a, b], { outputs: [y] }) => (isAll(b, 1) ? ifSame(a, y) : isAll(a, 1) ? ifSame(b, y) : undefined),
  Div: ([a, b], { outputs: [y] }) => (isAll(b, 1) ? ifSame(a, y) : undefined),
  Pow: ([a, b], { outputs: [y] }) => (isAll(b, 1) ? ifSame(a, y) : undefined),
  Neg: ([x]) => madeBy(x, 'Neg')?.inputs[0] ?? undefined,
  Identity: ([x]) => x ?? undefined,
  Cast: ([x], { outputs: [y] }) => ifSame(x, y),
  Expand: ([x], { outputs: [y] }) => ifSame(x, y),
  Concat: ([x], { outputs: [y], inputs }) => (inputs.length === 1 ? ifSame(x, y) : undefined),
  Reshape([x], { outputs: [y] }) {
    const before = madeBy(x, 'Reshape')?.inputs[0]
    return ifSame(x, y) ?? (before ? reshape(before, y.shape) : undefined)
  },
  Transpose([x], { attributes: { perm } }) {
    const order = perm as readonly number[]
    if (order.every((from, to) => from === to)) return x ?? undefined
    const before = madeBy(x, 'Transpose')
    const earlier = before?.attributes.perm as readonly number[]
    if (!before?.inputs[0]) return undefined
    return transpose(
      before.inputs[0],
      order.map((axis) => earlier[axis]),
    )
  },
}

/** The rule of calls that change nothing. */
export const neutralRule: Rewrite = (node, inputs) => {
  const { domain, name } = node.operator
  if (domain !== '') return undefined
  const made = RULES[name]?.(inputs, node) ?? (BROADCASTING.has(name) ? withoutExpand(inputs, node) : undefined)
  return made && [made]
}
