/** The trade-off curve of an entropy strength from paths that are there: no network, only weights and means over the pool. */
import { randomStream } from '../../src/base/index.ts'
import type { PathBatch } from '../../src/tuners/entropy/estimators/pool.ts'
import { PathPool } from '../../src/tuners/entropy/estimators/pool.ts'
import type { Figure } from '../figure.ts'
import type { BenchSettings } from '../settings.ts'
import { fixedSizes } from '../settings.ts'
import { timed } from '../timing.ts'

/** Scales that paths were drawn at; the curve's own lie between. */
const DRAWN = [0.1, 0.2, 0.4, 0.6, 0.9]

/** Paths of a chain whose statistics are like a Gaussian's: B chi-squared, A normal around s B. */
function syntheticPaths(scale: number, count: number, first: number): PathBatch {
  const random = randomStream({ seed: 0, purpose: `bench.paths.${scale}` })
  const draw = () => random.normal(new Float64Array(count))
  const [noise, size, upper, lower] = [draw(), draw(), draw(), draw()]
  const b = size.map((value) => 1 + value * value)
  const a = b.map((value, i) => scale * value + Math.sqrt(value) * noise[i])
  const items = Int32Array.from({ length: count }, (_, i) => first + i)
  return { scale, items, a, b, upper: upper.map((value, i) => value - a[i] / 4), lower: lower.map((v, i) => v + a[i]) }
}

export async function measureCurve(settings: BenchSettings): Promise<Figure> {
  const { curvePaths: paths, curveScales: scales } = fixedSizes(settings)
  const each = paths / DRAWN.length
  const batches = DRAWN.map((scale, j) => syntheticPaths(scale, each, j * each))
  const [low, high] = [DRAWN[0], DRAWN[DRAWN.length - 1]]
  const timing = await timed(() => {
    const pool = PathPool.of(batches)
    for (let i = 0; i < scales; i++) {
      const scale = low + ((high - low) * i) / scales
      for (const target of ['guided', 'tilt'] as const) {
        pool.mean(target, scale, 'upper')
        pool.mean(target, scale, 'lower')
        pool.kl(target, scale)
      }
    }
  }, settings.runs)
  return {
    what: `trade-off curve of ${scales} scales, both targets, from a pool of ${paths} paths`,
    timing,
    operations: null,
  }
}
