/**
 * Batch norm of evaluation as part of the convolution before it: with a = scale / sqrt(variance + epsilon),
 * a (w * x + b - mean) + bias is one convolution with the weight a w and the bias a (b - mean) + bias. Jacob et al. 2018, section 3.2.
 */
import type { Graph } from '../graph.ts'
import { rewrite } from '../graph.ts'
import { apply } from '../operator.ts'
import { add, div, mul, sqrt, sub } from '../ops/elementwise.ts'
import { reshape } from '../ops/shape.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { madeBy, usesOf } from './uses.ts'

/** Folds every batch norm of constants whose input is a convolution by constants that nothing else takes. Constant folding does the rest. */
export function foldBatchNorm<I extends string, O extends string>(graph: Graph<I, O>): Graph<I, O> {
  const uses = usesOf(graph)
  return rewrite(graph, (node, inputs) => {
    if (node.operator.domain !== '' || node.operator.name !== 'BatchNormalization') return undefined
    const convolution = madeBy(inputs[0], 'Conv')
    if (!convolution || uses.get(node.inputs[0]!) !== 1) return undefined
    const [, scale, bias, mean, variance] = inputs as readonly SymbolicTensor[]
    const [x, weight, before] = convolution.inputs
    // Of weights that change it would be a dozen small calls in place of one pass over the image.
    if (!weight?.constant || (before && !before.constant) || !inputs.slice(1).every((value) => value?.constant)) {
      return undefined
    }
    const slope = div(scale, sqrt(add(variance, Number(node.attributes.epsilon))))
    const slopes = reshape(slope, [slope.size, ...weight.shape.slice(1).map(() => 1)])
    const shift = add(mul(slope, before ? sub(before, mean) : mul(mean, -1)), bias)
    return apply(convolution.operator, [x, mul(weight, slopes), shift], convolution.attributes)
  })
}
