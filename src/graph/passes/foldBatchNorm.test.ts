import { describe, expect, it } from 'vitest'
import type { Shape } from '../../base/index.ts'
import { float32, randomStream, sizeOf } from '../../base/index.ts'
import { evaluate } from '../evaluate.ts'
import type { Graph, Named } from '../graph.ts'
import { bind, nodesOf, trace } from '../graph.ts'
import { conv } from '../ops/conv.ts'
import { batchNorm } from '../ops/normBatch.ts'
import { foldBatchNorm } from './foldBatchNorm.ts'

const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
const types = {
  x: float(2, 6, 4, 3),
  w: float(4, 3, 3, 3),
  b: float(4),
  scale: float(4),
  bias: float(4),
  mean: float(4),
  variance: float(4),
}
const draw = (purpose: string, shape: Shape) => {
  const data = randomStream({ seed: 5, purpose }).normal(new Float32Array(sizeOf(shape)))
  return float32(purpose === 'variance' ? data.map((value) => value * value) : data, shape)
}
const norms = (graph: Graph) =>
  nodesOf(Object.values(graph.outputs)).filter(({ operator }) => operator.name === 'BatchNormalization').length

describe('foldBatchNorm', () => {
  it.each([
    ['with a bias, grouped and strided', true, false, 0],
    ['without a bias', false, false, 0],
    ['not where the convolution is needed too', true, true, 1],
  ])('%s', (_, biased, needed, left) => {
    const graph = trace<string, string>(types, (v: Named) => {
      const y = conv(v.x, v.w, { ...(biased && { bias: v.b }), groups: 2, strides: 2, padding: 1 })
      const { scale, bias, mean, variance } = v
      return { out: batchNorm(y, { scale, bias, mean, variance, epsilon: 2 ** -5 }), ...(needed && { y }) }
    })
    expect(norms(foldBatchNorm(graph))).toBe(1)
    const feeds = Object.fromEntries(Object.entries(types).map(([name, { shape }]) => [name, draw(name, shape)]))
    const truth = evaluate(graph, feeds).out
    const { x, ...constants } = feeds
    const folded = foldBatchNorm(bind(graph, constants) as Graph)
    expect(norms(folded)).toBe(left)
    evaluate(folded, { x }).out.data.forEach((value, i) => {
      expect(value).toBeCloseTo(truth.data[i], 12)
    })
  })
})
