/**
 * Operators that only ONNX Runtime has. They are put into a graph by lowering, never traced, never exported, and have no
 * reference evaluation: the test of a lowering is the reference of the graph it came from.
 * https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md; the blocked layout's operators are those that
 * ONNX Runtime's own layout optimizer inserts (core/optimizer/nchwc_transformer.cc).
 */
import type { Shape } from '../../base/index.ts'
import { int64, internalError } from '../../base/index.ts'
import type { Attributes, Operator, OperatorDefinition, SymbolicTensor } from '../../graph/index.ts'
import { apply, constant, operatorOf, reshape } from '../../graph/index.ts'

function engineOperator<A extends Attributes>(
  definition: Pick<OperatorDefinition<A>, 'name' | 'domain' | 'attributes' | 'infer'>,
): Operator<A> {
  const evaluate = () => {
    throw internalError(`${definition.name} is the engine's own and has no reference evaluation`)
  }
  return operatorOf({ ...definition, evaluate })
}

const quickGeluOperator = engineOperator<{ readonly alpha: number }>({
  name: 'QuickGelu',
  domain: 'com.microsoft',
  attributes: { alpha: 'float' },
  infer: ([x]) => [x!],
})

/** x sigmoid(alpha x) in one pass. */
export function quickGelu(x: SymbolicTensor, alpha: number): SymbolicTensor {
  return apply(quickGeluOperator, [x], { alpha })[0]
}

type FusedMatMulAttributes = { readonly transA: number; readonly transB: number; readonly alpha: number }

const fusedMatMulOperator = engineOperator<FusedMatMulAttributes>({
  name: 'FusedMatMul',
  domain: 'com.microsoft',
  attributes: { transA: 'int', transB: 'int', alpha: 'float' },
  infer([a, b], { transA, transB }) {
    const rows = a!.shape[a!.rank - (transA ? 1 : 2)]
    const columns = b!.shape[b!.rank - (transB ? 2 : 1)]
    const stack = (a!.rank >= b!.rank ? a! : b!).shape.slice(0, -2)
    return [{ dtype: a!.dtype, shape: [...stack, rows, columns] }]
  },
})

/** Matrix product of stacks, either one transposed on the fly. Stacks must be equal, or one of them absent. */
export function fusedMatMul(
  a: SymbolicTensor,
  b: SymbolicTensor,
  options: { readonly transposeA?: boolean; readonly transposeB?: boolean } = {},
): SymbolicTensor {
  const attributes = {
    transA: Number(options.transposeA ?? false),
    transB: Number(options.transposeB ?? false),
    alpha: 1,
  }
  return apply(fusedMatMulOperator, [a, b], attributes)[0]
}

/** ONNX's Pad with its negative widths, which crop: a tracing user has `pad` and `slice` instead. */
const padOrCropOperator = engineOperator<{ readonly mode: string }>({
  name: 'Pad',
  domain: '',
  attributes: { mode: 'string' },
  infer([x, widths]) {
    const extents = Array.from((widths!.constant?.data ?? []) as ArrayLike<bigint>, Number)
    return [
      { dtype: x!.dtype, shape: x!.shape.map((extent, axis) => extent + extents[axis] + extents[x!.rank + axis]) },
    ]
  },
})

/** Surrounds x with zeros; negative widths crop. One number per axis before, then after. */
export function padOrCrop(x: SymbolicTensor, widths: readonly number[]): SymbolicTensor {
  return apply(padOrCropOperator, [x, constant(int64(widths))], { mode: 'constant' })[0]
}

/** Channels in a block of the engine's fast layout: 8 with AVX2, 16 with AVX-512; undefined where it has none. */
export type BlockSize = number | undefined

const BLOCKED_DOMAIN = 'com.microsoft.nchwc'

/** [b,c,h,w] to the blocked layout [b, c/block, h, w, block]. The engine keeps calling its shape [b,c,h,w]. */
const reorderInputOperator = engineOperator<Record<string, never>>({
  name: 'ReorderInput',
  domain: BLOCKED_DOMAIN,
  attributes: {},
  infer: ([x]) => [x!],
})

/** The blocked layout back to [b,c,h,w]. */
const reorderOutputOperator = engineOperator<{ readonly channels: number }>({
  name: 'ReorderOutput',
  domain: BLOCKED_DOMAIN,
  attributes: { channels: 'int' },
  infer: ([x], { channels }) => [{ dtype: x!.dtype, shape: [x!.shape[0], channels, ...x!.shape.slice(2)] }],
})

export type BlockedConvAttributes = {
  readonly kernel_shape: readonly number[]
  readonly strides: readonly number[]
  readonly pads: readonly number[]
  readonly dilations: readonly number[]
  readonly group: number
}

const blockedConvOperator = engineOperator<BlockedConvAttributes>({
  name: 'Conv',
  domain: BLOCKED_DOMAIN,
  attributes: { kernel_shape: 'ints', strides: 'ints', pads: 'ints', dilations: 'ints', group: 'int' },
  infer: ([x, w], { kernel_shape: kernel, strides, pads, dilations }) => {
    const [batch, , ...input] = x!.shape
    const output: Shape = input.map((extent, axis) => {
      const padded = extent + pads[axis] + pads[input.length + axis]
      return Math.floor((padded - dilations[axis] * (kernel[axis] - 1) - 1) / strides[axis]) + 1
    })
    return [{ dtype: x!.dtype, shape: [batch, w!.shape[0], ...output] }]
  },
})

/** Convolution of blocked x with a blocked weight; result blocked. */
export function blockedConv(
  x: SymbolicTensor,
  w: SymbolicTensor,
  bias: SymbolicTensor | null,
  attributes: BlockedConvAttributes,
): SymbolicTensor {
  return apply(blockedConvOperator, bias ? [x, w, bias] : [x, w], attributes)[0]
}

/**
 * What a blocked convolution gives (seen through reshapes), added to a blocked tensor of its shape: the engine adds in place where that is not needed
 * any more. Undefined where x comes from something else, or was added already.
 */
export function addedConv(x: SymbolicTensor, onto: SymbolicTensor): SymbolicTensor | undefined {
  if (x.source.kind !== 'node') return undefined
  const { operator, inputs, attributes } = x.source.node
  if (operator.name === 'Reshape' && operator.domain === '' && inputs[0]) {
    const sum = addedConv(inputs[0], reshape(onto, inputs[0].shape))
    return sum && reshape(sum, x.shape)
  }
  if (operator !== blockedConvOperator || inputs.length > 3) return undefined
  const [image, weight, bias = null] = inputs
  return apply(operator, [image, weight, bias, onto], attributes)[0]
}

/** What `fromBlocked` made x of, if it did and dropped no channels. */
export function blockedSource(x: SymbolicTensor | null): SymbolicTensor | undefined {
  if (x?.source.kind !== 'node' || x.source.node.operator.name !== reorderOutputOperator.name) return undefined
  const [blocked] = x.source.node.inputs
  return blocked && blocked.shape[1] === x.shape[1] ? blocked : undefined
}

/** To the blocked layout; undoes `fromBlocked` where that came right before. */
export function toBlocked(x: SymbolicTensor): SymbolicTensor {
  return blockedSource(x) ?? apply(reorderInputOperator, [x], {})[0]
}

/** From the blocked layout: all channels, or the first few where the last block was filled up. */
export function fromBlocked(x: SymbolicTensor, channels: number = x.shape[1]): SymbolicTensor {
  return apply(reorderOutputOperator, [x], { channels })[0]
}

type BlockedUpsampleAttributes = {
  readonly scales: readonly number[]
  readonly mode: string
  readonly coordinate_transformation_mode: string
}

const blockedUpsampleOperator = engineOperator<BlockedUpsampleAttributes>({
  name: 'Upsample',
  domain: BLOCKED_DOMAIN,
  attributes: { scales: 'ints', mode: 'string', coordinate_transformation_mode: 'string' },
  infer: ([x], { scales }) => [{ dtype: x!.dtype, shape: x!.shape.map((extent, axis) => extent * scales[axis]) }],
})

/** Blocked x enlarged by whole factors of height and width. `linear`: bilinear with half-pixel centres. */
export function blockedUpsample(
  x: SymbolicTensor,
  scales: readonly number[],
  mode: 'nearest' | 'linear',
): SymbolicTensor {
  const coordinates = mode === 'linear' ? 'half_pixel' : 'asymmetric'
  const attributes = { scales: [1, 1, ...scales], mode, coordinate_transformation_mode: coordinates }
  return apply(blockedUpsampleOperator, [x], attributes)[0]
}

/** What was enlarged to blocked x in that way, if it was. */
export function blockedUpsampleOf(
  x: SymbolicTensor,
  mode: 'nearest' | 'linear',
  scales: readonly number[],
): SymbolicTensor | undefined {
  if (x.source.kind !== 'node' || x.source.node.operator.name !== blockedUpsampleOperator.name) return undefined
  const { attributes, inputs } = x.source.node
  const same = attributes.mode === mode && String(attributes.scales) === String([1, 1, ...scales])
  return same ? (inputs[0] ?? undefined) : undefined
}
