/** Common subexpression elimination: two calls of one operator on the same tensors with the same attributes become one. */
import type { Tensor } from '../../base/index.ts'
import type { Graph, Rewrite } from '../graph.ts'
import { rewrite } from '../graph.ts'
import { apply } from '../operator.ts'
import type { Attributes, SymbolicTensor } from '../symbolic.ts'

/** Constants up to this many elements are compared by value, larger ones by identity of their data. */
const COMPARED_ELEMENTS = 64

/** Numbers things: the same number for the same thing. */
class Numbering {
  readonly #numbers = new Map<unknown, number>()

  of(thing: unknown): number {
    const known = this.#numbers.get(thing)
    if (known !== undefined) return known
    this.#numbers.set(thing, this.#numbers.size)
    return this.#numbers.size - 1
  }
}

/** The rule of common subexpression elimination; one rule serves one rewrite. */
export function commonRule(): Rewrite {
  const numbering = new Numbering()
  const known = new Map<string, readonly SymbolicTensor[]>()
  const keyOfTensor = ({ dtype, shape, data }: Tensor): string => {
    const content = data.length <= COMPARED_ELEMENTS ? contentOf(data) : `#${numbering.of(data)}`
    return `${dtype}[${shape}]${content}`
  }
  const keyOfInput = (value: SymbolicTensor | null): string => {
    if (value === null) return '-'
    return value.constant ? keyOfTensor(value.constant) : String(numbering.of(value))
  }
  const keyOfAttributes = (attributes: Attributes): string =>
    Object.entries(attributes)
      .map(([name, value]) => `${name}=${isTensor(value) ? keyOfTensor(value) : JSON.stringify(value)}`)
      .sort()
      .join()
  return (node, inputs) => {
    const { operator, attributes } = node
    const key = `${numbering.of(operator)}(${inputs.map(keyOfInput).join(';')}){${keyOfAttributes(attributes)}}`
    const before = known.get(key)
    if (before) return before
    const changed = inputs.some((value, i) => value !== node.inputs[i])
    const outputs = changed ? apply(operator, inputs, attributes) : node.outputs
    known.set(key, outputs)
    return outputs
  }
}

/** Contents of a small array; -0 is told from 0. */
function contentOf(data: Tensor['data']): string {
  return Array.from(data as ArrayLike<number | bigint>, (value) => (Object.is(value, -0) ? '-0' : String(value))).join()
}

function isTensor(value: Attributes[string]): value is Tensor {
  return typeof value === 'object' && 'dtype' in value
}

/** Merges equal calls. */
export function eliminateCommon<I extends string, O extends string>(graph: Graph<I, O>): Graph<I, O> {
  return rewrite(graph, commonRule())
}
