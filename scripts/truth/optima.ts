/** Where an exact objective is largest: on an even grid of log lambda, and by golden sections between its points. */
import type { AtLambda } from './objective.ts'

/** A local maximum; at an end of the range, one that still rises there. */
export interface Optimum {
  readonly lambda: number
  readonly objective: number
  readonly kind: 'inside' | 'low' | 'high'
}

/** The whole truth about a problem. */
export interface Truth {
  /** Objective at lambdas evenly apart in log lambda, both ends of the range among them. */
  readonly objective: readonly number[]
  /** E r1 there, of p* where the target is `penalty`. */
  readonly upper: readonly number[]
  /** Best first; none where the objective is flat. */
  readonly optima: readonly Optimum[]
}

const GOLDEN = (Math.sqrt(5) - 1) / 2

/** Spread of the objective, relative to its size, below which it is flat. */
const FLAT = 1e-11

/** Log lambda of point i of `points`. */
export function gridPoint([low, high]: readonly [number, number], points: number, i: number): number {
  return Math.log(low) + (Math.log(high / low) * i) / (points - 1)
}

export function truthOf(at: (lambda: number) => AtLambda, range: readonly [number, number], points: number): Truth {
  const known = Array.from({ length: points }, (_, i) => at(Math.exp(gridPoint(range, points, i))))
  const objective = known.map((one) => one.objective)
  const upper = known.map((one) => one.upper)
  const [worst, best] = [Math.min(...objective), Math.max(...objective)]
  if (best - worst <= FLAT * Math.max(1, Math.abs(best))) return { objective, upper, optima: [] }
  const optima = objective.flatMap((value, i): Optimum[] => {
    if ((i > 0 && objective[i - 1] >= value) || (i < points - 1 && objective[i + 1] > value)) return []
    const ends = [Math.max(0, i - 1), Math.min(points - 1, i + 1)].map((j) => gridPoint(range, points, j))
    const found = largest((x) => at(Math.exp(x)).objective, ends[0], ends[1])
    // What only the end itself reaches lies there.
    if (i === 0 && found.value <= value) return [{ lambda: range[0], objective: value, kind: 'low' }]
    if (i === points - 1 && found.value <= value) return [{ lambda: range[1], objective: value, kind: 'high' }]
    return [{ lambda: Math.exp(found.x), objective: found.value, kind: 'inside' }]
  })
  return { objective, upper, optima: optima.sort((a, b) => b.objective - a.objective) }
}

/** Golden sections: x and f there, good to the square root of what f is good to. */
function largest(f: (x: number) => number, low: number, high: number) {
  let [a, b] = [low, high]
  let [left, right] = [b - GOLDEN * (b - a), a + GOLDEN * (b - a)]
  let [atLeft, atRight] = [f(left), f(right)]
  while (b - a > 1e-5) {
    if (atLeft > atRight) {
      ;[b, right, atRight] = [right, left, atLeft]
      left = b - GOLDEN * (b - a)
      atLeft = f(left)
    } else {
      ;[a, left, atLeft] = [left, right, atRight]
      right = a + GOLDEN * (b - a)
      atRight = f(right)
    }
  }
  return { x: (a + b) / 2, value: Math.max(atLeft, atRight) }
}
