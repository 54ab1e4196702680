import { describe, expect, it } from 'vitest'
import type { Graph, Named, SymbolicTensor } from '../../graph/index.ts'
import {
  add,
  bind,
  concat,
  conv,
  evaluate,
  mul,
  nodesOf,
  silu,
  split,
  sub,
  trace,
  upsampleBilinear,
  upsampleNearest,
} from '../../graph/index.ts'
import { compile } from '../compile.ts'
import { convolution, convolutionCases, drawFeeds, expectClose } from './convolution.fixture.ts'
import { lowerForCpu } from './cpu.ts'
import { inStandardOperators } from './engineOperators.fixture.ts'
import type { BlockSize } from './operators.ts'

/** Float32 sums of up to a few thousand terms. */
const FLOAT32 = 1e-5
/** Float64 sums in another order. */
const FLOAT64 = 1e-12

/** The graph with everything but its images (of four axes and more than one image) as constants. */
function frozen(graph: Graph, names: readonly string[]): Graph {
  const feeds = drawFeeds(graph)
  return bind(graph, Object.fromEntries(names.map((name) => [name, feeds[name]])))
}

async function onEngine(graph: Graph): Promise<void> {
  const feeds = drawFeeds(graph)
  const program = await compile(graph, { threads: 2 })
  expectClose(await program.run(feeds), evaluate(graph, feeds), FLOAT32)
  await program.dispose()
}

function spelledOut(graph: Graph, block: BlockSize, tolerance = FLOAT64): void {
  const feeds = drawFeeds(graph)
  const plain = inStandardOperators(lowerForCpu(graph, block), block)
  expectClose(evaluate(plain, feeds), evaluate(graph, feeds), tolerance)
}

const count = (graph: Graph, name: string) =>
  nodesOf(Object.values(graph.outputs)).filter(({ operator }) => operator.name === name).length

const forwardOf = (...[, x, w, options]: (typeof convolutionCases)[number]) => {
  const { inputs, outputs } = convolution(x, w, options)
  return frozen({ inputs, outputs: { y: outputs.y } }, ['w', 'bias'])
}

describe('convolutions with constant weights', () => {
  it.each(convolutionCases)('%s', (...row) => onEngine(forwardOf(...row)))

  describe.each([8, 16])('in blocks of %d, the engine’s operators spelled out', (block) => {
    it.each(convolutionCases)('%s', (...row) => spelledOut(forwardOf(...row), block))
  })
})

describe('gradients in the image at constant weights', () => {
  const gradientOf = (...[, x, w, options]: (typeof convolutionCases)[number]) => {
    const { inputs, outputs } = convolution(x, w, options)
    return frozen({ inputs, outputs: { dx: outputs.dx } }, ['w'])
  }

  it.each(convolutionCases)('%s', (...row) => {
    for (const block of [8, 16]) spelledOut(gradientOf(...row), block)
    return onEngine(gradientOf(...row))
  })

  it('reorder no weights while they run', () => {
    const graph = gradientOf('', [2, 16, 5, 6], [32, 16, 3, 3], { padding: 1 })
    expect(count(lowerForCpu(graph, 16), 'ReorderInput')).toBe(1)
  })
})

const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
const same = { padding: 1 }

/** What stands between two convolutions, from [3,16,4,5] to anything of four axes whose channels are given last. */
const between: [string, (x: SymbolicTensor, v: Named) => SymbolicTensor, number][] = [
  ['SiLU', (x) => silu(x), 32],
  ['a sum with another blocked image', (x, v) => add(x, conv(v.z, v.w, same)), 32],
  ['a sum with a plain image', (x, v) => add(v.plain, x), 32],
  ['a number per image and channel, before and after', (x, v) => sub(v.t, mul(x, v.t)), 32],
  ['a scalar', (x) => mul(0.25, x), 32],
  ['a join', (x, v) => concat([x, v.z, silu(x)], 1), 80],
  ['halves', (x) => mul(...(split(x, [16, 16], 1) as [SymbolicTensor, SymbolicTensor])), 16],
  ['parts that are no blocks', (x) => split(x, [12, 20], 1)[1], 20],
  ['bilinear doubling', (x) => upsampleBilinear(x, 2), 32],
  ['nearest neighbour, two by three', (x) => upsampleNearest(x, [2, 3]), 32],
]

describe('what stands between convolutions', () => {
  const types = {
    x: float(3, 16, 4, 5),
    z: float(3, 16, 4, 5),
    plain: float(3, 32, 4, 5),
    t: float(3, 32, 1, 1),
    w: float(32, 16, 3, 3),
  }
  const chain = (f: (x: SymbolicTensor, v: Named) => SymbolicTensor, channels: number) => {
    const graph = trace<string, string>({ ...types, v: float(16, channels, 1, 1) }, (v) => {
      return { y: conv(f(conv(v.x, v.w, same), v), v.v) }
    })
    return frozen(graph, ['w', 'v'])
  }

  it.each(between)('%s', async (_, f, channels) => {
    const graph = chain(f, channels)
    await onEngine(graph)
    for (const block of [8, 16]) spelledOut(graph, block)
  })

  it.each(between.filter(([title]) => !/parts|plain|join/.test(title)))('stays blocked: %s', (_, f, channels) => {
    expect(count(lowerForCpu(chain(f, channels), 16), 'ReorderOutput')).toBe(1)
  })
})

describe('convolutions of doubled images', () => {
  const upward = (filters: number, kernel: number, padding: number, scale: number) =>
    frozen(
      trace(
        { x: float(3, 16, 4, 5), w: float(32, 16, 1, 1), v: float(filters, 32, kernel, kernel), b: float(filters) },
        (v) => ({ y: conv(upsampleNearest(conv(v.x, v.w), scale), v.v, { padding, bias: v.b }) }),
      ),
      ['w', 'v', 'b'],
    )

  it.each([
    ['3x3', 32, 3, 1, 2, true],
    ['filters that are no blocks', 20, 3, 1, 2, false],
    ['without padding', 32, 3, 0, 2, false],
    ['another kernel', 32, 2, 1, 2, false],
    ['another factor', 32, 3, 1, 3, false],
  ])('%s', async (_, filters, kernel, padding, scale, fits) => {
    const graph = upward(filters, kernel, padding, scale)
    await onEngine(graph)
    // Sums of two or four taps are rounded to float32 once.
    for (const block of [8, 16]) spelledOut(graph, block, fits ? 1e-7 : FLOAT64)
    expect(count(lowerForCpu(graph, 16), 'Upsample')).toBe(fits ? 0 : 1)
  })
})

describe('few channels', () => {
  const graph = (channels: number, filters: number, kernel: number) =>
    frozen(
      trace(
        { x: float(2, channels, 6, 5), w: float(32, channels, 3, 3), v: float(filters, 32, kernel, kernel) },
        (v) => ({
          y: conv(silu(conv(v.x, v.w, same)), v.v),
        }),
      ),
      ['w', 'v'],
    )

  it.each([
    [1, 1, 1],
    [3, 3, 3],
    [12, 20, 2],
  ])('%d in, %d out, kernel %d', async (...sizes) => {
    await onEngine(graph(...sizes))
    for (const block of [8, 16]) spelledOut(graph(...sizes), block)
  })
})
