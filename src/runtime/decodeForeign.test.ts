/** Files as people have them: decoded and written anew, they give the same numbers in ONNX Runtime. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { foundDenoiser } from '../../test/found/denoisers/exact.fixture.ts'
import type { Tensor } from '../base/index.ts'
import { float32, int64, randomStream, sizeOf, tensor } from '../base/index.ts'
import { decode, encodeModel, readModel } from '../onnx/index.ts'
import { decodeFiles } from './decodeForeign.ts'
import { openModel } from './foreign.ts'

const files = readdirSync(foundDenoiser('.')).filter((name) => name.endsWith('.onnx'))

/** Numbers for an input: noise, a time, a class, a scale. */
function numbersFor(name: string, dtype: string, shape: readonly number[]): Tensor {
  const size = sizeOf(shape)
  if (dtype === 'int64') return int64(new Array<number>(size).fill(2), shape)
  if (dtype === 'int32') return tensor('int32', shape, new Int32Array(size).fill(2))
  const noise = randomStream({ seed: 1, purpose: name }).normal(new Float64Array(size))
  const values = size > 8 ? noise : noise.fill(2)
  return dtype === 'float64' ? tensor('float64', shape, values) : float32(values, shape)
}

test.each(files.filter((name) => name !== 'int8.onnx'))('%s', async (name) => {
  const bytes = readFileSync(foundDenoiser(name))
  const model = await openModel(bytes, { threads: 1 })
  const batch = 4
  const shapeOf = (shape: readonly (number | string)[]) =>
    shape.map((extent) => (typeof extent === 'number' ? extent : batch))
  const feeds = Object.fromEntries(
    model.inputs.map(({ name: input, dtype, shape }) => [input, numbersFor(input, dtype, shapeOf(shape))]),
  )
  const shapes = Object.fromEntries(Object.entries(feeds).map(([input, { shape }]) => [input, shape]))
  expect(decodeFiles({ bytes, files: {} }).inputs.map((input) => input.name)).toEqual(
    model.inputs.map((input) => input.name),
  )
  const again = await openModel(encodeModel(decode(readModel(bytes), { shapes }).graph), { threads: 1 })
  const used = Object.fromEntries(again.inputs.map((input) => [input.name, feeds[input.name]]))
  const [before, after] = [await model.run(feeds), await again.run(used)]
  for (const { name: output } of model.outputs) {
    const [a, b] = [before[output], after[output]]
    expect(b.shape).toEqual(a.shape)
    const largest = Math.max(...Array.from(a.data as Float32Array, Math.abs))
    // Of float16 the engine rounds every result, of which the network here makes noise of many weights.
    const allowed = (name === 'half.onnx' ? 0.05 : 1e-4) * largest
    Array.from(a.data as Float32Array).forEach((value, i) => {
      expect(Math.abs(Number(b.data[i]) - value), `${output}[${i}]`).toBeLessThanOrEqual(allowed)
    })
  }
  await model.dispose()
  await again.dispose()
})
