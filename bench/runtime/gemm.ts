/** The processor's rate of large float32 matrix products, through the same engine as everything else: the floor of every figure. */
import { filled } from '../../src/base/index.ts'
import { matmul, trace } from '../../src/graph/index.ts'
import { compile } from '../../src/runtime/index.ts'
import type { Figure } from '../figure.ts'
import type { BenchSettings } from '../settings.ts'
import { timed } from '../timing.ts'

/** Side of the square matrices: 2 GFLOP and 12 MB. */
const SIDE = 1024
/** The rate is that of the fastest run, so there must be some to choose from. */
const RUNS = 12

export async function measureGemm({ tiny }: Pick<BenchSettings, 'tiny'>): Promise<Figure> {
  const side = tiny ? SIDE / 8 : SIDE
  const type = { dtype: 'float32', shape: [side, side] } as const
  const program = await compile(trace({ a: type, b: type }, ({ a, b }) => ({ y: matmul(a, b) })))
  const feeds = { a: filled([side, side], 0.5), b: filled([side, side], 0.25) }
  const timing = await timed(() => program.run(feeds), RUNS)
  await program.dispose()
  return { what: `product of ${side} x ${side} matrices`, timing, operations: 2 * side ** 3 }
}

/** Operations per second of the fastest run. */
export function gemmRate({ timing, operations }: Figure, clock: 'wall' | 'cpu'): number {
  return (operations ?? 0) / Math.min(...timing[clock])
}
