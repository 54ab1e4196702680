/** Heads on CLIP's vectors against float64 arithmetic on transformers' own vectors, and against the cosine, which is the head that a prompt makes. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Tensor } from '../../base/index.ts'
import { float32, tensor } from '../../base/index.ts'
import { writeSafetensors } from '../../files/index.ts'
import { constant, linear, relu, trace } from '../../graph/index.ts'
import { encodeModel } from '../../onnx/index.ts'
import { imageShape, images, openedClip, relative, vectors } from './clip.fixture.ts'
import { clipHead } from './index.ts'

const clip = openedClip()
const WIDTH = 8
const HIDDEN = 3

/** Numbers that are not alike. */
const numbers = (count: number, shift: number) => Array.from({ length: count }, (_, i) => Math.sin(3 * i + shift))
const weights: Record<string, Tensor<'float32'>> = {
  'layers.2.weight': float32(numbers(HIDDEN * WIDTH, 1), [HIDDEN, WIDTH]),
  'layers.2.bias': float32(numbers(HIDDEN, 2), [HIDDEN]),
  'layers.10.weight': float32(numbers(HIDDEN, 3), [1, HIDDEN]),
  'layers.10.bias': float32([0.25], [1]),
}

function expected(row: readonly number[], between: (x: number) => number): number {
  const [w, b, v, c] = Object.values(weights).map(({ data }) => data)
  const hidden = Array.from({ length: HIDDEN }, (_, i) =>
    between(row.reduce((sum, x, j) => sum + x * w[i * WIDTH + j], b[i])),
  )
  return hidden.reduce((sum, x, i) => sum + x * v[i], c[0])
}

const rows = [0, 1, 2].map((i) => vectors.embeds.slice(i * WIDTH, (i + 1) * WIDTH))
const head = async (path: string) =>
  clip.keep(await clipHead({ towers: await clip.towers, imageShape, head: path, batch: 2 }))
const at = async (name: string) => join(await clip.folder, name)

describe('a head in safetensors', () => {
  test('is linear layers in the order of their numbers, with nothing between', async () => {
    await writeSafetensors(await at('plain.safetensors'), weights)
    const values = await (await head(await at('plain.safetensors'))).values(images)
    expect(
      relative(
        values,
        rows.map((row) => expected(row, (x) => x)),
      ),
    ).toBeLessThan(1e-4)
  })

  test('has the activation that it names; the same in ONNX, derivatives included', async () => {
    await writeSafetensors(await at('relu.safetensors'), weights, { activation: 'relu' })
    const [w, b, v, c] = Object.values(weights).map((value) => constant(value))
    const graph = trace({ embeds: { dtype: 'float32', shape: [2, WIDTH] } }, ({ embeds }) => ({
      score: linear(relu(linear(embeds, w, b)), v, c),
    }))
    await writeFile(await at('relu.onnx'), encodeModel(graph))
    const found = await (await head(await at('relu.safetensors'))).gradient(images)
    expect(
      relative(
        found.values,
        rows.map((row) => expected(row, (x) => Math.max(x, 0))),
      ),
    ).toBeLessThan(1e-4)
    const other = await (await head(await at('relu.onnx'))).gradient(images)
    expect(relative(other.values, [...found.values])).toBeLessThan(1e-5)
    expect(relative(other.gradient.data, [...found.gradient.data])).toBeLessThan(1e-5)
  })

  test('that is the vector of a prompt gives the cosine, with its derivative', async () => {
    const { embeds } = await (await clip.towers).embedTexts([vectors.prompts[0]])
    await writeSafetensors(await at('prompt.safetensors'), { weight: embeds })
    const { values, gradient } = await (await head(await at('prompt.safetensors'))).gradient(images)
    expect(values[0]).toBeCloseTo(vectors.cosine[0], 5)
    const size = vectors.gradient.length / 3
    expect(relative(gradient.data, vectors.gradient.slice(0, size))).toBeLessThan(1e-3)
  })

  test('of another form is refused', async () => {
    const refused = async (tensors: Record<string, Tensor>, metadata = {}) => {
      await writeSafetensors(await at('bad.safetensors'), tensors, metadata)
      return head(await at('bad.safetensors'))
    }
    const flat = tensor('float32', [3], new Float32Array(3))
    await expect(refused({ other: flat })).rejects.toThrow(/holds other/)
    await expect(refused({ weight: float32([1, 2], [1, 2]) })).rejects.toThrow(/\[1,2\] where \[out,8\] is due/)
    await expect(refused({ 'a.weight': weights['layers.2.weight'] })).rejects.toThrow(/one number for each vector/)
    await expect(refused({ weight: weights['layers.2.weight'], bias: float32([1], [1]) })).rejects.toThrow(
      /has a bias \[1\]/,
    )
    await expect(refused(weights, { activation: 'maxout' })).rejects.toThrow(/activation 'maxout'; none, relu/)
  })
})
