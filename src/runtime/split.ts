/**
 * One graph as two programs: what can be computed before the last inputs are there, and the rest. A network's derivative is one: its
 * forward pass first, the cotangent later. What passes between the two is the least that the second needs when calls of one pass over
 * memory are made again there: a minimum cut, weighing bytes.
 */
import type { Graph, Named, Node, Operator, SymbolicTensor } from '../graph/index.ts'
import { absorbShuffles, apply, expandComposites, input, nodesOf, rewrite, simplify } from '../graph/index.ts'
import { keptName } from './kept.ts'
import { minimumCut } from './minimumCut.ts'
import { bytesOf, isCheap } from './recompute.ts'

/** The two graphs. The second takes what it needs of the first's inputs, `kept.*` and the later inputs. */
export interface SplitGraph {
  /** Takes the inputs that are not later; gives the outputs that need no others, and `kept.*`. */
  readonly first: Graph
  /** Gives the other outputs. */
  readonly second: Graph
  /** Names of the tensors that pass between them. */
  readonly kept: readonly string[]
  /** Bytes of these. */
  readonly keptBytes: number
}

/** An early input is at hand anyway, so passing it costs next to nothing. */
const INPUT_BYTES = 1

/**
 * Splits a graph at its later inputs.
 * @param later names of inputs that the first graph has to do without
 */
export function splitGraph(graph: Graph, later: readonly string[]): SplitGraph {
  const whole = singleResults(absorbShuffles(simplify(graph)))
  const isLate = dependingOn(later.map((name) => whole.inputs[name]))
  const outputs = Object.entries(whole.outputs)
  const [early, late] = [false, true].map((side) => outputs.filter(([, value]) => isLate(value) === side))
  const crossing = crossingValues(
    late.map(([, value]) => value),
    isLate,
  )
  const passed = leastCut(crossing, isLate)
  const names = new Map<SymbolicTensor, string>()
  for (const value of passed) {
    names.set(value, value.source.kind === 'input' ? value.source.name : keptName(names.size))
  }
  const made = [...names].filter(([{ source }]) => source.kind === 'node')
  const first: Graph = {
    inputs: named(Object.entries(whole.inputs).filter(([name]) => !later.includes(name))),
    outputs: named([...early, ...made.map(([value, name]) => [name, value] as const)]),
  }
  const second = fromKept({ inputs: whole.inputs, outputs: named(late) }, names, later)
  const kept = made.map(([, name]) => name)
  return { first, second, kept, keptBytes: made.reduce((sum, [value]) => sum + bytesOf(value), 0) }
}

const named = (entries: readonly (readonly [string, SymbolicTensor])[]): Named => Object.fromEntries(entries)

/** Composites of several results expanded, so that what makes one of them need not make the others again. */
function singleResults(graph: Graph): Graph {
  const several = new Set<Operator>()
  for (const { operator, outputs } of nodesOf(Object.values(graph.outputs))) {
    if (outputs.length > 1) several.add(operator)
  }
  return simplify(expandComposites(graph, (operator) => !several.has(operator)))
}

/** Tells which tensors depend on any of the given ones. */
export function dependingOn(roots: readonly SymbolicTensor[]): (value: SymbolicTensor) => boolean {
  const known = new Map<SymbolicTensor, boolean>(roots.map((root) => [root, true]))
  return (asked) => {
    const answer = known.get(asked)
    if (answer !== undefined) return answer
    for (const { inputs, outputs } of nodesOf([asked])) {
      if (known.has(outputs[0])) continue
      const late = inputs.some((value) => value !== null && known.get(value) === true)
      for (const output of outputs) known.set(output, late)
    }
    return known.get(asked) ?? false
  }
}

/** Early tensors that late calls take, constants aside. */
function crossingValues(
  outputs: readonly SymbolicTensor[],
  isLate: (value: SymbolicTensor) => boolean,
): Set<SymbolicTensor> {
  const crossing = new Set<SymbolicTensor>()
  for (const node of nodesOf(outputs)) {
    if (!isLate(node.outputs[0])) continue
    for (const value of node.inputs) if (value && !value.constant && !isLate(value)) crossing.add(value)
  }
  return crossing
}

/** The least bytes of early tensors that all crossing ones follow from. */
function leastCut(crossing: ReadonlySet<SymbolicTensor>, isLate: (value: SymbolicTensor) => boolean): SymbolicTensor[] {
  const nodes = nodesOf([...crossing]).filter(({ outputs }) => !isLate(outputs[0]))
  const values = [...new Set([...crossing, ...nodes.flatMap(valuesOf)])]
  const numbers = new Map(values.map((value, number) => [value, number]))
  const edges: [number, number][] = []
  const sources = values.flatMap(({ source }, number) => (source.kind === 'input' ? [number] : []))
  for (const node of nodes) {
    const from = node.inputs.flatMap((value) => (value && numbers.get(value)) ?? [])
    for (const output of node.outputs) {
      const to = numbers.get(output)
      if (to === undefined) continue
      if (isCheap(node)) edges.push(...from.map((number) => [number, to] as [number, number]))
      else sources.push(to)
    }
  }
  const costs = values.map((value) => (value.source.kind === 'input' ? INPUT_BYTES : Math.max(1, bytesOf(value))))
  const sinks = [...crossing].map((value) => numbers.get(value) ?? 0)
  return minimumCut({ costs, edges, sources, sinks }).map((number) => values[number])
}

/** The tensors of a call that hold something which is not known before. */
const valuesOf = ({ inputs, outputs }: Node): SymbolicTensor[] =>
  [...inputs, ...outputs].filter((value): value is SymbolicTensor => value !== null && value.constant === undefined)

/** The graph from what is kept on, with it as inputs. */
function fromKept(graph: Graph, names: ReadonlyMap<SymbolicTensor, string>, later: readonly string[]): Graph {
  const inputs = new Map<string, SymbolicTensor>(later.map((name) => [name, graph.inputs[name]]))
  const asInput = (value: SymbolicTensor): SymbolicTensor | undefined => {
    const name = names.get(value)
    if (name === undefined) return undefined
    const known = inputs.get(name) ?? input(name, value.shape, value.dtype)
    inputs.set(name, known)
    return known
  }
  const { outputs } = rewrite(
    graph,
    (node, renewed) => {
      if (!node.outputs.some((value) => names.has(value))) return undefined
      const again = apply(node.operator, renewed, node.attributes)
      return node.outputs.map((value, i) => asInput(value) ?? again[i])
    },
    (value) => asInput(value) ?? value,
  )
  return { inputs: Object.fromEntries(inputs), outputs }
}
