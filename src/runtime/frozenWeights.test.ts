/** Frozen weights are said: which models the engine packs and folds by itself follows from that, not from sizes. */
import { expect, test } from 'vitest'
import { float32, randomStream } from '../base/index.ts'
import type { Graph } from '../graph/index.ts'
import { bind, constant, frozenWeights, matmul, reshape, simplify, split, trace } from '../graph/index.ts'
import { compile } from './compile.ts'
import type { Engine } from './engine.ts'
import { nodeEngine } from './node/index.ts'
import { splitGraph } from './split.ts'

const draw = (rows: number, columns: number) =>
  float32(randomStream({ seed: 1, purpose: 'test.frozen' }).normal(new Float32Array(rows * columns)), [rows, columns])

/** Whether the engine is asked to optimize a model by itself. */
async function optimized(graph: Graph): Promise<boolean | undefined> {
  let asked: boolean | undefined
  const { threads, remedies } = nodeEngine
  const engine: Engine = {
    threads,
    remedies,
    ownOperators: true,
    load(model, settings) {
      // The first loads look for the block size.
      asked = settings.optimize
      return nodeEngine.load(model, settings)
    },
  }
  await (await compile(graph, { engine })).dispose()
  return asked
}

const x = { dtype: 'float32', shape: [2, 3] } as const

test('weights that are bound or called frozen are, however small; a large constant of another kind is not', async () => {
  const network = trace({ x, w: { dtype: 'float32', shape: [3, 2] } }, (given) => ({ y: matmul(given.x, given.w) }))
  expect(await optimized(network as Graph)).toBe(false)
  expect(await optimized(bind(network, { w: draw(3, 2) }) as Graph)).toBe(true)
  const around = (w: ReturnType<typeof constant>) => trace({ x }, (given) => ({ y: matmul(given.x, w) })) as Graph
  expect(await optimized(around(frozenWeights(draw(3, 2))))).toBe(true)
  expect(await optimized(around(constant(draw(3, 2000))))).toBe(false)
})

test('what is folded out of frozen weights is frozen, also in the parts of a split graph', () => {
  const flat = trace({ x, later: x, w: { dtype: 'float32', shape: [12] } }, ({ x: image, later, w }) => {
    const [first, second] = split(w, [6, 6], 0).map((part) => reshape(part, [3, 2]))
    return { y: matmul(image, first), z: matmul(later, second) }
  })
  const bound = simplify(bind(flat, { w: float32(draw(1, 12).data) }))
  for (const graph of [bound, ...Object.values(splitGraph(bound as Graph, ['later'])).slice(0, 2)] as Graph[]) {
    for (const { source } of Object.values(graph.outputs)) {
      const weight = source.kind === 'node' ? source.node.inputs[1] : null
      expect([weight?.shape, weight?.frozen]).toEqual([[3, 2], true])
    }
  }
})
