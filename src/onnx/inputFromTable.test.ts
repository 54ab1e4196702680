/** A row of a table in the place of an input: what the model gives is what it gave for that row. */
import { describe, expect, test } from 'vitest'
import { float32, int64 } from '../base/index.ts'
import { add, mul, reduceSum, trace } from '../graph/index.ts'
import { openModel } from '../runtime/index.ts'
import { encodeModel, inputFromTable, readModel } from './index.ts'

const bytes = encodeModel(
  trace({ x: { dtype: 'float32', shape: [3] }, told: { dtype: 'float32', shape: [3, 2, 2] } }, ({ x, told }) => ({
    y: add(mul(x, 10), reduceSum(told, [1, 2])),
  })),
)
const table = float32([1, 2, 3, 4, 0, 0, 0, 1, -1, -1, 0, 5], [3, 2, 2])

describe('an input from a table', () => {
  test('is looked up by the class of each item, in ONNX Runtime', async () => {
    const model = await openModel(inputFromTable(bytes, { input: 'told', table, name: 'class' }))
    expect(model.inputs.map(({ name, dtype }) => [name, dtype])).toEqual([
      ['x', 'float32'],
      ['class', 'int64'],
    ])
    const { y } = await model.run({ x: float32([1, 2, 3], [3]), class: int64([2, 0, 1], [3]) })
    expect([...(y.data as Float32Array)]).toEqual([13, 30, 31])
    await model.dispose()
  })

  test('leaves the rest of the file as it is', () => {
    const [before, after] = [bytes, inputFromTable(bytes, { input: 'told', table, name: 'class' })].map((file) =>
      readModel(file),
    )
    expect(after.graph.nodes.slice(1)).toEqual(before.graph.nodes)
    expect(after.graph.outputs).toEqual(before.graph.outputs)
    expect(after.opsets).toEqual(before.opsets)
  })

  test('that is not there, or whose name is taken, is refused', () => {
    expect(() => inputFromTable(bytes, { input: 'states', table, name: 'class' })).toThrow(
      /input 'states'.*its inputs are x, told/,
    )
    expect(() => inputFromTable(bytes, { input: 'told', table, name: 'x' })).toThrow(/none 'x'/)
  })
})
