import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ProtoWriter } from '../onnx/protobuf.ts'
import { fileHash } from './fileHash.ts'
import { modelFileHash } from './modelFileHash.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'model-hash-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A TensorProto whose data lie in a file, as every exporter writes it. */
const outside = (name: string, location: string) => (writer: ProtoWriter) => {
  const entry = (key: string, value: string) => (pair: ProtoWriter) => void pair.string(1, key).string(2, value)
  writer.string(8, name).message(13, entry('location', location)).message(13, entry('offset', '0')).int(14, 1)
}

/** A model with outside data as an initializer, and as the constant of a node inside a branch of an If. */
function modelBytes(outer: string, inner: string): Uint8Array {
  const constant = (node: ProtoWriter) =>
    void node.string(4, 'Constant').message(5, (a) => a.message(5, outside('c', inner)))
  const branch = (node: ProtoWriter) =>
    void node.string(4, 'If').message(5, (a) => a.message(6, (g) => g.message(1, constant)))
  return new ProtoWriter()
    .int(1, 8)
    .message(7, (graph) => graph.message(1, branch).message(5, outside('w', outer)))
    .finish()
}

it('covers the files that hold the weights, wherever in the model they are named', async () => {
  const path = join(folder, 'model.onnx')
  await writeFile(path, modelBytes('w.bin', 'c.bin'))
  const [weights, constants] = [join(folder, 'w.bin'), join(folder, 'c.bin')]
  await writeFile(weights, 'weights')
  await writeFile(constants, 'constants')
  const before = await modelFileHash(path)
  expect(await modelFileHash(path)).toBe(before)
  for (const file of [weights, constants]) {
    await writeFile(file, 'another')
    expect(await modelFileHash(path), file).not.toBe(before)
    await writeFile(file, file === weights ? 'weights' : 'constants')
  }
  expect(await modelFileHash(path)).toBe(before)
  await rm(constants)
  await expect(modelFileHash(path)).rejects.toThrow('c.bin')
})

it('of a file without any is that of its bytes, and so of what is no model', async () => {
  for (const bytes of [
    new ProtoWriter().int(1, 8).finish(),
    new TextEncoder().encode('no model at all'),
    new Uint8Array(),
  ]) {
    const path = join(folder, 'plain.onnx')
    await writeFile(path, bytes)
    expect(await modelFileHash(path)).toBe(await fileHash(path))
  }
})
