import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filled, float32, floatToHalf, halfToFloat, int64, randomStream } from '../base/index.ts'
import type { SymbolicTensor } from '../graph/index.ts'
import { add, constant, gather, groupNorm, reshape, trace, transpose } from '../graph/index.ts'
import { encode, encodeOpenBatch } from '../onnx/index.ts'
import { compile } from './compile.ts'
import { openModel } from './foreign.ts'

const graph = trace(
  { x: { dtype: 'float32', shape: [2, 3] }, rows: { dtype: 'int64', shape: [2] } },
  ({ x, rows }) => ({ picked: gather(add(x, 1), rows, 0) }),
)
const bytes = encode(graph, { axisNames: { x: ['batch'], rows: ['count'], picked: ['count'] } })

describe('openModel', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'open-model-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('tells names, types, shapes and open axes, and runs at any extent of those, from bytes and from a file', async () => {
    const path = join(folder, 'model.onnx')
    writeFileSync(path, bytes)
    for (const source of [bytes, path]) {
      const model = await openModel(source, { threads: 1 })
      expect(model.inputs).toEqual([
        { name: 'x', dtype: 'float32', shape: ['batch', 3] },
        { name: 'rows', dtype: 'int64', shape: ['count'] },
      ])
      expect(model.outputs).toEqual([{ name: 'picked', dtype: 'float32', shape: ['count', 3] }])
      const x = float32([0, 1, 2, 3, 4, 5, 6, 7, 8], [3, 3])
      expect(await model.run({ x, rows: int64([2]) })).toEqual({ picked: float32([7, 8, 9], [1, 3]) })
      await model.dispose()
    }
  })

  it('names an input that is missing or does not fit what the file declares', async () => {
    const model = await openModel(bytes)
    const x = float32([1, 2, 3], [1, 3])
    await expect(model.run({ x })).rejects.toThrow(/'rows' must be int64\[count\], got nothing/)
    await expect(model.run({ x: float32([1, 2]), rows: int64([0]) })).rejects.toThrow(
      /'x' must be float32\[batch,3\], got float32\[2\]/,
    )
    await expect(model.run({ x, rows: float32([0]) })).rejects.toMatchObject({ code: 'runtime.feed', kind: 'input' })
    await expect(model.run({ x, rows: int64([5]) })).rejects.toMatchObject({ code: 'runtime.run', kind: 'failed' })
    expect((await model.run({ x, rows: int64([0]) })).picked.data).toEqual(Float32Array.of(2, 3, 4))
    await model.dispose()
  })

  it.each([
    ['a file that is not there', 'missing.onnx', undefined],
    ['an empty file', 'empty.onnx', new Uint8Array()],
    ['text', 'text.onnx', new TextEncoder().encode('no model')],
    ['a file cut short', 'short.onnx', bytes.subarray(0, bytes.length - 40)],
  ])('refuses %s', async (_, name, content) => {
    const path = join(folder, name)
    if (content) writeFileSync(path, content)
    await expect(openModel(path)).rejects.toMatchObject({
      code: 'onnx.open',
      kind: 'input',
      message: expect.stringContaining(name),
    })
  })

  it('runs a file with an open batch at any batch, with the numbers of the program compiled for that batch', async () => {
    const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
    const scale = constant(float32([0.5, -1, 2, 1, 0.1, 3]))
    const network = (batch: number) =>
      trace({ x: float(batch, 6, 4, 5), t: float(batch) }, (v: Record<'x' | 't', SymbolicTensor>) => {
        const h = groupNorm(add(v.x, reshape(v.t, [batch, 1, 1, 1])), { groups: 2, scale })
        return { y: transpose(reshape(h, [batch * 6, 20]), [1, 0]), h }
      })
    const model = await openModel(encodeOpenBatch(network))
    for (const batch of [1, 3]) {
      const x = float32(randomStream({ seed: batch, purpose: 'x' }).normal(new Float32Array(batch * 120)), [
        batch,
        6,
        4,
        5,
      ])
      const program = await compile(network(batch), { lowering: false })
      const feeds = { x, t: float32([1, 2, 3].slice(0, batch)) }
      expect(await model.run(feeds)).toEqual(await program.run(feeds))
      await program.dispose()
    }
    await model.dispose()
  })

  it('says what stands in for a file that was not fetched', async () => {
    const pointer = join(folder, 'pointer.onnx')
    writeFileSync(pointer, 'version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 5000000\n')
    await expect(openModel(pointer)).rejects.toMatchObject({ code: 'file.lfsPointer', kind: 'input' })
    await expect(openModel(pointer)).rejects.toThrow(/pointer.onnx' is a Git LFS pointer.*5000000 bytes \(5 MiB\)/)
    const page = join(folder, 'page.onnx')
    writeFileSync(page, '<!DOCTYPE html><title>Sign in</title>')
    await expect(openModel(page)).rejects.toMatchObject({ code: 'file.webPage' })
  })

  it('refuses a folder', async () => {
    await expect(openModel(folder)).rejects.toThrow(/is a folder/)
  })

  it('carries half-precision numbers as float32, in this thread and in lanes', async () => {
    const path = join(import.meta.dirname, '../../test/found/denoisers/half.onnx')
    const model = await openModel(path, { threads: 1 })
    expect(model.inputs.map(({ dtype }) => dtype)).toEqual(['float16', 'float16'])
    const x = float32(randomStream({ seed: 1, purpose: 'x' }).normal(new Float32Array(128)), [2, 1, 8, 8])
    const { out } = await model.run({ x, t: filled([2], 20) })
    expect([out.dtype, out.shape]).toEqual(['float32', [2, 1, 8, 8]])
    for (const value of out.data as Float32Array) expect(value).toBe(halfToFloat(floatToHalf(value)))
    const rounded = float32(
      Float32Array.from(x.data, (value) => halfToFloat(floatToHalf(value))),
      x.shape,
    )
    expect(await model.run({ x: rounded, t: filled([2], 20) })).toEqual({ out })
    const lanes = await model.inLanes(2)
    for (const lane of lanes) expect(await lane.run({ x, t: filled([2], 20) })).toEqual({ out })
    await expect(model.run({ x, t: int64([20, 20]) })).rejects.toThrow(/'t' must be float32\[batch\], got int64\[2\]/)
    for (const one of [model, ...lanes]) await one.dispose()
  })

  it('gives the outputs that are asked for', async () => {
    const path = join(import.meta.dirname, '../../test/found/denoisers/two-outputs.onnx')
    const model = await openModel(path, { threads: 1 })
    const [lane] = await model.inLanes(1)
    const feeds = { x: filled([1, 1, 8, 8], 0.5), t: int64([20]) }
    const all = await model.run(feeds)
    expect(Object.keys(all)).toEqual(['noise', 'clean'])
    expect(await model.run(feeds, ['clean'])).toEqual({ clean: all.clean })
    expect(await lane.run(feeds, ['noise'])).toEqual({ noise: all.noise })
    for (const one of [model, lane]) await one.dispose()
  })
})
