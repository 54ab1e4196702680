/**
 * What normalisations and their gradients do to every channel by itself, as depthwise convolutions of one tap in the blocked layout: a slope
 * and an offset per channel, with a sum on top in the same pass; and as one depthwise convolution whose kernel is a whole image, the sum
 * over positions of a product, which is then never written. The engine divides these among its threads, its BatchNormalization it does not.
 */
import { sameShape } from '../../base/index.ts'
import type { Node, SymbolicTensor } from '../../graph/index.ts'
import { reduceSum, reshape } from '../../graph/index.ts'
import type { BlockSize } from './operators.ts'
import { addedConv, blockedConv, blockedSource, fromBlocked, toBlocked } from './operators.ts'

type Inputs = readonly (SymbolicTensor | null)[]
/** How many calls and outputs take a tensor. */
export type Uses = ReadonlyMap<SymbolicTensor, number>
/** By tensor: the operators that take it, by domain and name. */
export type Takers = ReadonlyMap<SymbolicTensor, ReadonlySet<string>>

const makerOf = (value: SymbolicTensor | null): Node | undefined =>
  value?.source.kind === 'node' ? value.source.node : undefined

const isA = (node: Node | undefined, name: string, domain = ''): node is Node =>
  node?.operator.name === name && node.operator.domain === domain

/** Whether a tensor lies plain because its maker knows no other layout, or is given so: every taker may bring it to the blocked one. */
function isPlainSource(x: SymbolicTensor): boolean {
  if (x.source.kind === 'input') return true
  const maker = makerOf(x)
  return isA(maker, 'Reshape') && isA(makerOf(maker.inputs[0]), 'InstanceNormalization')
}

/** x [b,c,h,w] in the blocked layout, where it came from it or bringing it there is no more than another would have to. */
export function blockable(x: SymbolicTensor | null, block: number): SymbolicTensor | undefined {
  const blocked = blockedSource(x)
  if (blocked || !x) return blocked
  return fitsBlocks(x, block) && isPlainSource(x) ? toBlocked(x) : undefined
}

/** Whether images have whole blocks of channels, and more than one position. */
export function fitsBlocks({ rank, dtype, shape }: SymbolicTensor, block: number): boolean {
  return rank === 4 && dtype === 'float32' && shape[1] % block === 0 && shape[2] * shape[3] > 1
}

/** Depthwise convolution of one tap: x[n,k] w[k] + offset[k], k of any channels that divide x into planes of equal extents. */
function scaled(x: SymbolicTensor, slope: SymbolicTensor, offset: SymbolicTensor | null): SymbolicTensor {
  const { size: channels } = slope
  const [batch, ofImage, height, width] = x.shape
  const view = reshape(x, [(batch * ofImage) / channels, channels, height, width])
  const one = { kernel_shape: [1, 1], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: channels }
  return reshape(blockedConv(view, reshape(slope, [channels, 1, 1, 1]), offset, one), x.shape)
}

const isAll = (value: SymbolicTensor | null, wanted: number): boolean =>
  value?.constant !== undefined && (value.constant.data as Float32Array).every((one) => one === wanted)

/** slope x + offset, as the graph writes it: BatchNormalization with mean 0 and variance 1, of [b,c,h,w] or of its planes [1, b c, h w]. */
export function affine([x, slope, offset, mean, variance]: Inputs, node: Node, block: BlockSize) {
  if (!block || !x || !slope || !offset || node.attributes.epsilon !== 0) return undefined
  if (!isAll(mean, 0) || !isAll(variance, 1)) return undefined
  const planes = makerOf(x)
  const image = isA(planes, 'Reshape') && x.rank === 3 && x.shape[0] === 1 ? planes.inputs[0] : x
  const blocked = image && blockable(image, block)
  if (!blocked || x.size / x.shape[0] / x.shape[1] !== image.shape[2] * image.shape[3]) return undefined
  const y = fromBlocked(scaled(blocked, slope, offset))
  return image === x ? y : reshape(y, x.shape)
}

/** x v with one number of v [b,c,1,1] for each image and channel. */
export function multiplied([a, b]: Inputs, _: Node, block: BlockSize): SymbolicTensor | undefined {
  if (!block || !a || !b) return undefined
  const [x, v] = a.size >= b.size ? [a, b] : [b, a]
  if (x.rank !== 4 || !sameShape(v.shape, [x.shape[0], x.shape[1], 1, 1])) return undefined
  const blocked = blockable(x, block)
  return blocked && fromBlocked(scaled(blocked, reshape(v, [v.size]), null))
}

/** Sum of a convolution that nothing else takes and of what is blocked or comes to be next: the convolution adds to what is there. */
export function added(
  [a, b]: Inputs,
  node: Node,
  block: BlockSize,
  takers: Takers,
  uses: Uses,
): SymbolicTensor | undefined {
  if (!block || !a || !b || !sameShape(a.shape, b.shape)) return undefined
  const goesOnBlocked = takers.get(node.outputs[0])?.has('com.microsoft.nchwc:ReorderInput') ?? false
  for (const [i, [one, other]] of [
    [a, b],
    [b, a],
  ].entries()) {
    const before = node.inputs[i]
    const convolved = blockedSource(one)
    const onto = blockedSource(other) ?? (goesOnBlocked && one.rank === 4 ? toBlocked(other) : undefined)
    if (!convolved || !onto || !before || uses.get(before) !== 1) continue
    const sum = addedConv(convolved, onto)
    if (sum) return fromBlocked(sum)
  }
  return undefined
}

/** Sum over the positions of x [b,c,h,w], or of a product of two such. */
export function overPlanes([x, axes]: Inputs, { outputs: [y] }: Node, block: BlockSize): SymbolicTensor | undefined {
  const over = Array.from((axes?.constant?.data ?? []) as ArrayLike<bigint>, Number)
  if (!block || x?.rank !== 4 || x.dtype !== 'float32' || String(over) !== '2,3') return undefined
  const blocked = blockedSource(x)
  if (!blocked) return undefined
  const [batch, channels, height, width] = x.shape
  const product = makerOf(blocked)
  const [a, b] = product?.inputs ?? []
  if (isA(product, 'Mul') && a && b && sameShape(a.shape, b.shape)) {
    const all = batch * channels
    const kernel = { kernel_shape: [height, width], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: all }
    const sums = blockedConv(reshape(a, [1, all, height, width]), reshape(b, [all, 1, height, width]), null, kernel)
    return reshape(sums, y.shape)
  }
  return reshape(reduceSum(reshape(blocked, [(batch * channels) / block, height * width, block]), [1]), y.shape)
}
