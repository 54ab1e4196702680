/**
 * How much a graph computes: floating point operations of its convolutions and matrix products, 2 for a multiply-add. They are nearly all
 * of a network's arithmetic, so that operations / (rate of large matrix products) is the least time it could take. Everything
 * else (activations, normalisation, copies) is counted as 0.
 */
import { sizeOf } from '../base/index.ts'
import type { Graph } from './graph.ts'
import { nodesOf } from './graph.ts'
import type { ConvAttributes } from './ops/convWindow.ts'
import { convLayout } from './ops/convWindow.ts'
import type { Attributes, Node, SymbolicTensor } from './symbolic.ts'

/** Multiply-adds of a convolution of x [b, c, ...] with w: the same in all three directions. */
function convMultiplyAdds(x: readonly number[], w: readonly number[], attributes: Attributes): number {
  const { batch, channels, filters, groups, window } = convLayout(x, w, attributes as ConvAttributes)
  return batch * filters * (channels / groups) * sizeOf(window.output) * sizeOf(window.kernel)
}

type Count = (inputs: readonly SymbolicTensor[], attributes: Attributes, output: SymbolicTensor) => number

const MULTIPLY_ADDS: Readonly<Record<string, Count>> = {
  Conv: ([x, w], attributes) => convMultiplyAdds(x.shape, w.shape, attributes),
  ConvInputGradient: ([w], attributes) =>
    convMultiplyAdds(attributes.input_shape as readonly number[], w.shape, attributes),
  ConvWeightGradient: ([x], attributes) =>
    convMultiplyAdds(x.shape, attributes.weight_shape as readonly number[], attributes),
  // Each input element is spread through the kernel of every output channel of its group.
  ConvTranspose: ([x, w]) => x.size * sizeOf(w.shape.slice(1)),
  MatMul: ([a], _, output) => output.size * a.shape[a.rank - 1],
  Gemm: ([a], { transA }, output) => output.size * a.shape[transA ? 0 : 1],
}

function multiplyAddsOf({ operator, inputs, attributes, outputs }: Node): number {
  const count = MULTIPLY_ADDS[operator.name]
  // Optional inputs (a bias) come last and are not read.
  return count ? count(inputs as readonly SymbolicTensor[], attributes, outputs[0]) : 0
}

/**
 * Floating point operations of one run of a graph of standard and composite operators (before it is lowered for a device).
 * @example operationCount(trace({ a: { dtype: 'float32', shape: [2, 3] } }, ({ a }) => ({ y: matmul(a, transpose(a, [1, 0])) }))) // 24
 */
export function operationCount(graph: Graph): number {
  return nodesOf(Object.values(graph.outputs)).reduce((sum, node) => sum + 2 * multiplyAddsOf(node), 0)
}
