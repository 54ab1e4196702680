/**
 * All paths ever drawn, at whatever scales, as one importance sample for every other scale: no new network evaluation, first derivatives
 * only. Two numbers a path carry it, A = sum <d_k, x' - mu>/sigma_k^2 and B = sum |d_k|^2/sigma_k^2, since
 *
 *     q_s/p (path) = exp(s A - s^2 B/2)
 *
 * p: paths of the base sampler; q_s: paths guided with scale s = 1/lambda. With n_j paths drawn at s_j the balance heuristic (Veach and
 * Guibas, SIGGRAPH 1995) divides by the mixture m = sum_j n_j/n exp(s_j A - s_j^2 B/2):
 *
 *     guided  w = exp(s A - s^2 B/2)/m            tilt  w = exp(s r2)/m
 *
 * Base samples alone (scale 0) make the tilt's weights those of self-normalised importance sampling, exp(s r2).
 */
import { inputError, logSumExp } from '../../../base/index.ts'
import type { Clusters, Estimated, Linearised } from '../statistics/estimated.ts'
import { clustersOf, standardErrorOf } from '../statistics/estimated.ts'
import { klOfTilt, weightedMean } from '../statistics/statistics.ts'
import type { Weights } from '../statistics/weights.ts'
import { normalisedWeights } from '../statistics/weights.ts'

/** Paths drawn at one scale. All arrays [n], values finite. */
export interface PathBatch {
  /** s = 1/lambda, at least 0. */
  readonly scale: number
  /** Item numbers: an item has the same start noise and step noise at every scale, which pairs its paths. */
  readonly items: Int32Array
  /** sum <d_k, x' - mu>/sigma_k^2. */
  readonly a: Float64Array
  /** sum |d_k|^2/sigma_k^2, at least 0. */
  readonly b: Float64Array
  /** r1 of the final image, the upper objective's reward. */
  readonly upper: Float64Array
  /** r2 of the final image, the reward that is chased. */
  readonly lower: Float64Array
}

/** Which distribution at scale s: paths of the guided chain, or p* proportional to p0 exp(s r2). */
export type WeightedTarget = 'guided' | 'tilt'

/** A pool's paths side by side, batches in the order they came. All [n]. */
export interface PathColumns {
  readonly scale: Float64Array
  readonly items: Int32Array
  readonly a: Float64Array
  readonly b: Float64Array
  readonly upper: Float64Array
  readonly lower: Float64Array
  /** log m: the mixture that the paths were drawn from, relative to base paths. */
  readonly logMixture: Float64Array
  readonly clusters: Clusters
}

/** What of each path a mean is taken of: r1, r2, or anything made of the columns. */
export type PathValues = 'upper' | 'lower' | ((paths: PathColumns) => Float64Array)

/** Paths drawn at any scales, weighted for any other. Batches are only ever added. */
export class PathPool {
  readonly #batches: PathBatch[] = []
  readonly #drawn = new Set<string>()
  #columns: PathColumns | null = null
  /** The last weights of each target: means of many quantities at one scale share them. */
  readonly #lastWeights = new Map<WeightedTarget, { readonly s: number; readonly weights: Weights }>()

  /** A pool of these batches. @throws as `add` */
  static of(batches: Iterable<PathBatch>): PathPool {
    const pool = new PathPool()
    for (const batch of batches) pool.add(batch)
    return pool
  }

  /**
   * Adds paths drawn at one scale; a scale may come in several batches.
   * @throws `pool.batch` if lengths differ, the scale is negative or a value is not finite; `pool.duplicate` if an item is there already
   * at that scale
   */
  add(batch: PathBatch): void {
    checkBatch(batch)
    const names = new Set<string>()
    for (const item of batch.items) {
      const name = `${batch.scale} ${item}`
      if (names.has(name) || this.#drawn.has(name)) {
        throw inputError(
          'pool.duplicate',
          `an item is drawn once at a scale, but item ${item} came again at scale ${batch.scale}; draw items that are new there`,
        )
      }
      names.add(name)
    }
    for (const name of names) this.#drawn.add(name)
    this.#batches.push(batch)
    this.#columns = null
    this.#lastWeights.clear()
  }

  get batches(): readonly PathBatch[] {
    return this.#batches
  }

  /** Number of paths. */
  get size(): number {
    return this.#batches.reduce((sum, { items }) => sum + items.length, 0)
  }

  /** The scales drawn, ascending, each once. */
  get scales(): number[] {
    return [...new Set(this.#batches.map(({ scale }) => scale))].sort((x, y) => x - y)
  }

  /** All paths, with the mixture they come from. @throws `pool.empty` */
  get paths(): PathColumns {
    if (this.size === 0) throw inputError('pool.empty', 'a pool without paths has no means; add a batch first')
    this.#columns ??= columnsOf(this.#batches)
    return this.#columns
  }

  /**
   * The part of the pool that bears on scale s: paths at s itself and at the `neighbours` drawn scales next below and next above. Far
   * paths only add weights of 0, and an effective share of the whole pool says nothing about s.
   */
  near(s: number, neighbours = 1): PathPool {
    const { scales } = this
    const below = scales.filter((scale) => scale < s).slice(-neighbours)
    const above = scales.filter((scale) => scale > s).slice(0, neighbours)
    const kept = new Set([...below, s, ...above])
    return PathPool.of(this.#batches.filter(({ scale }) => kept.has(scale)))
  }

  /** Weights for paths guided with scale s >= 0; their mean before normalising is 1 up to error. */
  guidedWeights(s: number): Weights {
    const { a, b, logMixture } = this.paths
    return normalisedWeights(logMixture.map((mixture, i) => s * a[i] - (s * s * b[i]) / 2 - mixture))
  }

  /** Weights for p0 exp(s h)/Z, their mean before normalising Z. `h`: [n], default r2. */
  tiltWeights(s: number, h?: Float64Array): Weights {
    const { lower, logMixture } = this.paths
    const reward = h ?? lower
    return normalisedWeights(logMixture.map((mixture, i) => s * reward[i] - mixture))
  }

  weights(target: WeightedTarget, s: number): Weights {
    const last = this.#lastWeights.get(target)
    if (last?.s === s) return last.weights
    const weights = target === 'guided' ? this.guidedWeights(s) : this.tiltWeights(s)
    this.#lastWeights.set(target, { s, weights })
    return weights
  }

  /** Self-normalised mean under the target at scale s, with the delta method's standard error, items as clusters. */
  mean(target: WeightedTarget, s: number, values: PathValues): Estimated {
    const weights = this.weights(target, s)
    return this.estimated(weightedMean(weights.weights, this.#valuesOf(values))(null), weights)
  }

  /**
   * KL from the base. `guided`: of the paths, s^2 E[B]/2, an upper bound on the samples'. `tilt`: of the samples, s E[r2] - log Z.
   */
  kl(target: WeightedTarget, s: number): Estimated {
    if (target === 'guided') {
      return this.mean(target, s, ({ b }) => b.map((value) => (s * s * value) / 2))
    }
    const weights = this.weights(target, s)
    return this.estimated(klOfTilt(s, weights, this.paths.lower)(null), weights)
  }

  /** A linearised statistic of this pool's paths as an estimate. */
  estimated({ mean, influence }: Linearised, weights: Pick<Weights, 'effectiveSampleSize' | 'paretoK'>): Estimated {
    return {
      mean,
      standardError: standardErrorOf(influence, this.paths.clusters),
      effectiveSampleSize: weights.effectiveSampleSize,
      paretoK: weights.paretoK,
      count: this.size,
    }
  }

  #valuesOf(values: PathValues): Float64Array {
    const { paths } = this
    return typeof values === 'string' ? paths[values] : values(paths)
  }
}

function checkBatch({ scale, items, a, b, upper, lower }: PathBatch): void {
  const columns = { a, b, upper, lower }
  if (!(scale >= 0 && Number.isFinite(scale))) {
    throw inputError('pool.batch', `a guidance scale is a number from 0, got ${scale}; give s = 1/lambda`)
  }
  for (const [name, values] of Object.entries(columns)) {
    if (values.length !== items.length) {
      throw inputError(
        'pool.batch',
        `a batch of ${items.length} items needs as many values of ${name}, got ${values.length}`,
      )
    }
    const bad = values.findIndex((value) => !Number.isFinite(value))
    if (bad >= 0) {
      throw inputError(
        'pool.batch',
        `values of paths must be finite: ${name} of item ${items[bad]} at scale ${scale} is ${values[bad]}; check the reward`,
      )
    }
  }
}

function columnsOf(batches: readonly PathBatch[]): PathColumns {
  const joined = (column: 'a' | 'b' | 'upper' | 'lower') =>
    Float64Array.from(batches.flatMap((batch) => Array.from(batch[column])))
  const items = Int32Array.from(batches.flatMap((batch) => Array.from(batch.items)))
  const scale = Float64Array.from(batches.flatMap((batch) => Array.from(batch.items, () => batch.scale)))
  const a = joined('a')
  const b = joined('b')
  return {
    scale,
    items,
    a,
    b,
    upper: joined('upper'),
    lower: joined('lower'),
    logMixture: logMixture(scale, a, b),
    clusters: clustersOf(items, scale),
  }
}

/** log sum_j n_j/n exp(s_j A - s_j^2 B/2) of each path. */
function logMixture(scale: Float64Array, a: Float64Array, b: Float64Array): Float64Array {
  const counts = new Map<number, number>()
  for (const s of scale) counts.set(s, (counts.get(s) ?? 0) + 1)
  const drawn = [...counts]
  const terms = new Float64Array(drawn.length)
  return a.map((value, i) => {
    drawn.forEach(([s, count], j) => {
      terms[j] = Math.log(count / scale.length) + s * value - (s * s * b[i]) / 2
    })
    return logSumExp(terms)
  })
}
