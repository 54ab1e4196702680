/** The derivative of a network, as it is run, against differences of its float64 evaluation. */
import type { Tensor } from '../../base/index.ts'
import { randomStream } from '../../base/index.ts'
import type { Reference } from '../../graph/index.ts'
import { evaluateTensors, tensorOf, toReference } from '../../graph/index.ts'
import { centralDerivative } from './differences.ts'
import type { CheckedNetwork } from './network.ts'

/** Random directions of each variable. */
const DIRECTIONS = 3
/** Directions that are tried for one along which there is a derivative; each but the first from another point. */
const TRIES = 5
/** How far a point is moved from a kink, in units of its size. */
const MOVE = 0.01

/** Derivatives along directions. */
interface Along {
  readonly byGraph: number[]
  readonly byDifferences: number[]
}

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
  const errors: DerivativeError[] = []
  for (const [item, variable] of network.variables.entries()) {
    const random = randomStream({ seed, purpose: 'onnx directions', item })
    const along: Along = { byGraph: [], byDifferences: [] }
    for (let direction = 0; direction < DIRECTIONS; direction++) {
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const point = attempt === 0 ? feeds : moved(feeds, variable, random.normal(numbersLike(feeds[variable])), MOVE)
        const line = random.normal(numbersLike(feeds[variable]))
        const found = differencesAlong(network, point, variable, line)
        if (found === null) continue
        const { gradients } = await network.run(point)
        along.byGraph.push(dot(gradients[variable].data as Float32Array, line))
        along.byDifferences.push(found)
        break
      }
    }
    errors.push({
      variable,
      maxRelativeError: along.byGraph.length > 0 ? relativeError(along.byGraph, along.byDifferences) : null,
    })
  }
  return errors
}

const numbersLike = ({ data }: Tensor): Float64Array => new Float64Array(data.length)

/** Root mean square; 1 for zeros. */
const sizeOfNumbers = (data: ArrayLike<number>): number => Math.sqrt(dot(data, data) / data.length) || 1

function moved(feeds: Feeds, variable: string, by: Float64Array, distance: number): Feeds {
  const { dtype, shape, data } = feeds[variable]
  const step = distance * sizeOfNumbers(data as Float32Array)
  const numbers = Float64Array.from(data as Float32Array, (x, i) => x + step * by[i])
  return { ...feeds, [variable]: tensorOf(dtype, shape, numbers) }
}

/** d <cotangent, output> / d distance along a line; null at a kink. */
function differencesAlong(
  { output, cotangent }: CheckedNetwork,
  point: Feeds,
  variable: string,
  line: Float64Array,
): number | null {
  const references = Object.fromEntries(Object.entries(point).map(([name, value]) => [name, toReference(value)]))
  const at: Reference = references[variable]
  const outputAt = (distance: number): Float64Array => {
    const data = at.data.map((x, i) => x + distance * line[i])
    return evaluateTensors([output], { ...references, [variable]: { ...at, data } })[0].data
  }
  const weights = cotangent.data as Float32Array
  const here = outputAt(0)
  return centralDerivative({
    value: (distance) => dot(weights, outputAt(distance)),
    size: here.reduce((sum, y, i) => sum + Math.abs(y * weights[i]), 0),
    unit: sizeOfNumbers(at.data),
  })
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
