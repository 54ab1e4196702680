import { describe, expect, it } from 'vitest'
import type { Shape } from '../../base/index.ts'
import type { Graph } from '../../graph/index.ts'
import { bind, evaluate, nodesOf, upsampleNearest } from '../../graph/index.ts'
import { encode } from '../../onnx/index.ts'
import { findBlockSize } from '../blockSize.ts'
import { compile } from '../compile.ts'
import { nodeEngine } from '../node/index.ts'
import { convolution, convolutionCases, drawFeeds, expectClose } from './convolution.fixture.ts'
import { lowerForCpu } from './cpu.ts'
import { inStandardOperators } from './engineOperators.fixture.ts'
import type { BlockSize } from './operators.ts'

/** Float32 sums of up to a few thousand terms. */
const FLOAT32 = 1e-5
/** Float64 sums in another order. */
const FLOAT64 = 1e-12

const operatorsOf = (graph: Graph) =>
  nodesOf(Object.values(graph.outputs)).map(({ operator }) => `${operator.domain}:${operator.name}`)

/** The lowered graph on this machine's engine, in the session settings that `compile` uses for lowered graphs. */
async function runLowered(graph: Graph, block: BlockSize, feeds: ReturnType<typeof drawFeeds>) {
  const settings = { device: 'cpu', threads: 2, optimize: false } as const
  const session = await nodeEngine.load(encode(lowerForCpu(graph, block)), settings)
  try {
    return await session.run(feeds)
  } finally {
    await session.release()
  }
}

describe('convolutions on the CPU equal the float64 reference', () => {
  it.each(convolutionCases)('%s', async (_, x, w, options) => {
    const graph = convolution(x, w, options)
    const feeds = drawFeeds(graph)
    const program = await compile(graph, { threads: 2 })
    expectClose(await program.run(feeds), evaluate(graph, feeds), FLOAT32)
    await program.dispose()
  })
})

describe('on engines without a blocked layout too', () => {
  it.each(convolutionCases)('%s', async (_, x, w, options) => {
    const graph = convolution(x, w, options)
    const feeds = drawFeeds(graph)
    expectClose(await runLowered(graph, undefined, feeds), evaluate(graph, feeds), FLOAT32)
  })
})

describe.each([8, 16, undefined])('lowered for blocks of %s, the engine’s operators spelled out', (block) => {
  it.each(convolutionCases)('%s', (_, x, w, options) => {
    const graph = convolution(x, w, options)
    const feeds = drawFeeds(graph)
    const spelledOut = inStandardOperators(lowerForCpu(graph, block), block)
    expect(operatorsOf(spelledOut).filter((name) => name.startsWith('com.microsoft'))).toEqual([])
    expectClose(evaluate(spelledOut, feeds), evaluate(graph, feeds), FLOAT64)
  })
})

/** Title, extents of the image before doubling, filters, and how many blocked convolutions there are with blocks of 16. */
const doubledCases: [string, Shape, number, number][] = [
  ['as many filters as channels', [16, 32, 4, 5], 32, 6],
  ['more filters, a batch no multiple of the block', [5, 16, 3, 2], 48, 6],
  ['more channels', [16, 48, 2, 4], 16, 6],
  ['channels that no block divides', [4, 6, 3, 3], 10, 0],
]

describe('convolutions of a doubled image, with their derivatives', () => {
  it.each(doubledCases)('%s', async (_, x, filters, blocked) => {
    const graph = convolution(x, [filters, x[1], 3, 3], { padding: 1 }, (image) => upsampleNearest(image, 2))
    const feeds = drawFeeds(graph)
    const truth = evaluate(graph, feeds)
    const program = await compile(graph, { threads: 2 })
    expectClose(await program.run(feeds), truth, FLOAT32)
    await program.dispose()
    for (const block of [8, 16, undefined]) {
      const lowered = lowerForCpu(graph, block)
      expectClose(evaluate(inStandardOperators(lowered, block), feeds), truth, FLOAT64)
      if (block === 16) expect(operatorsOf(lowered).filter((name) => name.endsWith('nchwc:Conv')).length).toBe(blocked)
    }
  })

  it('hold no doubled image', () => {
    const graph = convolution([16, 32, 4, 4], [32, 32, 3, 3], { padding: 1 }, (image) => upsampleNearest(image, 2))
    const names = operatorsOf(lowerForCpu(graph, 16))
    expect(names.filter((name) => /Resize|Upsample|AveragePool/.test(name))).toEqual([])
  })
})

describe('repeated runs', () => {
  it('give the same bytes with the same settings', async () => {
    const graph = convolution([16, 32, 16, 16], [48, 32, 3, 3], { padding: 1 })
    const feeds = drawFeeds(graph)
    const first = await compile(graph, { threads: 2 })
    const results = [await first.run(feeds), await first.run(feeds)]
    await first.dispose()
    const second = await compile(graph, { threads: 2 })
    results.push(await second.run(feeds))
    await second.dispose()
    expect(results[1]).toEqual(results[0])
    expect(results[2]).toEqual(results[0])
  })
})

describe('what the lowering puts in', () => {
  it('is blocked convolutions for all three products of a dense 3x3 layer, with each image blocked once', () => {
    const lowered = operatorsOf(lowerForCpu(convolution([16, 32, 8, 8], [16, 32, 3, 3], { padding: 1 }), 16))
    const count = (name: string) => lowered.filter((operator) => operator === name).length
    expect(count('com.microsoft.nchwc:Conv')).toBe(3)
    expect(count(':Conv')).toBe(0)
    // x, g, g once more with the batch as its channels, the weight and the rows of its blocks.
    expect(count('com.microsoft.nchwc:ReorderInput')).toBe(5)
  })

  it('is blocked convolutions where one block size fits and the other does not', () => {
    const graph = convolution([8, 24, 6, 7], [8, 24, 3, 3], { padding: 1 })
    const blockedAt = (block: BlockSize) =>
      operatorsOf(lowerForCpu(graph, block)).filter((name) => name.includes('nchwc:Conv'))
    expect(blockedAt(8).length).toBe(3)
    expect(blockedAt(16)).toEqual([])
  })

  it('is nothing special without a block size, or for a constant weight, which the engine blocks by itself', () => {
    const graph = convolution([2, 32, 8, 8], [16, 32, 3, 3], { padding: 1 })
    const blockedIn = (lowered: Graph) => operatorsOf(lowered).filter((name) => name.includes('nchwc'))
    expect(blockedIn(lowerForCpu(graph, undefined))).toEqual([])
    const frozen = bind({ inputs: graph.inputs, outputs: { y: graph.outputs.y } }, { w: drawFeeds(graph).w })
    expect(blockedIn(lowerForCpu(frozen, 16))).toEqual([])
  })

  it('uses a block size that the engine has', async () => {
    expect([8, 16]).toContain(await findBlockSize(nodeEngine))
  })
})
