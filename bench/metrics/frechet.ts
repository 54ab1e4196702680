/** Fréchet distances on the host, in float64: many images of few features, and few images of many. */
import { randomStream, tensor } from '../../src/base/index.ts'
import { frechetDistance, referenceFromStatistics } from '../../src/metrics/index.ts'
import type { Figure } from '../figure.ts'
import { timed } from '../timing.ts'

/** A full covariance without the work of estimating one: I + u u^T. */
function syntheticReference(dimensions: number) {
  const random = randomStream({ seed: 0, purpose: 'bench.reference' })
  const u = random.normal(new Float64Array(dimensions))
  const covariance = new Float64Array(dimensions * dimensions)
  for (let i = 0; i < dimensions; i++) {
    for (let j = 0; j < dimensions; j++) covariance[i * dimensions + j] = (u[i] * u[j]) / dimensions + (i === j ? 1 : 0)
  }
  return referenceFromStatistics(random.normal(new Float64Array(dimensions)), covariance)
}

/** Multiply-adds of the products; the eigenvalues, about 10 n^3 multiply-adds for n the smaller side, are on top and counted too. */
function operations(rows: number, dimensions: number): number {
  const small = Math.min(rows, dimensions)
  const products =
    rows < dimensions ? rows * dimensions * (dimensions + rows) : dimensions ** 2 * (rows + 2 * dimensions)
  return 2 * (products + 10 * small ** 3)
}

export async function measureFrechet([rows, dimensions]: readonly [number, number], runs: number): Promise<Figure> {
  const reference = syntheticReference(dimensions)
  const data = new Float64Array(rows * dimensions)
  randomStream({ seed: 1, purpose: 'bench.features' }).normal(data)
  const features = tensor('float64', [rows, dimensions], data)
  const timing = await timed(() => frechetDistance(features, reference), runs)
  return {
    what: `Fréchet distance of ${rows} x ${dimensions} features`,
    timing,
    operations: operations(rows, dimensions),
  }
}
