import { describe, expect, it } from 'vitest'
import { operatorCases } from '../../graph/cases.fixture.ts'
import { drawFeeds, traceCase } from '../../graph/caseType.fixture.ts'
import { allOperators, evaluate, nodesOf } from '../../graph/index.ts'
import { encodeModel } from '../encode.ts'
import { decode } from './decode.ts'
import { readModel } from './model.ts'

describe('what is written is read back', () => {
  it.each(operatorCases.map((entry) => [`${entry.operator}: ${entry.title}`, entry] as const))('%s', (_, entry) => {
    const graph = traceCase(entry)
    const read = decode(readModel(encodeModel(graph))).graph
    expect(Object.keys(read.outputs)).toEqual(Object.keys(graph.outputs))
    const feeds = drawFeeds(entry)
    const [before, after] = [evaluate(graph, feeds), evaluate(read, feeds)]
    for (const [name, { dtype, shape, data }] of Object.entries(before)) {
      expect(after[name]).toMatchObject({ dtype, shape })
      const largest = data.filter(Number.isFinite).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
      // A file holds attributes and constants as float32.
      data.forEach((value, i) => {
        const got = after[name].data[i]
        if (!Object.is(got, value) && !(Math.abs(got - value) <= 2e-6 * largest))
          expect.fail(`${name}[${i}] = ${got}, was ${value}`)
      })
    }
  })

  it('every smooth operator keeps its derivative', () => {
    const smooth = new Set(allOperators().filter(({ differentiate }) => differentiate))
    const lost = operatorCases.flatMap((entry) => {
      const graph = traceCase(entry)
      const read = decode(readModel(encodeModel(graph))).graph
      const without = (outputs: typeof graph.outputs) =>
        nodesOf(Object.values(outputs))
          .filter(({ operator }) => !smooth.has(operator))
          .map(({ operator }) => operator.name)
      const before = new Set(without(graph.outputs))
      return without(read.outputs).filter((name) => !before.has(name))
    })
    expect(lost).toEqual([])
  })
})
