/** Calls as files write them, decoded: their derivatives equal central differences of the float64 reference. */
import { describe, expect, test } from 'vitest'
import { compareDerivatives } from '../../graph/derivativeCheck.fixture.ts'
import { evaluate } from '../../graph/index.ts'
import { decode } from './decode.ts'
import { readModel } from './model.ts'
import { nodeCases } from './nodeCases.fixture.ts'
import { drawInputs, fedInputs, nodeModel } from './nodeModel.fixture.ts'

const titled = nodeCases.map((nodeCase) => {
  const { domain, operator, opset, title } = nodeCase
  return [`${domain ? `${domain}:` : ''}${operator} ${opset}: ${title}`, nodeCase] as const
})

test('titles are distinct', () => {
  expect(titled.map(([label]) => label).filter((label, i, all) => all.indexOf(label) !== i)).toEqual([])
})

describe('derivatives of decoded calls equal central differences', () => {
  test.each(titled.filter(([, { smooth = true }]) => smooth))('%s', (_, nodeCase) => {
    const { graph } = decode(readModel(nodeModel(nodeCase)))
    const numbers = drawInputs(nodeCase)
    const feeds = Object.fromEntries(fedInputs(nodeCase).map((name) => [name, numbers[name]]))
    for (const value of Object.values(evaluate(graph, feeds))) expect(value.data.every(Number.isFinite)).toBe(true)
    const names = fedInputs(nodeCase).filter((name) => numbers[name].dtype === 'float32')
    expect(compareDerivatives(graph, feeds, names).filter(({ error }) => !(error < 1e-6))).toEqual([])
  })
})
