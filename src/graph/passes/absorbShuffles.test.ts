import { describe, expect, it } from 'vitest'
import type { Shape } from '../../base/index.ts'
import { float32, randomStream, sizeOf } from '../../base/index.ts'
import { evaluate } from '../evaluate.ts'
import type { Graph, Named } from '../graph.ts'
import { bind, nodesOf, trace } from '../graph.ts'
import { silu } from '../ops/activation.ts'
import { concat, split } from '../ops/concat.ts'
import { conv } from '../ops/conv.ts'
import { add, mul } from '../ops/elementwise.ts'
import { batchNorm } from '../ops/normBatch.ts'
import { upsampleBilinear } from '../ops/resize.ts'
import { reshape, transpose } from '../ops/shape.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { absorbShuffles } from './absorbShuffles.ts'
import { simplify } from './simplify.ts'

const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
const operatorsOf = (graph: Graph) => nodesOf(Object.values(graph.outputs)).map(({ operator }) => operator.name)
const count = (graph: Graph, name: string) => operatorsOf(graph).filter((operator) => operator === name).length

function shuffle(x: SymbolicTensor, groups = 2): SymbolicTensor {
  const [batch, channels, height, width] = x.shape
  const grouped = reshape(x, [batch, groups, channels / groups, height, width])
  return reshape(transpose(grouped, [0, 2, 1, 3, 4]), x.shape)
}

const draw = (name: string, shape: Shape) => ({
  dtype: 'float32' as const,
  shape,
  data: randomStream({ seed: 4, purpose: name }).normal(new Float64Array(sizeOf(shape))),
})

/** Everything but the image as constants. */
function frozen(graph: Graph): Graph {
  const weights = Object.entries(graph.inputs).filter(([name]) => name !== 'x')
  const values = weights.map(([name, { shape }]) => [name, float32(Float32Array.from(draw(name, shape).data), shape)])
  return simplify(bind(graph, Object.fromEntries(values)))
}

/** Both forms in float64; sums in another order. */
function expectSame(graph: Graph, absorbed: Graph): void {
  const feeds = Object.fromEntries(Object.entries(graph.inputs).map(([name, { shape }]) => [name, draw(name, shape)]))
  const truth = evaluate(graph, feeds)
  const came = evaluate(absorbed, feeds)
  for (const [name, { data, shape }] of Object.entries(truth)) {
    expect(came[name].shape).toEqual(shape)
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    data.forEach((value, i) => {
      expect(Math.abs(came[name].data[i] - value), `${name}[${i}]`).toBeLessThanOrEqual(1e-12 * largest)
    })
  }
}

const pointwise = { w: float(12, 12, 1, 1), b: float(12) }
const image = { x: float(2, 12, 3, 5) }

describe('what stands after a shuffle takes the channels as they are', () => {
  const cases: [string, Record<string, ReturnType<typeof float>>, (v: Named) => SymbolicTensor][] = [
    ['a convolution', { ...image, ...pointwise }, ({ x, w, b }) => conv(shuffle(x, 3), w, { bias: b })],
    [
      'a depthwise convolution, then a dense one without bias',
      { ...image, d: float(12, 1, 3, 3), b: float(12), w: float(4, 12, 2, 2) },
      ({ x, d, b, w }) => conv(conv(shuffle(x), d, { bias: b, groups: 12, padding: 1, strides: 2 }), w),
    ],
    ['two shuffles in a row', { ...image, ...pointwise }, ({ x, w }) => conv(shuffle(shuffle(x, 2), 3), w)],
    [
      'activation, doubling and one number per channel and image',
      { ...image, ...pointwise, t: float(2, 12, 1, 1) },
      ({ x, w, t }) => conv(upsampleBilinear(silu(add(shuffle(x, 4), t)), 2), w),
    ],
    [
      'a product of two shuffled images',
      { ...image, z: float(2, 12, 3, 5), ...pointwise },
      ({ x, z, w }) => conv(mul(shuffle(x, 2), shuffle(z, 3)), w),
    ],
    [
      'a join with an image that is not shuffled',
      { ...image, z: float(2, 3, 3, 5), w: float(2, 15, 1, 1) },
      ({ x, z, w }) => conv(concat([z, shuffle(x, 3)], 1), w),
    ],
    [
      'batch norm',
      { ...image, ...pointwise, s: float(12), m: float(12) },
      ({ x, w, s, m }) => conv(batchNorm(shuffle(x), { scale: s, bias: m, mean: s, variance: mul(m, m) }), w),
    ],
  ]
  it.each(cases)('%s', (title, types, f) => {
    const graph = trace<string, string>(types, (v) => ({ y: f(v) }))
    const absorbed = absorbShuffles(graph)
    expectSame(graph, absorbed)
    expect(count(absorbed, 'Transpose')).toBe(0)
    // Every permutation left is one of weights or of single numbers per channel; the product needs one to bring both into one order.
    const permuted = nodesOf(Object.values(absorbed.outputs)).filter(({ operator }) => operator.name === 'Gather')
    const images = permuted.filter(({ outputs: [{ shape }] }) => String(shape.slice(-2)) === '3,5')
    expect(images.length).toBe(title.startsWith('a product') ? 1 : 0)
  })

  it('an output is still shuffled', () => {
    const graph = trace(image, ({ x }) => ({ y: silu(shuffle(x, 3)) }))
    expectSame(graph, absorbShuffles(graph))
  })
})

describe('a shuffled join that is cut into halves', () => {
  const types = { ...image, ...pointwise, w2: float(12, 12, 1, 1), d: float(12, 1, 3, 3) }
  const halves = (v: Named, more: (whole: SymbolicTensor, half: SymbolicTensor) => Record<string, SymbolicTensor>) => {
    const a = silu(
      batchNorm(conv(v.x, v.w, { bias: v.b }), { scale: v.b, bias: v.b, mean: v.b, variance: mul(v.b, v.b) }),
    )
    const b = silu(conv(v.x, v.w2))
    const shuffled = shuffle(concat([a, b], 1))
    const [first, second] = split(shuffled, [12, 12], 1)
    return { y: conv(first, v.w2, {}), z: conv(second, v.d, { groups: 12 }), ...more(shuffled, a) }
  }

  it('is made of halves of the convolutions before it', () => {
    const graph = frozen(trace<string, string>(types, (v) => halves(v, () => ({}))))
    const absorbed = absorbShuffles(graph)
    expectSame(graph, absorbed)
    expect(count(absorbed, 'Conv')).toBe(6)
    expect(count(absorbed, 'Transpose')).toBe(0)
    const cuts = nodesOf(Object.values(absorbed.outputs)).filter(({ operator }) => operator.name === 'Split')
    expect(cuts.filter(({ inputs }) => inputs[0]?.shape[0] === 2)).toEqual([])
  })

  it.each([
    ['the join is needed', (whole: SymbolicTensor) => ({ whole })],
    ['a part of the join is needed', (_: SymbolicTensor, part: SymbolicTensor) => ({ part })],
  ])('is cut by copying where %s', (_, more) => {
    const graph = frozen(trace<string, string>(types, (v) => halves(v, more)))
    const absorbed = absorbShuffles(graph)
    expectSame(graph, absorbed)
    expect(count(absorbed, 'Conv')).toBe(4)
  })

  it('is cut by copying where the weights change', () => {
    const graph = trace<string, string>(types, (v) => halves(v, () => ({})))
    const absorbed = absorbShuffles(graph)
    expectSame(graph, absorbed)
    expect(count(absorbed, 'Conv')).toBe(4)
    expect(count(absorbed, 'Transpose')).toBe(0)
  })

  it('stays as it is where the halves would need more than runs', () => {
    const graph = trace({ ...image, w: float(3, 8, 1, 1) }, ({ x, w }: Named) => {
      const [first, second] = split(shuffle(concat([x, x], 1), 2), [8, 16], 1)
      return { y: conv(first, w), second }
    })
    expectSame(graph, absorbShuffles(graph))
  })
})
