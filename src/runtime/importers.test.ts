/** Calls as files write them: what the engine makes of the file, against the float64 reference of the decoded graph. */
import { describe, expect, it } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { evaluate, mapRecord, tensorOf } from '../graph/index.ts'
import { decode, readModel } from '../onnx/decode/index.ts'
import { nodeCases } from '../onnx/decode/nodeCases.fixture.ts'
import type { NodeCase } from '../onnx/decode/nodeModel.fixture.ts'
import { drawInputs, fedInputs, nodeModel } from '../onnx/decode/nodeModel.fixture.ts'
import { openModel } from './foreign.ts'

/** Relative to the largest element of an output: float32 sums of a few hundred terms. */
const TOLERANCE = 2e-5

const labelOf = ({ domain, operator, opset, title }: NodeCase) =>
  `${domain ? `${domain}:` : ''}${operator} ${opset}: ${title}`

type Numbers = { readonly shape: readonly number[]; readonly data: ArrayLike<number | bigint> }

function differing(results: Readonly<Record<string, Tensor>>, truth: Readonly<Record<string, Numbers>>): string[] {
  return Object.entries(truth).flatMap(([name, { shape, data }]) => {
    const result = results[name]
    if (result.shape.join() !== shape.join()) return [`${name}: [${result.shape}] for [${shape}]`]
    const values = Array.from(data as ArrayLike<number>, Number)
    const largest = values.filter(Number.isFinite).reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
    return values.flatMap((value, i) => {
      const got = Number(result.data[i])
      return Object.is(got, value) || Math.abs(got - value) <= TOLERANCE * largest
        ? []
        : [`${name}[${i}]: ${got} for ${value}`]
    })
  })
}

describe('decoded calls give what the engine makes of the file', () => {
  const asked = nodeCases.filter(({ noEngine }) => noEngine === undefined)
  it.each(asked.map((nodeCase) => [labelOf(nodeCase), nodeCase] as const))('%s', async (_, nodeCase) => {
    const bytes = nodeModel(nodeCase)
    const { graph } = decode(readModel(bytes))
    const numbers = drawInputs(nodeCase)
    const fed = Object.fromEntries(fedInputs(nodeCase).map((name) => [name, numbers[name]]))
    const feeds = mapRecord(fed, ({ dtype, shape, data }) => tensorOf(dtype, shape, data))
    const reference = evaluate(graph, fed)
    const model = await openModel(bytes, { threads: 1 })
    try {
      expect(differing(await model.run(feeds), reference)).toEqual([])
    } finally {
      await model.dispose()
    }
  })
})
