/**
 * Lowering for ONNX Runtime on the CPU: the same graph in the forms that measured fastest there. Exported files never go through it.
 */
import { sameShape } from '../../base/index.ts'
import type {
  ConvAttributes,
  ConvInputGradientAttributes,
  ConvWeightGradientAttributes,
  Graph,
  Node,
  Operator,
  SymbolicTensor,
} from '../../graph/index.ts'
import {
  absorbShuffles,
  expandComposites,
  foldBatchNorm,
  foldDoubling,
  rewrite,
  simplify,
  tidy,
  usesOf,
} from '../../graph/index.ts'
import { isKept } from '../kept.ts'
import type { Surroundings } from './channelwise.ts'
import { added, affine, fitsBlocks, multiplied, overPlanes } from './channelwise.ts'
import { forward, inputGradient, weightGradient } from './convolution.ts'
import { deviationWith, withDeviation } from './deviations.ts'
import { siluGradient, siluOnePass } from './elementwise.ts'
import { frozenForward } from './frozen.ts'
import { elementwise, hasLayoutRule, inBlockedLayout, keyOf, takersOf } from './layout.ts'
import type { BlockSize } from './operators.ts'
import { blockedSource, fromBlocked, fusedMatMul, toBlocked } from './operators.ts'

type Inputs = readonly (SymbolicTensor | null)[]
type Lowering = (inputs: Inputs, node: Node, around: Surroundings) => SymbolicTensor | undefined

/** By domain and name: the fast form of a call, or undefined where it has none. */
const LOWERINGS: Readonly<Record<string, Lowering>> = {
  ':Conv': (inputs, node, { block }) =>
    frozenForward(inputs, node.attributes as ConvAttributes, block) ??
    forward(inputs, node.attributes as ConvAttributes, block),
  ':BatchNormalization': affine,
  ':Mul': multiplied,
  ':Add': added,
  ':ReduceSum': overPlanes,
  ':InstanceNormalization': withDeviation,
  'composite:InverseDeviation': deviationWith,
  'com.microsoft.nchwc:ReorderInput': ([x]) => blockedSource(x),
  ':Reshape': ([x], { outputs: [y] }) => undone(x, y),
  ':MatMul': ([a, b]) => (a && b ? withoutTransposes(a, b) : undefined),
  'composite:ConvInputGradient': (inputs, node, { block }) =>
    inputGradient(inputs, node.attributes as ConvInputGradientAttributes, block),
  'composite:ConvWeightGradient': (inputs, node, { block }) =>
    weightGradient(inputs, node.attributes as ConvWeightGradientAttributes, block),
  'composite:Silu': ([x]) => (x?.dtype === 'float32' ? elementwise(x, siluOnePass) : undefined),
  'composite:SiluGradient': ([x, g], { inputs: [before] }, { takers }) =>
    x && g && before && x.dtype === 'float32'
      ? siluGradient(x, g, takers.get(before)?.has('composite:Silu') ?? false)
      : undefined,
}

/** A graph ready for the CPU engine: no composites left. */
export function lowerForCpu<I extends string, O extends string>(given: Graph<I, O>, block: BlockSize): Graph<I, O> {
  const graph = keptBlocked(given, block)
  const hasForm = (operator: Operator) => keyOf(operator) in LOWERINGS || hasLayoutRule(keyOf(operator))
  const expanded = simplify(foldBatchNorm(expandComposites(absorbShuffles(foldDoubling(graph)), hasForm)))
  // What has no fast form of its own may expand into calls that have.
  const rest = tidy(lowered(expandComposites(lowered(expanded, block)), block))
  return tidy(lowered(rest, block, true))
}

/**
 * What one program leaves for another passes between them in the blocked layout, under the same shape: the later one, where most take it blocked,
 * need not bring it there again.
 */
function keptBlocked<I extends string, O extends string>(graph: Graph<I, O>, block: BlockSize): Graph<I, O> {
  if (!block || !Object.keys({ ...graph.inputs, ...graph.outputs }).some(isKept)) return graph
  const { inputs, outputs } = rewrite(
    graph,
    () => undefined,
    (value) =>
      value.source.kind === 'input' && isKept(value.source.name) && fitsBlocks(value, block)
        ? fromBlocked(value)
        : value,
  )
  const passed = Object.entries<SymbolicTensor>(outputs).map(([name, value]) => [
    name,
    isKept(name) && fitsBlocks(value, block) ? toBlocked(value) : value,
  ])
  return { inputs, outputs: Object.fromEntries(passed) as Record<O, SymbolicTensor> }
}

/** @param settled whether layouts are: what is plain in the last round may be seen as blocks, which keeps it plain */
function lowered<I extends string, O extends string>(
  graph: Graph<I, O>,
  block: BlockSize,
  settled = false,
): Graph<I, O> {
  const around = { block, takers: takersOf(graph), uses: usesOf(graph), settled }
  return rewrite(graph, (node, inputs) => {
    const key = keyOf(node.operator)
    const fast = LOWERINGS[key]?.(inputs, node, around)
    return fast ? [fast] : inBlockedLayout(key, inputs, node, block, around.takers)
  })
}

/** What a tensor had as its shape before it was given another one, where it gets the first one back. */
function undone(x: SymbolicTensor | null, { shape }: SymbolicTensor): SymbolicTensor | undefined {
  if (x?.source.kind !== 'node' || keyOf(x.source.node.operator) !== ':Reshape') return undefined
  const [before] = x.source.node.inputs
  return before && sameShape(before.shape, shape) ? before : undefined
}

/** a b where either is a transpose of its last two axes: the engine multiplies transposed matrices as they lie. */
function withoutTransposes(a: SymbolicTensor, b: SymbolicTensor): SymbolicTensor | undefined {
  const left = transposedSource(a)
  const right = transposedSource(b)
  const stacksMatch = a.shape.slice(0, -2).join() === b.shape.slice(0, -2).join() || b.rank === 2 || a.rank === 2
  if ((!left && !right) || !stacksMatch || a.dtype !== 'float32') return undefined
  return fusedMatMul(left ?? a, right ?? b, { transposeA: left !== undefined, transposeB: right !== undefined })
}

/** What a tensor is the matrix transpose of, if it is one. */
function transposedSource({ source, rank }: SymbolicTensor): SymbolicTensor | undefined {
  if (source.kind !== 'node' || source.node.operator.name !== 'Transpose') return undefined
  const { perm } = source.node.attributes
  const swapsLast =
    Array.isArray(perm) && perm.every((axis, i) => axis === (i < rank - 2 ? i : i === rank - 2 ? rank - 1 : rank - 2))
  return swapsLast ? (source.node.inputs[0] ?? undefined) : undefined
}
