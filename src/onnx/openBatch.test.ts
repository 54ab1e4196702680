import { expect, test } from 'vitest'
import { filled, float32 } from '../base/index.ts'
import type { Graph, Named, SymbolicTensor } from '../graph/index.ts'
import {
  add,
  constant,
  expand,
  groupNorm,
  linear,
  matmul,
  mul,
  reduceMean,
  reshape,
  softmax,
  trace,
} from '../graph/index.ts'
import { compile, openModel } from '../runtime/index.ts'
import { checkModel } from './check.ts'
import { encodeOpenBatch } from './openBatch.ts'

const row = constant(float32([0.5, -1, 2], [1, 3]))
const square = constant(float32([1, 2, 0, -1, 0.5, 1, 3, 0, -2], [3, 3]))

/** x [b,2,3,2] and t [b]: reshapes with the batch alone and multiplied, group norm, and a table row per image. */
function block({ x, t }: Named): Named {
  const batch = t.size
  const normed = groupNorm(x, { groups: 2 })
  const rows = reshape(normed, [batch * 4, 3])
  const mixed = softmax(reshape(linear(rows, square), [batch, 4, 3]), -1)
  const weighted = mul(mixed, reshape(t, [batch, 1, 1]))
  const perImage = matmul(expand(reshape(t, [batch, 1]), [batch, 3]), square)
  return { y: add(reshape(weighted, x.shape), 0.25), z: add(perImage, row), mean: reduceMean(weighted, [1, 2]) }
}

const at =
  (f: (inputs: Named) => Named) =>
  (batch: number): Graph =>
    trace({ x: { dtype: 'float32', shape: [batch, 2, 3, 2] }, t: { dtype: 'float32', shape: [batch] } }, f)

test('one file gives at every batch what the graph traced for it gives', async () => {
  const file = encodeOpenBatch(at(block), { name: 'block', axis: 'images' })
  const checked = checkModel(file)
  expect(checked.inputs.map(({ shape }) => shape)).toEqual([['images', 2, 3, 2], ['images']])
  expect(checked.outputs.map(({ shape }) => shape)).toEqual([['images', 2, 3, 2], ['images', 3], ['images']])
  expect([...checked.opsets.keys()]).toEqual([''])
  const model = await openModel(file, { threads: 1 })
  for (const batch of [1, 3, 7]) {
    const x = float32(
      Float32Array.from({ length: batch * 12 }, (_, i) => Math.sin(3 * i + batch)),
      [batch, 2, 3, 2],
    )
    const t = float32(Float32Array.from({ length: batch }, (_, i) => i - 0.5))
    const program = await compile(at(block)(batch), { threads: 1 })
    const [came, wanted] = [await model.run({ x, t }), await program.run({ x, t })]
    for (const [name, { shape, data }] of Object.entries(wanted)) {
      expect(came[name].shape, name).toEqual(shape)
      data.forEach((value, i) => void expect(came[name].data[i], name).toBeCloseTo(Number(value), 5))
    }
    await program.dispose()
  }
  await model.dispose()
})

test('the same graph gives the same bytes', () => {
  expect(encodeOpenBatch(at(block))).toEqual(encodeOpenBatch(at(block)))
})

test.each<[string, (x: SymbolicTensor) => SymbolicTensor, RegExp]>([
  ['a constant as long as the batch', (x) => add(x, constant(filled([x.shape[0], 1, 1, 1], 2))), /a constant of Add/],
  ['its mean over the batch', (x) => mul(reduceMean(x), 1 / x.shape[0]), /a constant of Mul/],
  ['a batch made by an Expand', (x) => expand(reduceMean(x, [0], true), x.shape), /an Expand from \[1,2,3,2\]/],
  ['another form for some batches', (x) => (x.shape[0] % 3 === 1 ? x : mul(mul(x, 3), x)), /not the same/],
])('refuses %s', (_, f, message) => {
  expect(() => encodeOpenBatch(at(({ x, t }) => ({ y: f(x), t })))).toThrow(message)
})
