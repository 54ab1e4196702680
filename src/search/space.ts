/** Where a search looks: named numbers in ranges. Methods work in the unit cube, in which a logarithmic dimension is even in its logarithm. */
import { inputError } from '../base/index.ts'

/** One number that is looked for. */
export interface Dimension {
  readonly name: string
  readonly low: number
  readonly high: number
  /** Default linear. */
  readonly scale?: 'linear' | 'log'
  /** Values of the first round of a grid, ends included. Default 5. */
  readonly gridPoints?: number
}

export type SearchSpace = readonly Dimension[]

/** @throws `search.space` where a range is empty or infinite, a logarithmic one not above 0, or a name not there once */
export function checkSpace(space: SearchSpace): void {
  if (space.length === 0) throw inputError('search.space', 'a search needs at least one dimension, got none')
  const names = new Set<string>()
  for (const { name, low, high, scale = 'linear', gridPoints = 5 } of space) {
    const refuse = (rule: string, came: string) => {
      throw inputError('search.space', `dimension '${name}' must have ${rule}, got ${came}`)
    }
    if (names.has(name)) refuse('a name of its own', 'it twice')
    names.add(name)
    const ends = `${low} to ${high}`
    if (!(Number.isFinite(low) && Number.isFinite(high) && low < high)) refuse('a finite range, low < high', ends)
    if (scale === 'log' && !(low > 0)) refuse('a range above 0 to be logarithmic', ends)
    if (!(Number.isInteger(gridPoints) && gridPoints >= 2)) refuse('two grid points or more', String(gridPoints))
  }
}

/** A point in [0, 1] each as values. */
export const fromUnit = (space: SearchSpace, unit: readonly number[]): number[] =>
  space.map(({ low, high, scale }, i) => {
    const u = Math.min(1, Math.max(0, unit[i]))
    // The ends themselves, whatever rounding does to the logarithm.
    if (u === 0) return low
    if (u === 1) return high
    return scale === 'log' ? Math.exp(Math.log(low) * (1 - u) + Math.log(high) * u) : low * (1 - u) + high * u
  })

/** Values as a point of the unit cube; what is outside of a range becomes its end. */
export const toUnit = (space: SearchSpace, point: readonly number[]): number[] =>
  space.map(({ low, high, scale }, i) => {
    const u = scale === 'log' ? Math.log(point[i] / low) / Math.log(high / low) : (point[i] - low) / (high - low)
    return Math.min(1, Math.max(0, u))
  })
