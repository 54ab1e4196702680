/**
 * The blocked layout carried through what stands between convolutions: an operator on tensors that were just brought back from it
 * becomes the same operator on the blocked tensors, brought back after it. Reorderings wander down until they meet a convolution,
 * where they cancel, or something that needs the plain layout.
 *
 * A blocked tensor [b, c/k, h, w, k] is called [b,c,h,w] in the graph. Whole blocks of channels lie together, so joining and cutting at
 * multiples of k, and whatever treats all elements alike, take it as it is.
 */
import { sameShape } from '../../base/index.ts'
import type { Graph, Node, Operator, SymbolicTensor } from '../../graph/index.ts'
import { apply, concat, nodesOf, reshape, split } from '../../graph/index.ts'
import type { Takers } from './channelwise.ts'
import { blockable } from './channelwise.ts'
import type { BlockSize } from './operators.ts'
import { blockedSource, blockedUpsample, fromBlocked, toBlocked } from './operators.ts'

type Inputs = readonly (SymbolicTensor | null)[]
type LayoutRule = (inputs: Inputs, node: Node, block: number, takers: Takers) => readonly SymbolicTensor[] | undefined

export const keyOf = ({ domain, name }: Operator): string => `${domain}:${name}`

/** Which operators take each tensor of a graph. */
export function takersOf(graph: Graph): Takers {
  const takers = new Map<SymbolicTensor, Set<string>>()
  for (const { operator, inputs } of nodesOf(Object.values(graph.outputs))) {
    for (const value of inputs) {
      if (!value) continue
      const known = takers.get(value) ?? new Set<string>()
      takers.set(value, known.add(keyOf(operator)))
    }
  }
  return takers
}

/** f of x, in the layout x came from. */
export function elementwise(x: SymbolicTensor, f: (x: SymbolicTensor) => SymbolicTensor): SymbolicTensor {
  const blocked = blockedSource(x)
  return blocked ? fromBlocked(f(blocked)) : f(x)
}

const unary: LayoutRule = ([x], { operator, attributes }) => {
  const blocked = blockedSource(x)
  return blocked && [fromBlocked(apply(operator, [blocked], attributes)[0])]
}

/** Operators for which the plain layout must be there in any case. */
const PLAIN = new Set([
  ':Reshape',
  ':Transpose',
  ':ReduceSum',
  ':ReduceMean',
  ':InstanceNormalization',
  ':LayerNormalization',
])

const binary: LayoutRule = ([a, b], { operator, attributes, outputs: [y] }, block, takers) => {
  if (!a || !b) return undefined
  const call = (x: SymbolicTensor, y: SymbolicTensor) => apply(operator, [x, y], attributes)[0]
  let [left, right] = [blockedSource(a), blockedSource(b)]
  if (sameShape(a.shape, b.shape) && (left || right)) [left, right] = [blockable(a, block), blockable(b, block)]
  if (left && right && sameShape(a.shape, b.shape)) return [fromBlocked(call(left, right))]
  if (left && b.size === 1 && b.rank <= 4) return [fromBlocked(call(left, b))]
  if (right && a.size === 1 && a.rank <= 4) return [fromBlocked(call(a, right))]
  // Numbers per channel cost the blocked layout more than the plain one.
  if ([...(takers.get(y) ?? [])].every((taker) => PLAIN.has(taker))) return undefined
  if (left && isPerChannel(b, a)) return [fromBlocked(withChannels(left, b, block, call))]
  if (right && isPerChannel(a, b)) return [fromBlocked(withChannels(right, a, block, (x, y) => call(y, x)))]
  return undefined
}

/** [b or 1, c, 1, 1] beside x [b,c,h,w]. */
function isPerChannel({ shape }: SymbolicTensor, x: SymbolicTensor): boolean {
  const [batch, channels, height, width] = x.shape
  return shape.length === 4 && sameShape(shape.slice(1), [channels, 1, 1]) && height * width > 1 && shape[0] === batch
}

/**
 * call(x, v) for blocked x and one number v per image and channel. The engine broadcasts runs of k numbers slowly, so v is repeated
 * along a row of the image first.
 */
function withChannels(
  x: SymbolicTensor,
  v: SymbolicTensor,
  block: number,
  call: (x: SymbolicTensor, v: SymbolicTensor) => SymbolicTensor,
): SymbolicTensor {
  const [batch, channels, height, width] = x.shape
  const blocks = (batch * channels) / block
  const lanes = reshape(v, [blocks, 1, 1, block])
  const row = reshape(concat(new Array<SymbolicTensor>(width).fill(lanes), 2), [blocks, 1, width * block])
  return reshape(call(reshape(x, [blocks, height, width * block]), row), x.shape)
}

const isOfBlocks = (extents: readonly number[], block: number) => extents.every((extent) => extent % block === 0)

const joined: LayoutRule = (parts, { attributes: { axis } }, block) => {
  const known = parts as readonly SymbolicTensor[]
  if (axis !== 1 || known[0].rank !== 4 || !parts.some((part) => blockedSource(part))) return undefined
  if (
    !isOfBlocks(
      known.map(({ shape }) => shape[1]),
      block,
    )
  )
    return undefined
  return [fromBlocked(concat(known.map(toBlocked), 1))]
}

const cut: LayoutRule = ([x], { outputs, attributes: { axis } }, block) => {
  const blocked = blockedSource(x)
  const extents = outputs.map(({ shape }) => shape[1])
  if (!blocked || axis !== 1 || !isOfBlocks(extents, block)) return undefined
  return split(blocked, extents, 1).map((part) => fromBlocked(part))
}

const enlarged =
  (mode: 'nearest' | 'linear'): LayoutRule =>
  ([x], { attributes: { scales } }) => {
    const blocked = blockedSource(x)
    return blocked && [fromBlocked(blockedUpsample(blocked, scales as readonly number[], mode))]
  }

const RULES: Readonly<Record<string, LayoutRule>> = {
  ...Object.fromEntries(['Sigmoid', 'Tanh', 'Relu', 'Neg', 'Exp', 'Sqrt'].map((name) => [`:${name}`, unary])),
  'com.microsoft:QuickGelu': unary,
  ...Object.fromEntries(['Add', 'Sub', 'Mul', 'Div'].map((name) => [`:${name}`, binary])),
  ':Concat': joined,
  ':Split': cut,
  'composite:UpsampleBilinear': enlarged('linear'),
  'composite:UpsampleNearest': enlarged('nearest'),
}

/** By domain and name: operators that have a rule here. */
export const hasLayoutRule = (key: string): boolean => key in RULES

/** A call in the blocked layout, or undefined where its inputs do not come from it. */
export function inBlockedLayout(
  key: string,
  inputs: Inputs,
  node: Node,
  block: BlockSize,
  takers: Takers,
): readonly SymbolicTensor[] | undefined {
  return block ? RULES[key]?.(inputs, node, block, takers) : undefined
}
