/**
 * What normalisations and their gradients do to every channel by itself, as depthwise convolutions of one tap in the blocked layout: a slope
 * and an offset per channel, with a sum on top in the same pass; and as one depthwise convolution whose kernel is a whole image, the sum
 * over positions of a product, which is then never written. The engine divides these among its threads, its BatchNormalization it does not.
 */
import { filled, sameShape } from '../../base/index.ts'
import type { Node, SymbolicTensor } from '../../graph/index.ts'
import { constant, mul, reduceSum, reshape } from '../../graph/index.ts'
import type { BlockSize } from './operators.ts'
import { addedConv, blockedConv, blockedSource, fromBlocked, toBlocked } from './operators.ts'

type Inputs = readonly (SymbolicTensor | null)[]
/** How many calls and outputs take a tensor. */
export type Uses = ReadonlyMap<SymbolicTensor, number>
/** By tensor: the operators that take it, by domain and name. */
export type Takers = ReadonlyMap<SymbolicTensor, ReadonlySet<string>>
/** What a form of a call may depend on. */
export interface Surroundings {
  readonly block: BlockSize
  readonly takers: Takers
  readonly uses: Uses
  /** Whether layouts are settled: what lies plain now stays so. */
  readonly settled: boolean
}

const makerOf = (value: SymbolicTensor | null): Node | undefined =>
  value?.source.kind === 'node' ? value.source.node : undefined

const isA = (node: Node | undefined, name: string, domain = ''): node is Node =>
  node?.operator.name === name && node.operator.domain === domain

/** Whether a tensor lies plain because its maker knows no other layout, or is given so: every taker may bring it to the blocked one. */
function isPlainSource(x: SymbolicTensor): boolean {
  if (x.source.kind === 'input') return true
  const maker = makerOf(x)
  if (!isA(maker, 'Reshape')) return false
  const before = makerOf(maker.inputs[0])
  return isA(before, 'InstanceNormalization') || isA(before, 'LayerNormalization')
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

/** Positions of a plane from which seeing it as blocks is worth the numbers repeated for it. */
const LEAST_PLANE = 256

/** Whether every plane of plain images [b,c,h,w] can be seen as blocks of one channel: whole blocks of positions, many enough. */
const isFlat = ({ rank, dtype, shape }: SymbolicTensor, block: number): boolean =>
  rank === 4 && dtype === 'float32' && (shape[2] * shape[3]) % block === 0 && shape[2] * shape[3] >= LEAST_PLANE

/** Plain images [b,c,h,w] seen as blocked ones of b times c k channels and h w / k positions: every channel k times. */
const flat = (x: SymbolicTensor, block: number): SymbolicTensor =>
  reshape(x, [x.shape[0], x.shape[1] * block, 1, (x.shape[2] * x.shape[3]) / block])

/** [n] as [n k], each number k times. */
const repeated = (v: SymbolicTensor, block: number): SymbolicTensor =>
  reshape(mul(reshape(v, [v.size, 1]), constant(filled([1, block], 1))), [v.size * block])

/** slope x + offset of blocked or plain images, numbers for each channel or each image's channel; undefined where neither view fits. */
function affineOf(
  x: SymbolicTensor,
  slope: SymbolicTensor,
  offset: SymbolicTensor | null,
  { block, settled }: Surroundings,
): SymbolicTensor | undefined {
  const blocked = block && blockable(x, block)
  if (blocked) return fromBlocked(scaled(blocked, slope, offset))
  if (!block || !settled || !isFlat(x, block)) return undefined
  const y = scaled(flat(x, block), repeated(slope, block), offset && repeated(offset, block))
  return reshape(y, x.shape)
}

/** Whether a tensor is known to be one number throughout. */
export const isAll = (value: SymbolicTensor | null, wanted: number): boolean =>
  value?.constant !== undefined && (value.constant.data as Float32Array).every((one) => one === wanted)

/** slope x + offset, as the graph writes it: BatchNormalization with mean 0 and variance 1, of [b,c,h,w] or of its planes [1, b c, h w]. */
export function affine([x, slope, offset, mean, variance]: Inputs, node: Node, around: Surroundings) {
  if (!x || !slope || !offset || node.attributes.epsilon !== 0) return undefined
  if (!isAll(mean, 0) || !isAll(variance, 1)) return undefined
  const planes = makerOf(x)
  const image = isA(planes, 'Reshape') && x.rank === 3 && x.shape[0] === 1 ? planes.inputs[0] : x
  if (!image || x.size / x.shape[0] / x.shape[1] !== image.shape[2] * image.shape[3]) return undefined
  const y = affineOf(image, slope, offset, around)
  return y && reshape(y, x.shape)
}

/** x v with numbers of v [b,c,1,1] or, where the product is added to something next, [1,c,1,1] as well. */
export function multiplied([a, b]: Inputs, { outputs: [y] }: Node, around: Surroundings) {
  const { block, takers } = around
  if (!block || !a || !b) return undefined
  const [x, v] = a.size >= b.size ? [a, b] : [b, a]
  if (x.rank !== 4) return undefined
  const [batch, channels] = x.shape
  const isAdded = [...(takers.get(y) ?? [])].join() === ':Add'
  const ofEach = sameShape(v.shape, [batch, channels, 1, 1])
  if (!(ofEach && (isAdded || blockable(x, block))) && !(isAdded && sameShape(v.shape, [1, channels, 1, 1])))
    return undefined
  return affineOf(x, reshape(v, [v.size]), null, around)
}

/** Sum of a convolution that nothing else takes and of what is blocked or comes to be next: the convolution adds to what is there. */
export function added([a, b]: Inputs, node: Node, around: Surroundings): SymbolicTensor | undefined {
  const { block, takers, uses } = around
  if (!block || !a || !b || !sameShape(a.shape, b.shape)) return undefined
  const goesOnBlocked = takers.get(node.outputs[0])?.has('com.microsoft.nchwc:ReorderInput') ?? false
  for (const [i, [one, other]] of [
    [a, b],
    [b, a],
  ].entries()) {
    const before = node.inputs[i]
    if (!before || uses.get(before) !== 1) continue
    const inPlace = blockedSource(one) ? undefined : addedConv(one, other)
    if (inPlace) return inPlace
    const convolved = blockedSource(one)
    const onto = blockedSource(other) ?? (goesOnBlocked && one.rank === 4 ? toBlocked(other) : undefined)
    if (!convolved || !onto) continue
    const sum = addedConv(convolved, onto)
    if (sum) return fromBlocked(sum)
  }
  return undefined
}

/** Sum over the positions of x [b,c,h,w] that lies blocked, or of a product of two that nothing else takes. */
export function overPlanes(
  [x, axes]: Inputs,
  { inputs: [before], outputs: [y] }: Node,
  { block, uses, settled }: Surroundings,
): SymbolicTensor | undefined {
  const over = Array.from((axes?.constant?.data ?? []) as ArrayLike<bigint>, Number)
  if (!block || x?.rank !== 4 || x.dtype !== 'float32' || String(over) !== '2,3') return undefined
  const [batch, channels, height, width] = x.shape
  const blocked = blockedSource(x)
  const product = before && uses.get(before) === 1 ? makerOf(blocked ?? x) : undefined
  const [a, b] = product?.inputs ?? []
  if (isA(product, 'Mul') && a && b && sameShape(a.shape, b.shape)) {
    if (blocked) return reshape(dots(a, b, batch * channels, height * width), y.shape)
    if (settled && isFlat(x, block)) {
      const parts = dots(a, b, batch * channels * block, (height * width) / block)
      return reshape(reduceSum(reshape(parts, [batch * channels, block]), [1]), y.shape)
    }
  }
  if (!blocked) return undefined
  return reshape(reduceSum(reshape(blocked, [(batch * channels) / block, height * width, block]), [1]), y.shape)
}

/** Sums of products over positions, of each channel: one that lies as the image is the kernel of the other. */
function dots(a: SymbolicTensor, b: SymbolicTensor, channels: number, positions: number): SymbolicTensor {
  return blockedConv(reshape(a, [1, channels, 1, positions]), reshape(b, [channels, 1, 1, positions]), null, {
    kernel_shape: [1, positions],
    strides: [1, 1],
    pads: [0, 0, 0, 0],
    dilations: [1, 1],
    group: channels,
  })
}
