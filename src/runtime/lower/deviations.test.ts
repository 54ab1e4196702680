import { expect, test } from 'vitest'
import { randomStream, tensor } from '../../base/index.ts'
import type { Named } from '../../graph/index.ts'
import { evaluate, groupNorm, nodesOf, trace, vjp } from '../../graph/index.ts'
import { compile } from '../compile.ts'
import { lowerForCpu } from './cpu.ts'

const type = { dtype: 'float32', shape: [3, 8, 5, 5] } as const
const options = { groups: 2, epsilon: 1e-5 }
const derivative = trace({ x: type, g: type }, ({ x, g }: Named) => ({ dx: vjp([groupNorm(x, options)], [g], [x])[0] }))
const forward = trace({ x: type }, ({ x }: Named) => ({ y: groupNorm(x, options) }))

const operators = (graph: typeof forward | typeof derivative) =>
  new Set(nodesOf(Object.values(lowerForCpu<string, string>(graph, 16).outputs)).map(({ operator }) => operator.name))

test('a derivative takes the deviation along with xHat, a value alone does not ask for it', () => {
  const inDerivative = operators(derivative)
  expect(inDerivative).toContain('LayerNormalization')
  for (const gone of ['InstanceNormalization', 'ReduceMax', 'ReduceMin']) expect(inDerivative).not.toContain(gone)
  expect(operators(forward)).toContain('InstanceNormalization')
  expect(operators(forward)).not.toContain('LayerNormalization')
})

// A variance as mean square less square of the mean is off by all of itself at 10,000.
test.each([0, 30, 1000, 10_000])('the derivative is exact to rounding of x around %d', async (mean) => {
  const random = randomStream({ seed: 3, purpose: 'deviations' })
  const size = 3 * 8 * 5 * 5
  const x = random.normal(new Float32Array(size)).map((value) => mean + 2 * value)
  // A group that is constant: its deviation is that of epsilon alone.
  x.fill(mean, 0, 100)
  const g = random.normal(new Float32Array(size))
  const feeds = { x: tensor('float32', type.shape, x), g: tensor('float32', type.shape, g) }
  const program = await compile(derivative)
  const dx = (await program.run(feeds)).dx.data as Float32Array
  await program.dispose()
  const exact = evaluate(derivative, feeds).dx.data as Float64Array
  const largest = (from: number, to: number) => Math.max(...exact.subarray(from, to).map(Math.abs))
  const bound = 2e-5 + 1e-6 * mean
  for (const [from, to] of [
    [0, 100],
    [100, size],
  ]) {
    const allowed = bound * largest(from, to)
    for (let i = from; i < to; i++) expect(Math.abs(dx[i] - exact[i])).toBeLessThan(allowed)
  }
})
