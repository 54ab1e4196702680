import { describe, expect, it } from 'vitest'
import type { Node, SymbolicTensor } from '../graph/index.ts'
import { concat, gradient, matmul, mul, nodesOf, reduceSum, reshape, sigmoid, silu, trace } from '../graph/index.ts'
import { makersOf, peakOf, runBy } from './engineOrder.fixture.ts'
import { engineOrder } from './engineOrder.ts'

/** Layers with weights of their own; gradients joined in the order given, as an optimizer on a flat vector joins them. */
function outputsOf(layers: number, batch: number): SymbolicTensor[] {
  const types = Object.fromEntries(
    Array.from({ length: layers }, (_, k) => [`w${k}`, { dtype: 'float32', shape: [8, 8] } as const]),
  )
  const graph = trace<string, string>({ x: { dtype: 'float32', shape: [batch, 8] }, ...types }, ({ x, ...weights }) => {
    const all = Object.values(weights)
    const y = all.reduce((value, w) => silu(matmul(value, w)), x)
    const loss = reduceSum(y)
    return {
      gradients: concat(
        gradient(loss, all).map((value) => reshape(value, [64])),
        0,
      ),
      loss,
    }
  })
  return Object.values(graph.outputs)
}

describe('engineOrder', () => {
  const outputs = outputsOf(20, 50)
  const nodes = nodesOf(outputs)
  const order = engineOrder(nodes)

  it('holds every call once, after all it needs', () => {
    expect(new Set(order)).toEqual(new Set(nodes))
    expect(order.length).toBe(nodes.length)
    const place = new Map(order.map((node, at) => [node, at]))
    for (const node of order)
      for (const maker of makersOf(node)) expect(place.get(maker) ?? -1).toBeLessThan(place.get(node) ?? -1)
  })

  it('makes the engine take cotangents as they come', () => {
    const kept = 20 * 2 * 50 * 8
    expect(peakOf(runBy(order), outputs)).toBeLessThan(kept * 1.25)
    expect(peakOf(runBy(order), outputs)).toBeLessThanOrEqual(peakOf(runBy(nodes), outputs))
  })

  it('is the same for the same graph', () => {
    const names = (list: readonly Node[]) =>
      list.map(({ operator, outputs: [{ shape }] }) => `${operator.name}${shape}`)
    expect(names(engineOrder(nodesOf(outputsOf(20, 50))))).toEqual(names(order))
  })

  it('makes the engine take what is at hand when its cotangent is there', () => {
    const types = Object.fromEntries(
      ['g', ...Array.from({ length: 20 }, (_, k) => `x${k}`)].map((name) => [
        name,
        { dtype: 'float32', shape: [50, 8] } as const,
      ]),
    )
    const { outputs } = trace<string, string>(types, ({ g, ...kept }) => ({
      dx: Object.values(kept).reduce((cotangent, x) => silu(mul(cotangent, sigmoid(x))), g),
    }))
    const dx = Object.values(outputs)
    const calls = nodesOf(dx)
    // One cotangent, what it is multiplied by, and their product.
    expect(peakOf(runBy(engineOrder(calls)), dx)).toBe(3 * 50 * 8)
    expect(peakOf(runBy(calls), dx)).toBeGreaterThan(20 * 50 * 8)
  })
})
