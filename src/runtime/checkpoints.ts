/**
 * Gradient checkpointing by cutting the graph (Chen et al. 2016, arXiv 1604.06174): the forward pass is cut where little is alive, what passes the cuts is
 * kept, and on the way back each segment is computed again from there, convolutions and products too. Memory goes from all activations to those of a
 * segment and the cuts; time grows by at most a forward pass. The numbers are the same: the same calls on the same values.
 *
 * A segment's second computation must not begin before the way back has come to it, and no engine may find that it was computed before. So it starts from
 * Where(c, v, v), which is v, with a condition c of the gradients that the segments after it have handed back.
 */
import type { Graph, Node, SymbolicTensor } from '../graph/index.ts'
import { add, apply, cast, greater, liveBytes, mapRecord, nodesOf, reshape, slice, where } from '../graph/index.ts'
import { bytesOf } from './recompute.ts'
import { dependingOn } from './split.ts'

/** Numbers of segments that are tried. */
const SEGMENTS = [2, 3, 4, 6, 8, 12, 16, 24, 32]

/** Bytes of a value that is kept wherever it is made. */
const SMALL = 2 ** 16

/** Share of a segment by which a cut may lie aside, to where less is alive. */
const ASIDE = 0.45

/**
 * The graph of a derivative with its forward pass in the number of segments that keeps least alive; the graph itself where none helps.
 * @param later names of inputs that the forward pass does without: the cotangent
 */
export function checkpointed<I extends string, O extends string>(graph: Graph<I, O>, later: readonly I[]): Graph<I, O> {
  let best = graph
  let least = liveBytes(graph)
  for (const segments of SEGMENTS) {
    const cut = inSegments(graph, later, segments)
    const alive = liveBytes(cut)
    if (alive < least) [best, least] = [cut, alive]
  }
  return best
}

/** The same with so many segments. */
export function inSegments<I extends string, O extends string>(
  graph: Graph<I, O>,
  later: readonly I[],
  segments: number,
): Graph<I, O> {
  const outputs = Object.values<SymbolicTensor>(graph.outputs)
  const isLate = dependingOn(later.map((name) => graph.inputs[name]))
  // What only the way back takes, such as a slope, is of the way back, whatever it depends on.
  const early = nodesOf(outputs.filter((value) => !isLate(value)))
  const forward = new Set(early)
  const late = nodesOf(outputs).filter((node) => !forward.has(node))
  const needed = new Set(late.flatMap(({ inputs }) => inputs))
  const cuts = cutsOf(early, needed, segments)
  const segmentOf = new Map<SymbolicTensor, number>()
  early.forEach(({ outputs }, at) => {
    for (const value of outputs) segmentOf.set(value, cuts.ends.filter((end) => end < at).length)
  })
  const last = cuts.ends.length
  /** The segment in which a value is made again; the last one's, and what is kept, are not. */
  const againIn = (value: SymbolicTensor | null): number => {
    const segment = value === null ? undefined : segmentOf.get(value)
    return value === null || segment === undefined || cuts.kept.has(value) || bytesOf(value) < SMALL ? last : segment
  }
  return new Rewriting(graph, { early, late, later, last, againIn, segmentOf }).result()
}

interface Cuts {
  /** Places of the last calls of all segments but the last one. */
  readonly ends: readonly number[]
  /** What passes a cut. */
  readonly kept: ReadonlySet<SymbolicTensor>
}

/** Cuts after about as many bytes each of what the way back needs, each where least is alive nearby. */
function cutsOf(early: readonly Node[], needed: ReadonlySet<SymbolicTensor | null>, segments: number): Cuts {
  const lastUse = new Map<SymbolicTensor, number>()
  early.forEach(({ inputs }, at) => {
    for (const value of inputs) if (value?.source.kind === 'node') lastUse.set(value, at)
  })
  const alive = new Float64Array(early.length)
  const made = new Float64Array(early.length)
  const dying = new Float64Array(early.length + 1)
  let [now, sum] = [0, 0]
  early.forEach(({ outputs }, at) => {
    for (const value of outputs) {
      const end = lastUse.get(value)
      if (needed.has(value)) sum += bytesOf(value)
      if (end === undefined) continue
      now += bytesOf(value)
      dying[end] += bytesOf(value)
    }
    now -= dying[at]
    alive[at] = now
    made[at] = sum
  })
  const ends: number[] = []
  for (let k = 1; k < segments; k++) {
    const [from, to] = [k - ASIDE, k + ASIDE].map((part) => (part * sum) / segments)
    let best = -1
    for (let at = (ends.at(-1) ?? -1) + 1; at < early.length - 1; at++) {
      if (made[at] < from || made[at] > to) continue
      if (best < 0 || alive[at] < alive[best]) best = at
    }
    if (best >= 0) ends.push(best)
  }
  const kept = new Set<SymbolicTensor>()
  early.forEach(({ outputs }, at) => {
    for (const value of outputs) {
      if (ends.some((end) => at <= end && (lastUse.get(value) ?? -1) > end)) kept.add(value)
    }
  })
  return { ends, kept }
}

interface Parts {
  readonly early: readonly Node[]
  readonly late: readonly Node[]
  readonly later: readonly string[]
  /** The last segment. */
  readonly last: number
  readonly againIn: (value: SymbolicTensor | null) => number
  readonly segmentOf: ReadonlyMap<SymbolicTensor, number>
}

const isFloat = ({ dtype }: SymbolicTensor): boolean => dtype === 'float32' || dtype === 'float64'

class Rewriting<I extends string, O extends string> {
  readonly #graph: Graph<I, O>
  readonly #parts: Parts
  /** The earliest segment that a call of the way back needs again, by itself or through what it takes. */
  readonly #stage = new Map<Node, number>()
  readonly #renewed = new Map<SymbolicTensor, SymbolicTensor>()
  /** By segment: values as they are made again there. */
  readonly #again = new Map<number, Map<SymbolicTensor, SymbolicTensor>>()

  constructor(graph: Graph<I, O>, parts: Parts) {
    this.#graph = graph
    this.#parts = parts
    for (const node of parts.late) {
      const stages = node.inputs.map((value) => {
        const maker = value?.source.kind === 'node' ? this.#stage.get(value.source.node) : undefined
        return maker ?? parts.againIn(value)
      })
      this.#stage.set(node, Math.min(...stages, parts.last))
    }
  }

  result(): Graph<I, O> {
    const { late, last } = this.#parts
    const stageOf = (node: Node) => this.#stage.get(node) ?? last
    // Later segments first: what a segment waits for is there before it.
    for (const node of late.toSorted((one, other) => stageOf(other) - stageOf(one))) this.#renew(node)
    const outputs = mapRecord(this.#graph.outputs, (value: SymbolicTensor) => this.#renewed.get(value) ?? value)
    return { inputs: this.#graph.inputs, outputs }
  }

  #renew(node: Node): void {
    const { againIn, last } = this.#parts
    const inputs = node.inputs.map((value) => {
      const segment = againIn(value)
      if (value === null || segment === last) return value && (this.#renewed.get(value) ?? value)
      return this.#segment(segment).get(value) ?? value
    })
    const changed = inputs.some((value, i) => value !== node.inputs[i])
    const outputs = changed ? apply(node.operator, inputs, node.attributes) : node.outputs
    node.outputs.forEach((value, i) => {
      this.#renewed.set(value, outputs[i])
    })
  }

  /** What the way back needs of a segment, made again from what is kept. */
  #segment(segment: number): Map<SymbolicTensor, SymbolicTensor> {
    const known = this.#again.get(segment)
    if (known) return known
    const { early, late, againIn } = this.#parts
    const wanted = new Set(late.flatMap(({ inputs }) => inputs.filter((value) => againIn(value) === segment)))
    const calls: Node[] = []
    for (const node of early.toReversed()) {
      if (!node.outputs.some((value) => wanted.has(value))) continue
      calls.unshift(node)
      for (const value of node.inputs) if (againIn(value) === segment) wanted.add(value)
    }
    const come = this.#come(segment)
    const values = new Map<SymbolicTensor, SymbolicTensor>()
    const from = (value: SymbolicTensor | null) => {
      if (value === null || value.constant || !isFloat(value)) return value
      const made = values.get(value) ?? where(come, value, value)
      values.set(value, made)
      return made
    }
    for (const node of calls) {
      const made = apply(node.operator, node.inputs.map(from), node.attributes)
      node.outputs.forEach((value, i) => {
        values.set(value, made[i])
      })
    }
    this.#again.set(segment, values)
    return values
  }

  /** A condition, of any outcome, that is known when all that the segments after it hand back is there. */
  #come(segment: number): SymbolicTensor {
    const { late, later } = this.#parts
    const handed = new Set<SymbolicTensor>()
    for (const node of late) {
      if ((this.#stage.get(node) ?? 0) > segment) continue
      for (const value of node.inputs) {
        const made = value?.source.kind === 'node' ? this.#stage.get(value.source.node) : undefined
        if (value && made !== undefined && made > segment && isFloat(value)) handed.add(value)
      }
    }
    const values = [...handed].map((value) => this.#renewed.get(value) ?? value)
    const all = values.length > 0 ? values : later.map((name) => this.#graph.inputs[name as I])
    const firsts = all.map((value) => slice(reshape(value, [-1]), { axis: 0, end: 1 }))
    return greater(
      firsts.reduce((sum, first) => add(sum, first.dtype === sum.dtype ? first : cast(first, sum.dtype))),
      0,
    )
  }
}
