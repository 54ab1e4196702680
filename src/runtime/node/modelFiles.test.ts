import { mkdir, mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { modelBytes } from '../../onnx/decode/wholeModel.fixture.ts'
import { isConfined } from '../../onnx/index.ts'
import { readModelFiles } from './modelFiles.ts'

const folder = await mkdtemp(join(tmpdir(), 'model-files-'))
afterAll(() => rm(folder, { recursive: true }))
const at = (...names: string[]) => join(folder, ...names)

const pointingTo = (location: string) =>
  modelBytes({
    nodes: [{ operator: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    initializers: [{ name: 'w', type: 1, dims: [1], external: { location } }],
    inputs: [['x', 1, [1]]],
    outputs: ['y'],
  })

await mkdir(at('model'))
await writeFile(at('secret'), 'none of the model')
await writeFile(at('model', 'm.data'), new Uint8Array([0, 0, 128, 63]))
await symlink(at('secret'), at('model', 'link'))

test('data beside the model are read with it', async () => {
  await writeFile(at('model', 'm.onnx'), pointingTo('m.data'))
  const { bytes, files } = await readModelFiles(at('model', 'm.onnx'))
  expect(bytes).toEqual(await readModelFiles(at('model', 'm.onnx')).then((again) => again.bytes))
  expect(Object.keys(files)).toEqual(['m.data'])
  expect(Array.from(files['m.data'])).toEqual([0, 0, 128, 63])
})

test('a cache keeps both elsewhere, under links', async () => {
  await mkdir(at('blobs'))
  await mkdir(at('snapshot'))
  await writeFile(at('blobs', 'a'), pointingTo('m.data'))
  await writeFile(at('blobs', 'b'), new Uint8Array(4))
  await symlink(at('blobs', 'a'), at('snapshot', 'm.onnx'))
  await symlink(at('blobs', 'b'), at('snapshot', 'm.data'))
  expect(Object.keys((await readModelFiles(at('snapshot', 'm.onnx'))).files)).toEqual(['m.data'])
})

test.each(['../secret', '/etc/hostname', 'C:\\data', 'a/../../secret', 'link'])(
  '%s is not in its folder',
  async (location) => {
    expect(isConfined(location)).toBe(location === 'link')
    await writeFile(at('model', 'm.onnx'), pointingTo(location))
    await expect(readModelFiles(at('model', 'm.onnx'))).rejects.toMatchObject({
      code: 'onnx.external',
      message: expect.stringMatching(/must lie in its folder, got '.+'; put it there/),
    })
  },
)

test('what is not there is named', async () => {
  await writeFile(at('model', 'm.onnx'), pointingTo('gone.data'))
  await expect(readModelFiles(at('model', 'm.onnx'))).rejects.toThrow(/gone.data' must be a file that can be read/)
  await expect(readModelFiles(at('no.onnx'))).rejects.toMatchObject({ code: 'onnx.open' })
})

test('data beyond what a derivative has room for are not read', async () => {
  await writeFile(at('model', 'm.onnx'), pointingTo('huge.data'))
  const huge = await open(at('model', 'huge.data'), 'w')
  // A hole: nothing is on the disk.
  await huge.truncate(2 ** 31)
  await huge.close()
  await expect(readModelFiles(at('model', 'm.onnx'))).rejects.toThrow(
    /huge.data' must have at most 1 GiB, with the weights beside it, .* it has 2 GiB: a larger model is run as it is, without a derivative/,
  )
})
