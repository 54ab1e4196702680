/**
 * What a graph is, as one hash: two graphs with the same key compute the same by the same calls in the same order, down to the
 * bytes of their constants and the names of their inputs and outputs. Hashing takes a hundredth of lowering and loading.
 */
import type { Sha256, Tensor } from '../base/index.ts'
import { sha256Stream } from '../base/index.ts'
import type { Attributes, Graph, Operator, SymbolicTensor } from '../graph/index.ts'
import { allOperators, nodesOf } from '../graph/index.ts'

export interface GraphKey {
  /** SHA-256, hexadecimal. */
  readonly hash: string
  /** Number of calls. */
  readonly nodes: number
  /**
   * Whether the key means the same in other processes: every operator is one of this project's own. What a caller has defined is
   * known by its name and this process's number for it, as its functions may hold anything.
   */
  readonly portable: boolean
}

/** The project's operators: all that are there before a caller can define more. */
const own = new Set<Operator>(allOperators())

const foreign = new WeakMap<Operator, number>()
let foreignCount = 0

function foreignNumber(operator: Operator): number {
  const known = foreign.get(operator)
  if (known !== undefined) return known
  foreign.set(operator, ++foreignCount)
  return foreignCount
}

/** The key of a graph. Every record tells its own length, so that no two different graphs write the same text. */
export function graphKey(graph: Graph): GraphKey {
  const writer = new KeyWriter()
  for (const [name, value] of Object.entries(graph.inputs)) {
    writer.line(`input ${JSON.stringify(name)} ${value.dtype} [${value.shape}]`)
    writer.number(value)
  }
  const nodes = nodesOf(Object.values(graph.outputs))
  let portable = true
  for (const { operator, inputs, attributes, outputs } of nodes) {
    const number = own.has(operator) ? 0 : foreignNumber(operator)
    if (number > 0) portable = false
    const numbers = inputs.map((value) => (value ? writer.number(value) : '-'))
    const { domain, name } = operator
    writer.line(`call ${JSON.stringify([domain, name, number, outputs.length])} ${numbers}`)
    writer.attributes(attributes)
    for (const output of outputs) writer.number(output)
  }
  for (const [name, value] of Object.entries(graph.outputs)) {
    const number = writer.number(value)
    writer.line(`output ${JSON.stringify(name)} ${number}`)
  }
  return { hash: writer.finish(), nodes: nodes.length, portable }
}

/** Lines are gathered, as many short updates of a hash are slow. */
const GATHERED_LINES = 4096

class KeyWriter {
  readonly #hash: Sha256 = sha256Stream()
  readonly #numbers = new Map<SymbolicTensor, number>()
  #lines: string[] = []

  line(text: string): void {
    this.#lines.push(text)
    if (this.#lines.length >= GATHERED_LINES) this.#flush()
  }

  /** A tensor's number: inputs, constants and results in order of first use. A constant's contents are written at its first use. */
  number(value: SymbolicTensor): number {
    const known = this.#numbers.get(value)
    if (known !== undefined) return known
    const number = this.#numbers.size
    this.#numbers.set(value, number)
    if (value.constant) this.#tensor('constant', value.constant)
    return number
  }

  attributes(attributes: Attributes): void {
    for (const name of Object.keys(attributes).sort()) {
      const value = attributes[name]
      if (typeof value === 'string') this.line(`  ${name} ${JSON.stringify(value)}`)
      else if (typeof value === 'number') this.line(`  ${name} ${exact(value)}`)
      else if ('dtype' in value) this.#tensor(`  ${name}`, value)
      else this.line(`  ${name} [${value.map(exact)}]`)
    }
  }

  finish(): string {
    this.#flush()
    return this.#hash.hex()
  }

  /** Element type and shape say how many bytes follow. */
  #tensor(what: string, { dtype, shape, data }: Tensor): void {
    this.line(`${what} ${dtype} [${shape}]`)
    this.#flush()
    this.#hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }

  #flush(): void {
    this.#hash.update(`${this.#lines.join('\n')}\n`)
    this.#lines = []
  }
}

/** A number so that different ones look different: -0 is told from 0. */
const exact = (value: number): string => (Object.is(value, -0) ? '-0' : String(value))
