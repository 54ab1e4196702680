/**
 * Pareto k-hat: the shape of a generalised Pareto distribution fitted to the largest importance weights. Above about .7 the weights have
 * too heavy a tail for their mean to be relied on at any affordable number of samples.
 *
 * Vehtari, Simpson, Gelman, Yao, Gabry, "Pareto smoothed importance sampling", JMLR 2024 (arXiv 1507.02646), with the fit of Zhang and
 * Stephens, "A new and efficient estimation method for the generalized Pareto distribution", Technometrics 2009.
 */

/** Fewer tail weights than this say nothing about a tail. */
const LEAST_TAIL = 5

/** The paper's weak prior: as many as ten observations of k = .5. */
const PRIOR_COUNT = 10
const PRIOR_K = 0.5

/** Number of weights S that make the tail: min(.2 S, 3 sqrt(S)). */
export function tailLength(count: number): number {
  return Math.ceil(Math.min(0.2 * count, 3 * Math.sqrt(count)))
}

/**
 * k-hat of weights that are at least 0 and known up to a factor. Null where there are too few of them (fewer than 5 in the tail above
 * the largest weight outside it) or the tail is flat.
 */
export function paretoTail(weights: ArrayLike<number>): number | null {
  const length = tailLength(weights.length)
  const sorted = Float64Array.from(weights).sort()
  const cutoff = sorted[sorted.length - length - 1]
  const exceedances = sorted.subarray(sorted.length - length).filter((weight) => weight > cutoff)
  if (exceedances.length < LEAST_TAIL) return null
  const scale = exceedances[exceedances.length - 1] - cutoff
  return shapeOf(exceedances.map((weight) => (weight - cutoff) / scale))
}

/**
 * Shape k of a generalised Pareto sample, ascending, greater than 0: density proportional to (1 + k x/sigma)^(-1/k - 1), theta = -k/sigma.
 * Posterior mean of theta over a grid under the profile likelihood, then k = mean log(1 - theta x), then the paper's prior.
 */
export function shapeOf(sample: Float64Array): number {
  const n = sample.length
  const grid = 30 + Math.floor(Math.sqrt(n))
  const quartile = sample[Math.floor(n / 4 + 0.5) - 1]
  const shapeAt = (theta: number) => sample.reduce((sum, x) => sum + Math.log1p(-theta * x), 0) / n
  const thetas = Float64Array.from(
    { length: grid },
    (_, j) => 1 / sample[n - 1] + (1 - Math.sqrt(grid / (j + 0.5))) / (3 * quartile),
  )
  const logLikelihoods = thetas.map((theta) => {
    const k = shapeAt(theta)
    return n * (Math.log(-theta / k) - k - 1)
  })
  const most = logLikelihoods.reduce((a, b) => Math.max(a, b))
  const posterior = logLikelihoods.map((value) => Math.exp(value - most))
  const total = posterior.reduce((a, b) => a + b, 0)
  const theta = posterior.reduce((sum, weight, j) => sum + weight * thetas[j], 0) / total
  return (n * shapeAt(theta) + PRIOR_COUNT * PRIOR_K) / (n + PRIOR_COUNT)
}
