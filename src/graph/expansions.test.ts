import { describe, expect, test } from 'vitest'
import { float32 } from '../base/index.ts'
import { operatorCases } from './cases.fixture.ts'
import { drawFeeds, traceCase } from './caseType.fixture.ts'
import type { Graph } from './index.ts'
import { constant, evaluate, expandComposites, nodesOf, vjp } from './index.ts'
import { isFloat } from './ops/elementwise.ts'

const composite = operatorCases
  .filter(({ operator }) => operator.startsWith('composite:'))
  .map((operatorCase) => ({ label: `${operatorCase.operator}: ${operatorCase.title}`, operatorCase }))
const withDerivative = composite.filter(({ operatorCase }) => operatorCase.differentiable === undefined)

/** Largest difference between a graph and its expansion, relative to the largest number of each output. */
function expansionError(graph: Graph, feeds: ReturnType<typeof drawFeeds>): number {
  const expanded = expandComposites(graph)
  expect(nodesOf(Object.values(expanded.outputs)).filter(({ operator }) => operator.domain === 'composite')).toEqual([])
  const whole = evaluate(graph, feeds)
  const parts = evaluate(expanded, feeds)
  const errors = Object.keys(whole).map((name) => {
    const largest = whole[name].data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
    return (
      whole[name].data.reduce((most, value, i) => Math.max(most, Math.abs(value - parts[name].data[i])), 0) / largest
    )
  })
  return Math.max(...errors)
}

// Constants such as 1 / n are float32 in a graph, hence not 1e-12.
describe('a composite operator and its expansion agree', () => {
  test.each(composite)('$label', ({ operatorCase }) => {
    expect(expansionError(traceCase(operatorCase), drawFeeds(operatorCase, 1))).toBeLessThan(3e-7)
  })
})

describe('and so do their derivatives', () => {
  test.each(withDerivative)('$label', ({ operatorCase }) => {
    const { inputs, outputs } = traceCase(operatorCase)
    const values = Object.values(outputs)
    const cotangents = values.map((value) => {
      return constant(
        float32(
          Array.from({ length: value.size }, (_, i) => Math.sin(1 + i)),
          value.shape,
        ),
      )
    })
    const wrt = Object.values(inputs).filter(isFloat)
    const gradients = vjp(values, cotangents, wrt).map((value, i) => [`gradient${i}`, value] as const)
    const graph = { inputs, outputs: Object.fromEntries(gradients) }
    expect(expansionError(graph, drawFeeds(operatorCase, 2))).toBeLessThan(3e-7)
  })
})
