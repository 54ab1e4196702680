/**
 * Channel shuffles (Zhang et al. 2018, ShuffleNet) taken out of the images and into the weights. A shuffle, written as Reshape, Transpose,
 * Reshape, is a permutation p of channels: y[:, i] = u[:, p[i]]. It commutes with all that treats channels alike or each by itself, and a
 * convolution takes u as it is when the columns of its weight are permuted instead. So does half of a shuffled pair:
 *
 *     split(shuffle(concat(a, b)))[0]  =  p' of concat(first half of a, first half of b)
 *
 * where the halves of a come out of the convolution that makes a, as two with half the filters each, if its weights are constant, and
 * are copied if not. What is left of a shuffle is a permutation of weights, which constant folding takes where they are frozen.
 */
import { int64, sameShape } from '../../base/index.ts'
import type { Graph } from '../graph.ts'
import { rewrite } from '../graph.ts'
import { apply } from '../operator.ts'
import { concat, split } from '../ops/concat.ts'
import { gather } from '../ops/gather.ts'
import type { Node, SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { foldingRule } from './foldConstants.ts'
import type { Uses } from './uses.ts'
import { madeBy, usesOf } from './uses.ts'

type Inputs = readonly (SymbolicTensor | null)[]
type Order = readonly number[]

/** x with its channels in another order: x[:, i] = base[:, order[i]]. */
interface Shuffled {
  readonly base: SymbolicTensor
  readonly order: Order
}

type Rule = (inputs: Inputs, node: Node, uses: Uses) => readonly SymbolicTensor[] | undefined

const inverse = (order: Order): number[] => {
  const back = new Array<number>(order.length)
  order.forEach((from, to) => {
    back[from] = to
  })
  return back
}

const identity = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

const fold = foldingRule()

/** Outputs of one call, evaluated if they are those of constants: later rules ask whether a weight is constant. */
function evaluated(outputs: readonly SymbolicTensor[]): readonly SymbolicTensor[] {
  const [{ source }] = outputs
  return source.kind === 'node' ? (fold(source.node, source.node.inputs) ?? outputs) : outputs
}

/** Rows of a tensor along an axis, in another order. */
function reordered(x: SymbolicTensor, order: Order, axis: number): SymbolicTensor {
  if (order.every((from, to) => from === to)) return x
  return evaluated([gather(x, constant(int64(order)), axis)])[0]
}

/** The tensor and the order that a permutation of channels was made of. */
function shuffledFrom(x: SymbolicTensor | null): Shuffled | undefined {
  const node = madeBy(x, 'Gather')
  const [base, indices] = node?.inputs ?? []
  if (base?.rank !== 4 || node?.attributes.axis !== 1 || !indices?.constant) return undefined
  const order = Array.from(indices.constant.data as BigInt64Array, Number)
  const isPermutation = order.length === base.shape[1] && new Set(order).size === order.length
  return isPermutation && order.every((from) => from >= 0) ? { base, order } : undefined
}

const asShuffled = (x: SymbolicTensor): Shuffled => shuffledFrom(x) ?? { base: x, order: identity(x.shape[1]) }

/** [b, g c, h, w] as [b, g, c, h, w], its second and third axes exchanged, as [b, g c, h, w] again. */
const shuffle: Rule = ([x], { outputs: [y] }) => {
  const exchange = madeBy(x, 'Transpose')
  const before = madeBy(exchange?.inputs[0], 'Reshape')
  const source = before?.inputs[0]
  if (!before || source?.rank !== 4 || !sameShape(source.shape, y.shape)) return undefined
  const [, groups, each, ...plane] = before.outputs[0].shape
  const exchanges = String(exchange?.attributes.perm) === '0,2,1,3,4' && sameShape(plane, source.shape.slice(2))
  if (!exchanges || groups * each !== source.shape[1]) return undefined
  const order = identity(groups * each).map((i) => (i % groups) * each + Math.floor(i / groups))
  const { base, order: earlier } = asShuffled(source)
  const whole = order.map((from) => earlier[from])
  return [reordered(base, whole, 1)]
}

const convolution: Rule = ([x, weight, bias], { operator, attributes }) => {
  const shuffled = shuffledFrom(x)
  if (!shuffled || !weight) return undefined
  const { base, order } = shuffled
  if (attributes.group === 1) {
    return apply(
      operator,
      [base, reordered(weight, inverse(order), 1), bias ?? null].slice(0, bias ? 3 : 2),
      attributes,
    )
  }
  if (attributes.group !== base.shape[1] || weight.shape[0] !== base.shape[1]) return undefined
  const own = [weight, ...(bias ? [bias] : [])].map((value) => reordered(value, inverse(order), 0))
  return [reordered(apply(operator, [base, ...own], attributes)[0], order, 1)]
}

/** Scale, bias, mean and variance [c] go with their channels. */
const batchNorm: Rule = ([x, ...parameters], { operator, attributes }) => {
  const shuffled = shuffledFrom(x)
  if (!shuffled) return undefined
  const own = parameters.map((value) => reordered(value!, inverse(shuffled.order), 0))
  return [reordered(apply(operator, [shuffled.base, ...own], attributes)[0], shuffled.order, 1)]
}

/** All channels alike. */
const alike: Rule = ([x], { operator, attributes }) => {
  const shuffled = shuffledFrom(x)
  return shuffled && [reordered(apply(operator, [shuffled.base], attributes)[0], shuffled.order, 1)]
}

/** Two images, or an image and one number per image, channel or both. */
const binary: Rule = (inputs, { operator, attributes, outputs: [y] }) => {
  const first = inputs.find((value) => value && sameShape(value.shape, y.shape) && shuffledFrom(value))
  const order = first && shuffledFrom(first)?.order
  if (!order) return undefined
  const fits = inputs.map((value) => {
    if (!value || value.size === 1) return value
    if (value.rank !== 4 || value.shape[1] !== order.length) return undefined
    const { base, order: own } = asShuffled(value)
    const whole = inverse(order).map((i) => own[i])
    return reordered(base, whole, 1)
  })
  if (fits.some((value) => value === undefined)) return undefined
  return [reordered(apply(operator, fits as Inputs, attributes)[0], order, 1)]
}

const joined: Rule = (inputs, { operator, attributes }) => {
  const parts = inputs as readonly SymbolicTensor[]
  if (attributes.axis !== 1 || !parts.some((part) => shuffledFrom(part))) return undefined
  const shuffled = parts.map(asShuffled)
  let offset = 0
  const order = shuffled.flatMap((part) => {
    const own = part.order.map((from) => from + offset)
    offset += own.length
    return own
  })
  const bases = shuffled.map(({ base }) => base)
  return [reordered(apply(operator, bases, attributes)[0], order, 1)]
}

/** Each part of a shuffled join, if it is a join of runs of the same lengths out of what was joined. */
const cut: Rule = ([x], node, uses) => {
  const shuffled = shuffledFrom(x)
  const join = madeBy(shuffled?.base, 'Concat')
  if (!shuffled || !join || node.attributes.axis !== 1 || join.attributes.axis !== 1) return undefined
  const pieces = join.inputs as readonly SymbolicTensor[]
  const count = node.outputs.length
  const starts = pieces.map((_, i) => pieces.slice(0, i).reduce((sum, piece) => sum + piece.shape[1], 0))
  if (pieces.some(({ shape }) => shape[1] % count !== 0)) return undefined
  const orders: number[][] = []
  let first = 0
  for (let part = 0; part < count; part++) {
    const width = node.outputs[part].shape[1]
    const taken = shuffled.order.slice(first, first + width)
    first += width
    // Where each channel of the join lies in this part's own join of runs.
    const place = new Map<number, number>()
    pieces.forEach(({ shape }, i) => {
      const run = shape[1] / count
      for (let k = 0; k < run; k++) place.set(starts[i] + part * run + k, place.size)
    })
    const order = taken.map((channel) => place.get(channel) ?? -1)
    if (place.size !== width || order.includes(-1)) return undefined
    orders.push(order)
  }
  const whole = isPrivateJoin(node.inputs[0]!, uses)
  const cuts = pieces.map((piece) => partsOf(piece, count, whole))
  return orders.map((order, part) =>
    reordered(
      concat(
        cuts.map((parts) => parts[part]),
        1,
      ),
      order,
      1,
    ),
  )
}

/** Whether nothing but the cut takes a shuffled join, back to the calls that make what is joined. */
function isPrivateJoin(x: SymbolicTensor, uses: Uses): boolean {
  let value: SymbolicTensor | null = x
  while (value && madeBy(value, 'Concat') === undefined) {
    const node: Node | undefined = madeBy(value, 'Reshape') ?? madeBy(value, 'Transpose')
    if (!node || uses.get(value) !== 1) return false
    value = node.inputs[0]
  }
  if (!value || uses.get(value) !== 1) return false
  return madeBy(value, 'Concat')!.inputs.every((piece) => isPrivate(piece!, uses))
}

/** A convolution, batch norm and activation after it included, that nothing else takes. */
function isPrivate(x: SymbolicTensor, uses: Uses): boolean {
  if (uses.get(x) !== 1) return false
  if (madeBy(x, 'Conv')) return true
  const before = madeBy(x, 'Silu', 'composite') ?? madeBy(x, 'BatchNormalization')
  return before?.inputs[0] != null && isPrivate(before.inputs[0], uses)
}

/** x cut into equal parts along its channels: by its convolution if `whole` may be given up, else by copying. */
function partsOf(x: SymbolicTensor, count: number, whole: boolean): readonly SymbolicTensor[] {
  const width = x.shape[1] / count
  const widths = new Array<number>(count).fill(width)
  const inParts = whole ? byProducer(x, widths) : undefined
  return inParts ?? split(x, widths, 1)
}

function byProducer(x: SymbolicTensor, widths: readonly number[]): readonly SymbolicTensor[] | undefined {
  const silu = madeBy(x, 'Silu', 'composite')
  if (silu?.inputs[0]) {
    const before = byProducer(silu.inputs[0], widths)
    return before?.map((part) => apply(silu.operator, [part], silu.attributes)[0])
  }
  const perChannel = madeBy(x, 'BatchNormalization')
  if (perChannel?.inputs[0]) {
    const [source, ...parameters] = perChannel.inputs as readonly SymbolicTensor[]
    const before = byProducer(source, widths)
    const own = parameters.map((value) => evaluated(split(value, widths, 0)))
    return before?.map(
      (part, i) => apply(perChannel.operator, [part, ...own.map((all) => all[i])], perChannel.attributes)[0],
    )
  }
  const conv = madeBy(x, 'Conv')
  const [image, ...own] = conv?.inputs ?? []
  if (!conv || !image || conv.attributes.group !== 1 || !own.every((value) => value?.constant)) return undefined
  const rows = own.map((value) => evaluated(split(value!, widths, 0)))
  return widths.map((_, i) => apply(conv.operator, [image, ...rows.map((all) => all[i])], conv.attributes)[0])
}

const RULES: Readonly<Record<string, Rule>> = {
  ':Reshape': shuffle,
  ':Conv': convolution,
  ':BatchNormalization': batchNorm,
  ':Add': binary,
  ':Sub': binary,
  ':Mul': binary,
  ':Concat': joined,
  ':Split': cut,
  'composite:Silu': alike,
  'composite:UpsampleBilinear': alike,
  'composite:UpsampleNearest': alike,
}

/** Takes channel shuffles into the weights. A graph without them comes back as it is. */
export function absorbShuffles<I extends string, O extends string>(graph: Graph<I, O>): Graph<I, O> {
  const uses = usesOf(graph)
  return rewrite(graph, (node, inputs) => RULES[`${node.operator.domain}:${node.operator.name}`]?.(inputs, node, uses))
}
