/** Common subexpression elimination: two calls of one operator on the same tensors with the same attributes become one. */
import type { Tensor } from '../../base/index.ts'
import type { Rewrite } from '../graph.ts'
import { apply } from '../operator.ts'
import type { Attributes, SymbolicTensor } from '../symbolic.ts'

/** Constants up to this many elements are compared by value, larger ones by identity of their data. */
const COMPARED_ELEMENTS = 64

/** Numbers things: the same number for the same thing, tensors by how they are made, constants by what they hold. */
class Numbering {
  readonly #numbers = new Map<unknown, number>()
  readonly #tensors = new Map<SymbolicTensor | null, number>()

  of(thing: unknown): number {
    const known = this.#numbers.get(thing)
    if (known !== undefined) return known
    this.#numbers.set(thing, this.#numbers.size)
    return this.#numbers.size - 1
  }

  ofTensor(value: SymbolicTensor | null): number {
    const known = this.#tensors.get(value)
    if (known !== undefined) return known
    const number = this.of(value?.constant ? this.contentKey(value.constant) : value)
    this.#tensors.set(value, number)
    return number
  }

  contentKey({ dtype, shape, data }: Tensor): string {
    return `${dtype}[${shape}]${data.length <= COMPARED_ELEMENTS ? contentOf(data) : `#${this.of(data)}`}`
  }
}

/** The rule of common subexpression elimination; one rule serves one rewrite. */
export function commonRule(): Rewrite {
  const numbering = new Numbering()
  const known = new Map<string, readonly SymbolicTensor[]>()
  const keyOfAttributes = (attributes: Attributes): string => {
    let key = ''
    for (const name of Object.keys(attributes).sort()) {
      const value = attributes[name]
      key += `${name}=${isTensor(value) ? numbering.of(numbering.contentKey(value)) : JSON.stringify(value)},`
    }
    return key
  }
  return (node, inputs) => {
    const { operator, attributes } = node
    let key = `${numbering.of(operator)}{${keyOfAttributes(attributes)}}`
    for (const value of inputs) key += `;${numbering.ofTensor(value)}`
    const before = known.get(key)
    if (before) return before
    const changed = inputs.some((value, i) => value !== node.inputs[i])
    const outputs = changed ? apply(operator, inputs, attributes) : node.outputs
    known.set(key, outputs)
    return outputs
  }
}

/** Contents of a small array, byte by byte: -0 is told from 0. */
function contentOf({ buffer, byteOffset, byteLength }: Tensor['data']): string {
  return String.fromCharCode(...new Uint8Array(buffer, byteOffset, byteLength))
}

function isTensor(value: Attributes[string]): value is Tensor {
  return typeof value === 'object' && 'dtype' in value
}
