/** The derivative of a network, as it is run, against differences of its float64 evaluation. */
import type { Tensor } from '../../base/index.ts'
import { randomStream } from '../../base/index.ts'
import type { Reference } from '../../graph/index.ts'
import { evaluateTensors, tensorOf, toReference } from '../../graph/index.ts'
import type { Sum } from './differences.ts'
import { centralDerivative } from './differences.ts'
import type { CheckedNetwork } from './network.ts'

/** Random directions of each variable. */
const DIRECTIONS = 3
/** Directions that are tried; from the first along which there is none, each from a point of its own. */
const TRIES = 9
/** How far a point is moved from a kink, in units of its size. */
const MOVE = 0.01

/** Of one variable. */
export interface DerivativeError {
  readonly variable: string
  /** max |graph - differences| / max |differences| over the directions; null: there was a kink along all that were tried. */
  readonly maxRelativeError: number | null
}

type Feeds = Readonly<Record<string, Tensor>>

/** Compares the derivative in each variable with central differences along random directions. */
export async function derivativeErrors(
  network: CheckedNetwork,
  feeds: Feeds,
  seed: number,
): Promise<DerivativeError[]> {
  const here = await network.run(feeds)
  const errors: DerivativeError[] = []
  for (const [item, variable] of network.variables.entries()) {
    const random = randomStream({ seed, purpose: 'onnx directions', item })
    const normal = () => random.normal(new Float64Array(feeds[variable].data.length))
    const byGraph: number[] = []
    const byDifferences: number[] = []
    for (let tried = 0; tried < TRIES && byGraph.length < DIRECTIONS; tried++) {
      // At the point that is given, as long as there is a derivative.
      const isHere = tried === byGraph.length
      const point = isHere ? feeds : moved(feeds, variable, normal())
      const { gradients } = isHere ? here : await network.run(point)
      const line = normal()
      const given = dot(numbersOf(gradients[variable]), line)
      const found = differencesAlong(network, point, variable, line, given)
      if (found === null) continue
      byGraph.push(given)
      byDifferences.push(found)
    }
    const maxRelativeError = byGraph.length > 0 ? relativeError(byGraph, byDifferences) : null
    errors.push({ variable, maxRelativeError })
  }
  return errors
}

/** Of a float tensor. */
const numbersOf = ({ data }: Tensor): Float64Array => Float64Array.from(data, Number)

/** Root mean square; 1 for zeros. */
const sizeOfNumbers = (data: Float64Array): number => Math.sqrt(dot(data, data) / data.length) || 1

function moved(feeds: Feeds, variable: string, by: Float64Array): Feeds {
  const { dtype, shape } = feeds[variable]
  const numbers = numbersOf(feeds[variable])
  const step = MOVE * sizeOfNumbers(numbers)
  const there = numbers.map((x, i) => x + step * by[i])
  return { ...feeds, [variable]: tensorOf(dtype, shape, there) }
}

/** d <cotangent, output> / d distance along a line; null at a kink. */
function differencesAlong(
  { output, cotangent }: CheckedNetwork,
  point: Feeds,
  variable: string,
  line: Float64Array,
  given: number,
): number | null {
  const references = Object.fromEntries(Object.entries(point).map(([name, value]) => [name, toReference(value)]))
  const start: Reference = references[variable]
  const weights = numbersOf(cotangent)
  const at = (distance: number): Sum => {
    const data = start.data.map((x, i) => x + distance * line[i])
    const [{ data: outputs }] = evaluateTensors([output], { ...references, [variable]: { ...start, data } })
    const size = outputs.reduce((sum, y, i) => sum + Math.abs(y * weights[i]), 0)
    return { value: dot(weights, outputs), size }
  }
  return centralDerivative(at, sizeOfNumbers(start.data), given)
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

/** max |a - b| / max |b|; where b is zero all through, 0 or 1 as a is or is not; NaN where one of them is. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [most, off] = [0, 0]
  for (let i = 0; i < b.length; i++) {
    const difference = Math.abs(a[i] - b[i])
    if (Number.isNaN(difference) && !Object.is(a[i], b[i])) return Number.NaN
    if (difference > off) off = difference
    if (Math.abs(b[i]) > most) most = Math.abs(b[i])
  }
  return most > 0 ? off / most : Number(off > 0)
}
