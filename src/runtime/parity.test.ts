/**
 * Every operator on this device's engine against the float64 reference: its values, and the derivatives of a random weighted sum of
 * them, in the plain form (what an exported file holds) and in the lowered one.
 */
import { describe, expect, it } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { operatorCases } from '../graph/cases.fixture.ts'
import type { OperatorCase } from '../graph/caseType.fixture.ts'
import { drawFeeds, traceCase } from '../graph/caseType.fixture.ts'
import { randomCotangents } from '../graph/derivativeCheck.fixture.ts'
import type { Graph, Reference, SymbolicTensor } from '../graph/index.ts'
import { allOperators, evaluate, mapRecord, tensorOf, vjp } from '../graph/index.ts'
import { compile } from './compile.ts'

/** Relative to the largest element of an output: float32 sums of a few hundred terms. */
const TOLERANCE = 2e-5

const isFloat = ({ dtype }: SymbolicTensor) => dtype === 'float32' || dtype === 'float64'

/** Whether the operator under test is smooth; step functions and choices of an index are not. */
const isSmooth = ({ operator: key }: OperatorCase) =>
  allOperators().some(
    ({ domain, name, differentiate }) => differentiate && key === (domain ? `${domain}:${name}` : name),
  )

/** Values and derivatives of a case in one graph. */
function graphOf(operatorCase: OperatorCase): Graph {
  const graph = traceCase(operatorCase)
  if (!isSmooth(operatorCase)) return graph
  const variables = (operatorCase.differentiable ?? Object.keys(graph.inputs)).filter((name) =>
    isFloat(graph.inputs[name]),
  )
  const outputs = Object.values(graph.outputs).filter(isFloat)
  if (variables.length === 0 || outputs.length === 0) return graph
  const gradients = vjp(
    outputs,
    randomCotangents(outputs),
    variables.map((name) => graph.inputs[name]),
  )
  const named = Object.fromEntries(variables.map((name, i) => [`d ${name}`, gradients[i]]))
  return { inputs: graph.inputs, outputs: { ...graph.outputs, ...named } }
}

function expectClose(result: Tensor, truth: Reference, name: string): void {
  expect({ name, dtype: result.dtype, shape: result.shape }).toEqual({ name, dtype: truth.dtype, shape: truth.shape })
  const finite = truth.data.filter(Number.isFinite)
  const largest = finite.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const exact = truth.dtype !== 'float32' && truth.dtype !== 'float64'
  const allowed = exact ? 0 : TOLERANCE * Math.max(largest, 1e-3)
  truth.data.forEach((value, i) => {
    const got = Number(result.data[i])
    const close = Object.is(got, value) || Math.abs(got - value) <= allowed
    if (!close) expect.fail(`${name}[${i}] = ${got}, reference ${value} (largest ${largest})`)
  })
}

describe.each([{ lowering: false }, { lowering: true }])(
  'parity with the reference, lowering $lowering',
  ({ lowering }) => {
    it.each(operatorCases.map((entry) => [`${entry.operator}: ${entry.title}`, entry] as const))(
      '%s',
      async (_, entry) => {
        const graph = graphOf(entry)
        const feeds = drawFeeds(entry)
        const truth = evaluate(graph, feeds)
        const program = await compile(graph, { threads: 1, lowering })
        try {
          const results = await program.run(mapRecord(feeds, ({ dtype, shape, data }) => tensorOf(dtype, shape, data)))
          for (const [name, value] of Object.entries(truth)) expectClose(results[name], value, name)
        } finally {
          await program.dispose()
        }
      },
    )
  },
)
