/**
 * Estimates with their errors, for paths that are only partly independent.
 *
 * An estimate's error is to first order a sum of one influence per path. Paths of one item (equal start and step noise) drawn at several
 * scales are correlated, so influences are first summed per item; items drawn at the same set of scales are independent and alike, so
 * they form a stratum. Where no item is drawn twice, this is stratification by scale.
 */

/** One estimate: what a weighted or a plain mean of paths comes to, and how far it can be relied on. */
export interface Estimated {
  readonly mean: number
  readonly standardError: number
  /** Absolute: `count` for paths drawn at the scale in question. */
  readonly effectiveSampleSize: number
  /** Null where there are no weights, or no tail. */
  readonly paretoK: number | null
  /** Paths that went in. */
  readonly count: number
}

/** A statistic of paths to first order: its value, and how much each path (each copy of it) moves it. */
export interface Linearised {
  readonly mean: number
  /** [n]; error = sum of influences. */
  readonly influence: Float64Array
}

/** A number per item, of `n` items that have an influence each: their mean is the statistic and their spread its error. */
export const itemValues = ({ mean, influence }: Linearised, n: number): Float64Array =>
  influence.map((value) => mean + n * value)

/** Which paths belong together: each path's item, and each item's stratum. */
export interface Clusters {
  /** [n]: number of each path's cluster. */
  readonly clusterOf: Int32Array
  /** The clusters of each stratum. */
  readonly strata: readonly Int32Array[]
  readonly count: number
}

/** Clusters of paths: by item, items in strata by the set of scales they were drawn at. */
export function clustersOf(items: ArrayLike<number>, scales: ArrayLike<number>): Clusters {
  const numbers = new Map<number, number>()
  const drawnAt: number[][] = []
  const clusterOf = Int32Array.from(items, (item, path) => {
    const known = numbers.get(item)
    const cluster = known ?? numbers.size
    if (known === undefined) {
      numbers.set(item, cluster)
      drawnAt.push([])
    }
    drawnAt[cluster].push(scales[path])
    return cluster
  })
  const strata = new Map<string, number[]>()
  drawnAt.forEach((scalesOfItem, cluster) => {
    const key = scalesOfItem.sort((a, b) => a - b).join(' ')
    const members = strata.get(key)
    if (members) members.push(cluster)
    else strata.set(key, [cluster])
  })
  return { clusterOf, strata: [...strata.values()].map((members) => Int32Array.from(members)), count: drawnAt.length }
}

/**
 * Standard error of a statistic: sqrt of sum over strata of m/(m - 1) sum over their m clusters of (influence - mean)^2. A stratum of one
 * cluster counts with the square of its influence. `copies`: how often each cluster is there, in a bootstrap sample; default once.
 */
export function standardErrorOf(influence: Float64Array, clusters: Clusters, copies?: Float64Array): number {
  const { clusterOf, strata, count } = clusters
  const totals = new Float64Array(count)
  for (let path = 0; path < influence.length; path++) totals[clusterOf[path]] += influence[path]
  let variance = 0
  for (const stratum of strata) {
    const m = stratum.length
    let sum = 0
    let squares = 0
    for (const cluster of stratum) {
      const times = copies ? copies[cluster] : 1
      sum += times * totals[cluster]
      squares += times * totals[cluster] ** 2
    }
    variance += m > 1 ? Math.max(0, (squares - (sum * sum) / m) * (m / (m - 1))) : squares
  }
  return Math.sqrt(variance)
}
