/**
 * Systematic resampling of a population (Kitagawa 1996) in a random order: in a given one, weights that come in a period (a class per
 * item, by turns) would be drawn all alike. Float64 throughout.
 */
import type { RandomStream } from '../../base/index.ts'
import { logSumExp } from '../../base/index.ts'

/**
 * Whom each place of the new population copies: of n places particle i gets floor or ceil of n w_i, n w_i on average.
 * @param logWeights any normalisation
 * @param n default: as many places as particles
 */
export function systematicAncestors(logWeights: Float64Array, random: RandomStream, n = logWeights.length): Int32Array {
  const order = random.permutation(logWeights.length)
  const uniform = random.uniform()
  const total = logSumExp(logWeights)
  const ancestors = new Int32Array(n)
  let next = 0
  let reached = 0
  let last = 0
  for (const i of order) {
    const share = Math.exp(logWeights[i] - total)
    reached += share
    if (share > 0) last = i
    while (next < n && (next + uniform) / n < reached) ancestors[next++] = i
  }
  // The sum of the weights may end a rounding error short of 1.
  while (next < n) ancestors[next++] = last
  return ancestors
}
