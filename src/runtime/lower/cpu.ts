/**
 * Lowering for ONNX Runtime on the CPU: the same graph in the forms that measured fastest there. Exported files never go through it.
 */
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
} from '../../graph/index.ts'
import { forward, inputGradient, weightGradient } from './convolution.ts'
import { siluGradient, siluOnePass } from './elementwise.ts'
import { frozenForward } from './frozen.ts'
import type { Takers } from './layout.ts'
import { elementwise, hasLayoutRule, inBlockedLayout, keyOf, takersOf } from './layout.ts'
import type { BlockSize } from './operators.ts'
import { fusedMatMul } from './operators.ts'

type Inputs = readonly (SymbolicTensor | null)[]
type Lowering = (inputs: Inputs, node: Node, block: BlockSize, takers: Takers) => SymbolicTensor | undefined

/** By domain and name: the fast form of a call, or undefined where it has none. */
const LOWERINGS: Readonly<Record<string, Lowering>> = {
  ':Conv': (inputs, node, block) =>
    frozenForward(inputs, node.attributes as ConvAttributes, block) ??
    forward(inputs, node.attributes as ConvAttributes, block),
  ':MatMul': ([a, b]) => (a && b ? withoutTransposes(a, b) : undefined),
  'composite:ConvInputGradient': (inputs, node, block) =>
    inputGradient(inputs, node.attributes as ConvInputGradientAttributes, block),
  'composite:ConvWeightGradient': (inputs, node, block) =>
    weightGradient(inputs, node.attributes as ConvWeightGradientAttributes, block),
  'composite:Silu': ([x]) => (x?.dtype === 'float32' ? elementwise(x, siluOnePass) : undefined),
  'composite:SiluGradient': ([x, g], { inputs: [before] }, _, takers) =>
    x && g && before && x.dtype === 'float32'
      ? siluGradient(x, g, takers.get(before)?.has('composite:Silu') ?? false)
      : undefined,
}

/** A graph ready for the CPU engine: no composites left. */
export function lowerForCpu<I extends string, O extends string>(graph: Graph<I, O>, block: BlockSize): Graph<I, O> {
  const hasForm = (operator: Operator) => keyOf(operator) in LOWERINGS || hasLayoutRule(keyOf(operator))
  const expanded = simplify(foldBatchNorm(expandComposites(absorbShuffles(foldDoubling(graph)), hasForm)))
  // What has no fast form of its own may expand into calls that have.
  const rest = expandComposites(lowered(expanded, block))
  return tidy(lowered(rest, block))
}

function lowered<I extends string, O extends string>(graph: Graph<I, O>, block: BlockSize): Graph<I, O> {
  const takers = takersOf(graph)
  return rewrite(graph, (node, inputs) => {
    const key = keyOf(node.operator)
    const fast = LOWERINGS[key]?.(inputs, node, block, takers)
    return fast ? [fast] : inBlockedLayout(key, inputs, node, block, takers)
  })
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
