import { describe, expect, test } from 'vitest'
import { operatorCases } from './cases.fixture.ts'
import type { OperatorCase } from './caseType.fixture.ts'
import { drawFeeds, traceCase } from './caseType.fixture.ts'
import { compareDerivatives } from './derivativeCheck.fixture.ts'
import { evaluate } from './evaluate.ts'
import type { Operator } from './index.ts'
import { allOperators, cast, gradient, nodesOf, reduceSum } from './index.ts'
import { isFloat } from './ops/elementwise.ts'

/** Operators without a derivative: step functions, comparisons, choices of an index; and the derivatives themselves (first order only). */
const WITHOUT_DERIVATIVE = new Set([
  ...[
    'Silu',
    'Gelu',
    'GeluTanh',
    'GroupNorm',
    'BatchNormTraining',
    'UpsampleNearest',
    'UpsampleBilinear',
    'AveragePool',
    'MaxPool',
  ]
    .concat(['ConvInput', 'ConvWeight'])
    .map((name) => `composite:${name}Gradient`),
  'composite:InverseDeviation',
  ...['Sign', 'Floor', 'Ceil', 'Round', 'ArgMax', 'OneHot'],
  ...['Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Equal', 'And', 'Or', 'Not'],
])

const keyOf = ({ domain, name }: Operator) => (domain === '' ? name : `${domain}:${name}`)
const titled = (cases: readonly OperatorCase[]) =>
  cases.map((operatorCase) => ({ label: `${operatorCase.operator}: ${operatorCase.title}`, operatorCase }))
/** Names of the float inputs that the outputs use. */
function floatInputs(operatorCase: OperatorCase): string[] {
  const { inputs, outputs } = traceCase(operatorCase)
  const used = new Set(nodesOf(Object.values(outputs)).flatMap((node) => node.inputs))
  return Object.entries(inputs).flatMap(([name, value]) => (isFloat(value) && used.has(value) ? [name] : []))
}

describe('the table of cases', () => {
  // Without what another test of this worker defines.
  const own = allOperators().filter(({ name }) => name !== 'OfATest')

  test('holds every registered operator and nothing else', () => {
    const registered = own.map(keyOf)
    const covered = new Set(operatorCases.map(({ operator }) => operator))
    expect(registered.filter((key) => !covered.has(key))).toEqual([])
    expect([...covered].filter((key) => !registered.includes(key))).toEqual([])
  })

  test('titles are distinct and each case calls its operator', () => {
    const labels = titled(operatorCases).map(({ label }) => label)
    expect(new Set(labels).size).toBe(labels.length)
    for (const operatorCase of operatorCases) {
      const called = nodesOf(Object.values(traceCase(operatorCase).outputs)).map(({ operator }) => keyOf(operator))
      expect(called, operatorCase.title).toContain(operatorCase.operator)
    }
  })

  test('an operator has a derivative or is listed as having none', () => {
    const missing = own.filter((operator) => !operator.differentiate)
    expect(new Set(missing.map(keyOf))).toEqual(WITHOUT_DERIVATIVE)
  })
})

describe('derivatives equal central differences', () => {
  const cases = operatorCases.filter(({ operator }) => !WITHOUT_DERIVATIVE.has(operator))
  test.each(titled(cases))('$label', ({ operatorCase }) => {
    const graph = traceCase(operatorCase)
    const feeds = drawFeeds(operatorCase)
    const names = operatorCase.differentiable ?? floatInputs(operatorCase)
    for (const value of Object.values(evaluate(graph, feeds))) expect(value.data.every(Number.isFinite)).toBe(true)
    const wrong = compareDerivatives(graph, feeds, names).filter(({ error }) => !(error < 1e-6))
    expect(wrong).toEqual([])
  })
})

describe('an operator without a derivative is refused', () => {
  const cases = operatorCases.filter(
    (operatorCase) => WITHOUT_DERIVATIVE.has(operatorCase.operator) && floatInputs(operatorCase).length > 0,
  )
  test.each(titled(cases))('$label', ({ operatorCase }) => {
    const { inputs, outputs } = traceCase(operatorCase)
    const total = reduceSum(cast(Object.values(outputs)[0], 'float32'))
    const name = operatorCase.operator.replace('composite:', '')
    for (const input of floatInputs(operatorCase)) {
      expect(() => gradient(total, [inputs[input]])).toThrow(
        expect.objectContaining({ code: 'graph.derivative', message: expect.stringContaining(name) }),
      )
    }
  })
})
