/**
 * Test support: derivatives of traced functions against central differences of the float64 reference evaluation. The functional is
 * a random weighted sum of all float outputs; it is differentiated along single elements and along one random direction.
 */
import { randomStream, sizeOf } from '../base/index.ts'
import { evaluateTensors } from './evaluate.ts'
import { vjp } from './gradient.ts'
import type { Graph } from './graph.ts'
import { isFloat } from './ops/elementwise.ts'
import type { Reference, SymbolicTensor } from './symbolic.ts'
import { constant } from './symbolic.ts'
import { tensorOf } from './values.ts'

/** Derivatives along one direction, by the graph and by differences. */
export interface DirectionalDerivative {
  readonly input: string
  /** Element number, or `all` for the random direction. */
  readonly along: number | 'all'
  readonly graph: number
  readonly differences: number
  /** |difference of the two| over the largest element of the gradient (or the derivative itself where that is larger). */
  readonly error: number
}

/** Single elements tried per input; larger inputs are sampled. */
const ELEMENTS = 8
const STEP = 2e-4

/** Random cotangents, float32 numbers, one for each float output. */
export function randomCotangents(outputs: readonly SymbolicTensor[], seed = 0): SymbolicTensor[] {
  return outputs.map(({ dtype, shape }, item) => {
    const numbers = randomStream({ seed, purpose: 'cotangent', item }).normal(new Float64Array(sizeOf(shape)))
    return constant(tensorOf(dtype, shape, numbers.map(Math.fround)))
  })
}

/** Compares the derivative in each of the named inputs with fourth-order central differences. */
export function compareDerivatives(
  graph: Graph,
  feeds: Readonly<Record<string, Reference>>,
  names: readonly string[],
): DirectionalDerivative[] {
  const outputs = Object.values(graph.outputs).filter(isFloat)
  const cotangents = randomCotangents(outputs)
  const weights = evaluateTensors(cotangents)
  const gradients = evaluateTensors(
    vjp(
      outputs,
      cotangents,
      names.map((name) => graph.inputs[name]),
    ),
    feeds,
  )
  const functional = (moved: Readonly<Record<string, Reference>>) =>
    evaluateTensors(outputs, moved).reduce((sum, { data }, i) => sum + dot(data, weights[i].data), 0)
  return names.flatMap((name, n) =>
    directions(feeds[name].data.length).map(({ along, direction }) => {
      const at = (t: number) =>
        functional({ ...feeds, [name]: { ...feeds[name], data: feeds[name].data.map((x, i) => x + t * direction[i]) } })
      const differences = (8 * (at(STEP) - at(-STEP)) - (at(2 * STEP) - at(-2 * STEP))) / (12 * STEP)
      const byGraph = dot(gradients[n].data, direction)
      const scale = gradients[n].data.reduce((max, g) => Math.max(max, Math.abs(g)), Math.abs(differences))
      const error = Math.abs(byGraph - differences) / Math.max(scale, 1e-3)
      return { input: name, along, graph: byGraph, differences, error }
    }),
  )
}

function directions(size: number): { along: number | 'all'; direction: Float64Array }[] {
  const random = randomStream({ seed: 5, purpose: 'directions' })
  const elements = [...random.permutation(size).subarray(0, ELEMENTS)]
  return [
    { along: 'all', direction: random.normal(new Float64Array(size)) },
    ...elements.map((element) => ({ along: element, direction: new Float64Array(size).fill(1, element, element + 1) })),
  ]
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, x, i) => sum + x * b[i], 0)
}
