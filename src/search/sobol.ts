/**
 * Sobol' points, by the direction numbers of Joe and Kuo (SIAM J. Sci. Comput. 30, 2008), scrambled by nested uniform digits (Owen 1995): a bit is
 * flipped or not by a hash of the bits above it, so each seed has another net of the same evenness.
 */
import { inputError, randomStream } from '../base/index.ts'

/** Degree, coefficients and first direction numbers of each dimension from the second on. */
const DIRECTIONS: readonly (readonly [number, number, readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
  [5, 11, [1, 1, 5, 1, 1]],
  [5, 13, [1, 1, 1, 3, 11]],
  [5, 14, [1, 3, 5, 5, 31]],
  [6, 1, [1, 3, 3, 9, 7, 49]],
  [6, 13, [1, 1, 1, 15, 21, 21]],
  [6, 16, [1, 3, 1, 13, 27, 49]],
]
const BITS = 32

/** Dimensions that there are direction numbers for. */
export const MOST_SOBOL = DIRECTIONS.length + 1

const tables = new Map<number, Uint32Array>()

/** v_1 … v_32 of a dimension, each with its bit in front. */
function directionsOf(dimension: number): Uint32Array {
  const known = tables.get(dimension)
  if (known) return known
  const v = new Uint32Array(BITS)
  if (dimension === 0) {
    for (let i = 0; i < BITS; i++) v[i] = 2 ** (BITS - 1 - i)
  } else {
    const [degree, coefficients, first] = DIRECTIONS[dimension - 1]
    for (let i = 0; i < BITS; i++) {
      if (i < degree) {
        v[i] = first[i] * 2 ** (BITS - 1 - i)
        continue
      }
      let next = v[i - degree] ^ (v[i - degree] >>> degree)
      for (let k = 1; k < degree; k++) if ((coefficients >> (degree - 1 - k)) & 1) next ^= v[i - k]
      v[i] = next
    }
  }
  tables.set(dimension, v)
  return v
}

/**
 * Point `index` of the sequence, in [0, 1) each.
 * @param seed null: not scrambled, index 0 is the origin
 * @throws `search.sobol` on more dimensions than there are direction numbers for
 */
export function sobolPoint(index: number, dimensions: number, seed: number | null): number[] {
  if (dimensions > MOST_SOBOL) {
    throw inputError(
      'search.sobol',
      `Sobol points have at most ${MOST_SOBOL} dimensions here, got ${dimensions}; use random`,
    )
  }
  const gray = (index ^ (index >>> 1)) >>> 0
  return Array.from({ length: dimensions }, (_, dimension) => {
    const v = directionsOf(dimension)
    let word = 0
    for (let bit = 0; bit < BITS; bit++) if ((gray >>> bit) & 1) word ^= v[bit]
    return (seed === null ? word >>> 0 : scrambled(word >>> 0, dimension, seed)) / 2 ** BITS
  })
}

/** Each bit flipped by the random bit that belongs to the bits above it. */
function scrambled(word: number, dimension: number, seed: number): number {
  let flips = 0
  for (let bit = 0; bit < BITS; bit++) {
    const item = bit === 0 ? 0 : word >>> (BITS - bit)
    const random = randomStream({ seed, purpose: `search.sobol.${dimension}`, step: bit, item })
    flips |= (random.word() & 1) << (BITS - 1 - bit)
  }
  return (word ^ flips) >>> 0
}
