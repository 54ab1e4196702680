/** The processor's rate of large float32 matrix products, through the same engine as everything else: the floor of every figure. */
import { matrixProduct } from '../../src/diffusion/denoisers/programCost.ts'
import type { Figure } from '../figure.ts'
import type { BenchSettings, Clock } from '../settings.ts'
import { timed } from '../timing.ts'

/** The rate is that of the fastest run, so there must be some to choose from. */
const RUNS = 12
const TINY_SIDE = 128

export async function measureGemm({ tiny }: Pick<BenchSettings, 'tiny'>): Promise<Figure> {
  const product = await matrixProduct(tiny ? TINY_SIDE : undefined)
  const timing = await timed(() => product.run(), RUNS)
  await product.dispose()
  return { what: 'product of square matrices', timing, operations: product.operations }
}

/** Operations per second of the fastest run. */
export function gemmRate({ timing, operations }: Figure, clock: Clock): number {
  return (operations ?? 0) / Math.min(...timing[clock])
}
