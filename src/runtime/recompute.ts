/**
 * Memory for time: what a derivative needs of the forward pass and is cheap to make again is made again instead of kept (Chen et
 * al. 2016, arXiv 1604.06174, for single calls rather than segments). What is kept is the least that all else can be made of: a
 * minimum cut through the calls between the two passes, each weighing its bytes. The results are the same to the byte, as the same call
 * gives the same numbers.
 */
import type { Graph, Node, SymbolicTensor } from '../graph/index.ts'
import { apply, nodesOf, rewrite } from '../graph/index.ts'
import { minimumCut } from './minimumCut.ts'

/** Calls that pass over their input once. */
const CHEAP = new Set(
  'BatchNormalization Sub Add Mul Neg QuickGelu Sigmoid ReorderInput ReorderOutput Concat Gather Transpose'.split(' '),
)
/** Calls that only give memory another shape. */
const VIEWS = new Set(['Reshape', 'Identity'])

/** Bytes that may be alive at one time before anything is made again. */
const ENOUGH = 2 ** 30
/** Bytes of a value that is not worth a thought. */
const SMALL = 2 ** 16
/** Parts of the forward pass by which more and more of it may be made again. */
const PARTS = 8

const ELEMENT_BYTES = { float32: 4, float64: 8, int32: 4, int64: 8, bool: 1 }
export const bytesOf = ({ dtype, size }: SymbolicTensor): number => size * ELEMENT_BYTES[dtype]

const nodeOf = (value: SymbolicTensor | null): Node | undefined =>
  value?.source.kind === 'node' ? value.source.node : undefined

/** The tensor whose memory a value is. */
function holderOf(value: SymbolicTensor): SymbolicTensor {
  const node = nodeOf(value)
  return node && VIEWS.has(node.operator.name) && node.inputs[0] ? holderOf(node.inputs[0]) : value
}

/** Calls in order, and the one during which most bytes are alive. Inputs and constants are not counted. */
function schedule(outputs: readonly SymbolicTensor[]): { nodes: Node[]; peak: number; bytes: number } {
  const nodes = nodesOf(outputs)
  const lastUse = new Map<SymbolicTensor, number>()
  nodes.forEach((node, at) => {
    for (const value of [...node.outputs, ...node.inputs]) if (value) lastUse.set(holderOf(value), at)
  })
  for (const value of outputs) lastUse.set(holderOf(value), nodes.length)
  const freed = new Float64Array(nodes.length + 1)
  for (const [value, at] of lastUse) if (nodeOf(value)) freed[at] += bytesOf(value)
  let [alive, peak, bytes] = [0, 0, 0]
  nodes.forEach(({ operator, outputs: made }, at) => {
    if (!VIEWS.has(operator.name)) for (const value of made) alive += bytesOf(value)
    if (alive > bytes) [peak, bytes] = [at, alive]
    alive -= freed[at]
  })
  return { nodes, peak, bytes }
}

/**
 * The graph with cheap results made again where they would have to be kept over the moment when most is alive, so that no more than
 * `enough` bytes are alive then, or as few as possible. Graphs that need less are left as they are.
 */
export function recompute<I extends string, O extends string>(graph: Graph<I, O>, enough = ENOUGH): Graph<I, O> {
  const { nodes, peak, bytes } = schedule(Object.values(graph.outputs))
  if (bytes <= enough) return graph
  const early = nodes.slice(0, peak + 1)
  const late = new Set(nodes.slice(peak + 1))
  const needed = new Set(nodes.slice(peak + 1).flatMap(({ inputs }) => inputs))
  const before = total(early.flatMap(({ outputs }) => outputs.filter((value) => needed.has(value))))
  // The more may be made again the less is kept: the smallest part that is enough, by halving.
  const keptOf = (part: number) => leastToKeep(early, needed, Math.ceil((early.length * part) / PARTS))
  let [tooSmall, part] = [0, PARTS]
  let kept: ReadonlySet<SymbolicTensor> | undefined
  while (part - tooSmall > 1) {
    const middle = (tooSmall + part) >> 1
    const least = keptOf(middle)
    if (bytes - before + total(least) <= enough) [part, kept] = [middle, least]
    else tooSmall = middle
  }
  kept ??= keptOf(PARTS)
  const copyOf = copier(new Set(early), kept)
  return rewrite(graph, (node, inputs) => {
    if (!late.has(node)) return undefined
    const renewed = node.inputs.map((value, i) => {
      const again = value && copyOf(value)
      return again === value ? inputs[i] : again
    })
    return renewed.some((value, i) => value !== node.inputs[i])
      ? apply(node.operator, renewed, node.attributes)
      : undefined
  })
}

/** Bytes of the tensors that values live in. */
function total(values: Iterable<SymbolicTensor>): number {
  let bytes = 0
  for (const holder of new Set([...values].map(holderOf))) bytes += bytesOf(holder)
  return bytes
}

/** The least of what early calls made that gives all that is needed when cheap ones among the first `count` are made again. */
function leastToKeep(
  early: readonly Node[],
  needed: ReadonlySet<SymbolicTensor | null>,
  count: number,
): ReadonlySet<SymbolicTensor> {
  const values = early.flatMap(({ outputs }) => outputs).filter((value) => bytesOf(value) >= SMALL)
  const numbers = new Map(values.map((value, number) => [value, number]))
  const edges: [number, number][] = []
  const sources: number[] = []
  early.forEach((node, at) => {
    const repeatable = at < count && isCheap(node)
    for (const output of node.outputs) {
      const to = numbers.get(output)
      if (to === undefined) continue
      if (!repeatable) sources.push(to)
      else for (const from of numbersOf(node.inputs, numbers)) edges.push([from, to])
    }
  })
  const sinks = numbersOf([...needed], numbers)
  return new Set(minimumCut({ costs: values.map(bytesOf), edges, sources, sinks }).map((number) => values[number]))
}

export const isCheap = (node: Node): boolean =>
  CHEAP.has(node.operator.name) || VIEWS.has(node.operator.name) || isAffine(node)

/** A depthwise convolution of one tap: a slope and an offset per channel. */
const isAffine = ({ operator: { name }, attributes: { group, kernel_shape }, inputs: [, weight] }: Node): boolean =>
  name === 'Conv' && String(kernel_shape) === '1,1' && weight?.shape[1] === 1 && group === weight.shape[0]

function numbersOf(values: readonly (SymbolicTensor | null)[], numbers: ReadonlyMap<SymbolicTensor, number>): number[] {
  return values.flatMap((value) => (value && numbers.get(value)) ?? [])
}

/** Gives the value itself where it is kept, or a copy made of what is kept. */
function copier(early: ReadonlySet<Node>, kept: ReadonlySet<SymbolicTensor>) {
  const copies = new Map<SymbolicTensor, SymbolicTensor>()
  const copyOf = (value: SymbolicTensor): SymbolicTensor => {
    const node = nodeOf(value)
    if (!node || !early.has(node) || kept.has(value) || bytesOf(value) < SMALL) return value
    let copy = copies.get(value)
    if (!copy) {
      const inputs = node.inputs.map((input) => input && copyOf(input))
      copy = apply(node.operator, inputs, node.attributes)[node.outputs.indexOf(value)]
      copies.set(value, copy)
    }
    return copy
  }
  return copyOf
}
