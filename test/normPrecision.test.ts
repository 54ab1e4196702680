import { expect, test } from 'vitest'
import { float32, randomStream } from '../src/base/index.ts'
import { batchNormTraining, evaluate, groupNorm, trace, vjp } from '../src/graph/index.ts'
import { compile } from '../src/runtime/index.ts'

const shape = [4, 16, 8, 8]
const normal = (item: number, mean: number) => {
  const numbers = randomStream({ seed: 1, purpose: 'precision', item }).normal(new Float32Array(4096))
  return float32(
    numbers.map((value) => value + mean),
    shape,
  )
}

// A variance as mean(x^2) - mean(x)^2 would be off by 1e-3 here.
test.each([
  { mean: 0, lowering: true },
  { mean: 100, lowering: true },
  { mean: 100, lowering: false },
])('the derivative of a norm survives float32 at a mean of $mean deviations (lowering: $lowering)', async (options) => {
  const type = { dtype: 'float32' as const, shape }
  const graph = trace({ x: type, g: type }, ({ x, g }) => ({
    group: vjp([groupNorm(x, { groups: 4 })], [g], [x])[0],
    batch: vjp([batchNormTraining(x).y], [g], [x])[0],
  }))
  const feeds = { x: normal(0, options.mean), g: normal(1, 0) }
  const truth = evaluate(graph, feeds)
  const program = await compile(graph, { lowering: options.lowering })
  const values = await program.run(feeds)
  await program.dispose()
  for (const name of ['group', 'batch'] as const) {
    const errors = truth[name].data.map((value, i) => Math.abs(value - Number(values[name].data[i])))
    expect(Math.max(...errors), name).toBeLessThan(2e-5)
  }
})
