import { describe, expect, it } from 'vitest'
import type { Shape } from '../../base/index.ts'
import { float32, randomStream, sizeOf } from '../../base/index.ts'
import { evaluate } from '../evaluate.ts'
import { vjp } from '../gradient.ts'
import type { Named } from '../graph.ts'
import { mapRecord, nodesOf, trace } from '../graph.ts'
import type { ConvOptions } from '../ops/conv.ts'
import { conv } from '../ops/conv.ts'
import { upsampleNearest } from '../ops/resize.ts'
import { foldDoubling } from './foldDoubling.ts'

const float = (shape: Shape) => ({ dtype: 'float32', shape }) as const

/** A convolution of an enlarged image with its derivatives. */
function enlarged(x: Shape, w: Shape, scales: number | readonly number[], options: ConvOptions) {
  const forward = (v: Named) => conv(upsampleNearest(v.x, scales), v.w, options)
  const { y } = trace({ x: float(x), w: float(w) }, (v) => ({ y: forward(v) })).outputs
  return trace({ x: float(x), w: float(w), g: float(y.shape) }, (v) => {
    const [dx, dw] = vjp([forward(v)], [v.g], [v.x, v.w])
    return { dx, dw }
  })
}

const uses = (graph: ReturnType<typeof enlarged>) =>
  nodesOf(Object.values(graph.outputs)).filter(({ operator }) => operator.name.startsWith('Upsample')).length

const padded = { padding: 1 }

describe('foldDoubling', () => {
  it.each<[string, Shape, Shape, number | readonly number[], ConvOptions, number]>([
    ['even and odd extents, more filters than channels', [2, 3, 4, 5], [6, 3, 3, 3], 2, padded, 0],
    ['one row', [3, 4, 1, 2], [2, 4, 3, 3], 2, padded, 0],
    ['not without padding', [2, 3, 4, 5], [6, 3, 3, 3], 2, {}, 2],
    ['not of other taps', [2, 3, 4, 5], [6, 3, 5, 5], 2, { padding: 2 }, 2],
    ['not at stride 2', [2, 3, 4, 5], [6, 3, 3, 3], 2, { padding: 1, strides: 2 }, 2],
    ['not in groups', [2, 4, 4, 5], [6, 2, 3, 3], 2, { padding: 1, groups: 2 }, 2],
    ['not of an image enlarged by other factors', [2, 3, 4, 5], [6, 3, 3, 3], [2, 1], padded, 2],
  ])('%s', (_, x, w, scales, options, left) => {
    const graph = enlarged(x, w, scales, options)
    expect(uses(graph)).toBe(2)
    const folded = foldDoubling(graph)
    expect(uses(folded)).toBe(left)
    const feeds = mapRecord(graph.inputs, ({ shape }, name) =>
      float32(randomStream({ seed: 4, purpose: name }).normal(new Float32Array(sizeOf(shape))), shape),
    )
    const truth = evaluate(graph, feeds)
    for (const [name, { data }] of Object.entries(evaluate(folded, feeds))) {
      data.forEach((value, i) => {
        expect(value).toBeCloseTo(truth[name as 'dx' | 'dw'].data[i], 11)
      })
    }
  })
})
