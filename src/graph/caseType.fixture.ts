/**
 * Test support: one checked call of an operator. The same table of cases serves the derivative test (against central differences of
 * the float64 reference) and every runtime's parity test (against the float64 reference in float32).
 */
import type { DType, RandomStream, Shape } from '../base/index.ts'
import { randomStream, sizeOf } from '../base/index.ts'
import type { Graph, Named } from './graph.ts'
import { mapRecord, trace } from './graph.ts'
import type { Reference, SymbolicTensor } from './symbolic.ts'

/** Draws the numbers of one input. */
export type Draw = (random: RandomStream, size: number) => ArrayLike<number>

/** One input of a case: standard normal float32 numbers unless told otherwise. A bare shape stands for just that. */
export interface CaseInput {
  readonly shape: Shape
  readonly dtype?: DType
  readonly draw?: Draw
}

/** One call of an operator with concrete shapes and attributes. */
export interface OperatorCase {
  /** The operator tested, as in the registry: `Conv`; with a domain `composite:Silu`. */
  readonly operator: string
  /** What is special about this call; with the operator's name it is the name of the test. */
  readonly title: string
  readonly inputs: Readonly<Record<string, Shape | CaseInput>>
  /** The call: all outputs of interest. */
  readonly call: (inputs: Named) => readonly SymbolicTensor[]
  /** Inputs in which the derivative is checked; all float inputs if absent. */
  readonly differentiable?: readonly string[]
}

/** Random numbers at least 0.2 away from zero, either sign: for functions with a kink or a pole there. */
export const awayFromZero: Draw = (random, size) =>
  Float64Array.from({ length: size }, () => (random.uniform() < 0.5 ? -1 : 1) * (0.2 + 1.5 * random.uniform()))

/** Random numbers in [0.5, 2). */
export const positive: Draw = (random, size) => Float64Array.from({ length: size }, () => 0.5 + 1.5 * random.uniform())

/** Numbers at least 0.1 apart, in random order and around zero: for maxima, where ties have no derivative. */
export const distinct: Draw = (random, size) =>
  Float64Array.from(random.permutation(size), (rank) => 0.1 * (rank - size / 2) + 0.033)

/** Random integers in [0, bound). */
export function integersBelow(bound: number): Draw {
  return (random, size) => Float64Array.from({ length: size }, () => random.integer(bound))
}

/** The numbers themselves. */
export function exactly(...numbers: number[]): Draw {
  return () => numbers
}

const normal: Draw = (random, size) => random.normal(new Float64Array(size))

const isShape = (value: Shape | CaseInput): value is Shape => Array.isArray(value)
const fullInput = (value: Shape | CaseInput): CaseInput => (isShape(value) ? { shape: value } : value)

/** The case as a graph: its inputs by name, its outputs as `output0`, `output1`, ... */
export function traceCase({ inputs, call }: OperatorCase): Graph {
  const types = mapRecord(inputs, (value) => {
    const { shape, dtype = 'float32' } = fullInput(value)
    return { shape, dtype }
  })
  return trace<string, string>(types, (named) =>
    Object.fromEntries(call(named).map((output, i) => [`output${i}`, output])),
  )
}

/** Values for the inputs of a case. They are float32 numbers held in float64, so that devices see the very same. */
export function drawFeeds({ inputs }: OperatorCase, seed = 0): Record<string, Reference> {
  let item = 0
  return mapRecord(inputs, (value) => {
    const { shape, dtype = 'float32', draw = normal } = fullInput(value)
    const numbers = draw(randomStream({ seed, purpose: 'operator case', item: item++ }), sizeOf(shape))
    return { dtype, shape, data: Float64Array.from(numbers, Math.fround) }
  })
}
