/**
 * Group normalisation whose derivative is wanted: ONNX Runtime's LayerNormalization gives the inverse deviation along with xHat, in one call in place
 * of InstanceNormalization and the largest and least of both. Since 1.30 it subtracts the mean before it squares: no less exact at large means.
 */
import type { Node, SymbolicTensor } from '../../graph/index.ts'
import { reshape, standardized } from '../../graph/index.ts'
import type { Surroundings } from './channelwise.ts'
import { isAll } from './channelwise.ts'

type Inputs = readonly (SymbolicTensor | null)[]

/** InstanceNormalization of x [b, groups, n], where its inverse deviation is taken too. */
export function withDeviation([x, scale, bias]: Inputs, node: Node, { takers }: Surroundings) {
  const isTaken = takers.get(node.outputs[0])?.has('composite:InverseDeviation')
  if (!isTaken || x?.rank !== 3 || x.dtype !== 'float32' || !isAll(scale, 1) || !isAll(bias, 0)) return undefined
  return standardized(x, node.attributes.epsilon as number).xHat
}

/** The inverse deviation that came with xHat. */
export function deviationWith([x, xHat]: Inputs, { outputs: [y] }: Node): SymbolicTensor | undefined {
  const maker = xHat?.source.kind === 'node' ? xHat.source.node : undefined
  if (maker?.operator.name !== 'LayerNormalization' || maker.inputs[0] !== x) return undefined
  return reshape(maker.outputs[2], y.shape)
}
