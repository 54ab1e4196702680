/**
 * What the engine's own operators compute, in the standard operators of the graph: an independent statement of them, at any block
 * size, so that lowered graphs can be evaluated in float64 also for machines that are not at hand.
 */
import { internalError, sizeOf } from '../../base/index.ts'
import type { Graph, Node, SymbolicTensor } from '../../graph/index.ts'
import {
  add,
  conv,
  matmul,
  mul,
  pad,
  reshape,
  rewrite,
  sigmoid,
  slice,
  transpose,
  upsampleBilinear,
  upsampleNearest,
} from '../../graph/index.ts'
import type { BlockedConvAttributes } from './operators.ts'

/** The graph without operators of the engine. */
export function inStandardOperators(graph: Graph, block: number | undefined): Graph {
  return rewrite(graph, (node, inputs) => {
    const [x, second, third, fourth] = inputs as readonly SymbolicTensor[]
    const { domain, name } = node.operator
    // The engine's pad has no third input and may crop.
    if (domain === '' && name === 'Pad' && inputs.length === 2) return [paddedOrCropped(x, second)]
    if (domain === 'com.microsoft' && name === 'QuickGelu') return [quickGelu(x, node)]
    if (domain === 'com.microsoft' && name === 'FusedMatMul') return [fusedMatMul(x, second, node)]
    if (domain !== 'com.microsoft.nchwc') return undefined
    if (block === undefined) throw internalError(`${name} in a graph for an engine without blocks`)
    if (name === 'ReorderInput') return [blocked(x, block)]
    if (name === 'ReorderOutput') {
      return [slice(unblocked(x, block), { axis: 1, start: 0, end: Number(node.attributes.channels) })]
    }
    if (name === 'Upsample') {
      const { mode, scales } = node.attributes
      const enlarge = mode === 'linear' ? upsampleBilinear : upsampleNearest
      return [blocked(enlarge(unblocked(x, block), (scales as readonly number[]).slice(2)), block)]
    }
    const convolved = blockedConv(x, second, third, node.attributes as BlockedConvAttributes, block)
    return [fourth ? add(convolved, fourth) : convolved]
  })
}

/** [b,c,h,w] in the order [b, c/block, h w, block], under the old shape. */
function blocked(x: SymbolicTensor, block: number): SymbolicTensor {
  const [batch, channels, ...plane] = x.shape
  const split = reshape(x, [batch, channels / block, block, sizeOf(plane)])
  return reshape(transpose(split, [0, 1, 3, 2]), x.shape)
}

function unblocked(x: SymbolicTensor, block: number): SymbolicTensor {
  const [batch, channels, ...plane] = x.shape
  const split = reshape(x, [batch, channels / block, sizeOf(plane), block])
  return reshape(transpose(split, [0, 1, 3, 2]), x.shape)
}

/** Dense weights lie as [o/k, i/k, h w, k (in), k (out)], those of few channels as [o/k, i h w, k], depthwise ones as [c/k, h w, k]. */
function unblockedWeight(w: SymbolicTensor, depthwise: boolean, block: number): SymbolicTensor {
  const [o, i, ...kernel] = w.shape
  const taps = sizeOf(kernel)
  const [split, order] =
    depthwise || i < block
      ? [
          [o / block, i * taps, block],
          [0, 2, 1],
        ]
      : [
          [o / block, i / block, taps, block, block],
          [0, 4, 1, 3, 2],
        ]
  return reshape(transpose(reshape(w, split), order), w.shape)
}

function blockedConv(
  x: SymbolicTensor,
  w: SymbolicTensor,
  bias: SymbolicTensor | null | undefined,
  { strides, pads, dilations, group }: BlockedConvAttributes,
  block: number,
): SymbolicTensor {
  const weight = unblockedWeight(w, group > 1, block)
  const options = { strides, padding: pads, dilations, groups: group, ...(bias && { bias }) }
  // Images of less than a block of channels are taken as they are.
  return blocked(conv(group === 1 && x.shape[1] < block ? x : unblocked(x, block), weight, options), block)
}

function quickGelu(x: SymbolicTensor, { attributes }: Node): SymbolicTensor {
  return mul(x, sigmoid(mul(x, Number(attributes.alpha))))
}

function fusedMatMul(a: SymbolicTensor, b: SymbolicTensor, { attributes }: Node): SymbolicTensor {
  const { transA, transB } = attributes
  return matmul(transA ? matrixTranspose(a) : a, transB ? matrixTranspose(b) : b)
}

function matrixTranspose(x: SymbolicTensor): SymbolicTensor {
  const axes = x.shape.map((_, axis) => axis)
  return transpose(x, [...axes.slice(0, -2), x.rank - 1, x.rank - 2])
}

function paddedOrCropped(x: SymbolicTensor, widths: SymbolicTensor): SymbolicTensor {
  const all = Array.from((widths.constant?.data ?? []) as ArrayLike<bigint>, Number)
  const [before, after] = [all.slice(0, x.rank), all.slice(x.rank)]
  const inside = slice(
    x,
    x.shape.map((extent, axis) => ({
      axis,
      start: Math.max(-before[axis], 0),
      end: extent - Math.max(-after[axis], 0),
    })),
  )
  const zeros = (list: readonly number[]) => list.map((width) => Math.max(width, 0))
  return pad(inside, { before: zeros(before), after: zeros(after) })
}
