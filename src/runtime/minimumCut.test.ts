import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CutProblem } from './minimumCut.ts'
import { minimumCut } from './minimumCut.ts'

/** Whether a source still reaches a sink when the cut nodes are gone. */
function isConnected({ edges, sources, sinks }: CutProblem, cut: readonly number[]): boolean {
  const gone = new Set(cut)
  const queue = sources.filter((node) => !gone.has(node))
  const seen = new Set(queue)
  for (const at of queue) {
    if (sinks.includes(at)) return true
    for (const [from, to] of edges) {
      if (from !== at || gone.has(to) || seen.has(to)) continue
      seen.add(to)
      queue.push(to)
    }
  }
  return false
}

const costOf = ({ costs }: CutProblem, cut: readonly number[]) => cut.reduce((sum, node) => sum + costs[node], 0)

const problems = fc.integer({ min: 1, max: 8 }).chain((count) => {
  const node = fc.integer({ min: 0, max: count - 1 })
  return fc.record({
    costs: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: count, maxLength: count }),
    edges: fc.array(fc.tuple(node, node), { maxLength: 20 }),
    sources: fc.uniqueArray(node),
    sinks: fc.uniqueArray(node),
  })
})

describe('minimumCut', () => {
  it('costs no more than any of all possible cuts', () => {
    fc.assert(
      fc.property(problems, (problem) => {
        const cut = minimumCut(problem)
        expect(isConnected(problem, cut)).toBe(false)
        const subsets = Array.from({ length: 2 ** problem.costs.length }, (_, bits) =>
          problem.costs.flatMap((_, node) => (bits & (1 << node) ? [node] : [])),
        )
        const least = Math.min(
          ...subsets.filter((subset) => !isConnected(problem, subset)).map((subset) => costOf(problem, subset)),
        )
        expect(costOf(problem, cut)).toBe(least)
      }),
      { numRuns: 200, seed: 3 },
    )
  })

  it('of two equal cuts takes the one nearest to the sinks', () => {
    const chain = {
      costs: [2, 1, 1, 3],
      edges: [
        [0, 1],
        [1, 2],
        [2, 3],
      ],
      sources: [0],
      sinks: [3],
    } as const
    expect(minimumCut(chain)).toEqual([2])
  })

  it('cuts a node that is source and sink, and nothing where nothing flows', () => {
    expect(minimumCut({ costs: [5, 1], edges: [], sources: [0, 1], sinks: [0] })).toEqual([0])
    expect(minimumCut({ costs: [5, 1], edges: [[0, 1]], sources: [1], sinks: [0] })).toEqual([])
  })

  it('is linear enough for thousands of calls in a row', () => {
    const count = 20_000
    const edges = Array.from({ length: count - 1 }, (_, k) => [k, k + 1] as const)
    const costs = Array.from({ length: count }, (_, k) => (k === 700 ? 1 : 2))
    expect(minimumCut({ costs, edges, sources: [0], sinks: [count - 1] })).toEqual([700])
  })
})
