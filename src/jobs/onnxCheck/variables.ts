/** What a decoded network is differentiated in, and the calls on the way that have no derivative. */
import { BilevelError } from '../../base/index.ts'
import type { Graph, Named, Node, SymbolicTensor } from '../../graph/index.ts'
import { input, nodesOf, rewrite, vjp } from '../../graph/index.ts'

/** A network as a function of floats. */
export interface Variables {
  readonly graph: Graph
  /** Names of inputs of the graph. */
  readonly names: readonly string[]
  /** Inputs that reach the output by whole numbers alone, with what is said of them. */
  readonly notes: readonly string[]
  /** Values of the inputs that are tables of the file. */
  readonly tables: ReadonlyMap<string, SymbolicTensor>
}

const isFloat = ({ dtype }: SymbolicTensor): boolean => dtype.startsWith('float')

/**
 * The float inputs; of a network that takes whole numbers alone (a text), the tables in which it looks them up.
 * @param output the tensor that is differentiated
 */
export function variablesOf(graph: Graph, output: SymbolicTensor): Variables {
  const floats = Object.entries(graph.inputs).filter(([, value]) => isFloat(value))
  if (floats.length === 0) return withTables(graph, output)
  const notes: string[] = []
  const names = floats.flatMap(([name, value]) => {
    const cut = cutPath(output, value)
    if (cut === null) return [name]
    notes.push(`there is no derivative in the input '${name}': ${cut}`)
    return []
  })
  return { graph, names, notes, tables: new Map() }
}

/** Why the output depends on a variable by whole numbers alone; null where it does not. */
function cutPath(output: SymbolicTensor, variable: SymbolicTensor): string | null {
  try {
    vjp([output], [output], [variable])
    return null
  } catch (error) {
    const isCut = error instanceof BilevelError && error.code === 'graph.derivative'
    if (!isCut) throw error
    return nodesWithoutDerivative([output], [variable]).length > 0 ? null : error.message
  }
}

/** The tables as inputs. */
function withTables(graph: Graph, output: SymbolicTensor): Variables {
  const found = new Set<SymbolicTensor>()
  for (const { operator, inputs } of nodesOf([output])) {
    const [data, indices] = inputs
    if (operator.name === 'Gather' && data?.constant && isFloat(data) && !indices?.constant) found.add(data)
  }
  const tables = new Map([...found].map((table, i) => [freshName(graph, i), table]))
  const opened = new Map([...tables].map(([name, table]) => [table, input(name, table.shape, table.dtype)]))
  const { outputs } = rewrite(
    graph,
    () => undefined,
    (value) => opened.get(value) ?? value,
  )
  const inputs: Named = {
    ...graph.inputs,
    ...Object.fromEntries([...tables].map(([name, table]) => [name, opened.get(table)!])),
  }
  return { graph: { inputs, outputs }, names: [...tables.keys()], notes: [], tables }
}

function freshName({ inputs }: Graph, i: number): string {
  let name = `table ${i}`
  while (Object.hasOwn(inputs, name)) name += '_'
  return name
}

/** Calls between variables and outputs, by floats all the way, that no derivative goes through. */
export function nodesWithoutDerivative(
  outputs: readonly SymbolicTensor[],
  variables: readonly SymbolicTensor[],
): Node[] {
  const nodes = nodesOf(outputs)
  const reached = new Set(variables)
  for (const node of nodes) {
    if (!node.inputs.some((value) => value && reached.has(value))) continue
    for (const value of node.outputs) if (isFloat(value)) reached.add(value)
  }
  const needed = new Set(outputs.filter((value) => reached.has(value)))
  return nodes.toReversed().filter((node) => {
    if (!node.outputs.some((value) => needed.has(value))) return false
    for (const value of node.inputs) if (value && reached.has(value)) needed.add(value)
    return !node.operator.differentiate
  })
}
