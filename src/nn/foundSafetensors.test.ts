/** Small files as people have them (`test/found/safetensors`): read where they are valid, else what they are and what to do is said. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { decodeSafetensors } from './safetensors.ts'
import { prefixHint, withoutPrefix } from './weightsPrefix.ts'

const folder = join(import.meta.dirname, '../../test/found/safetensors')
const read = async (name: string) => decodeSafetensors(await readFile(join(folder, `${name}.safetensors`)))

const VALID: readonly [name: string, shapes: Record<string, readonly number[]>][] = [
  ['ok', { 'a.weight': [2, 3] }],
  ['scalar-and-empty', { s: [], z: [0, 3], a: [5] }],
  ['ddp-prefix', { 'module.conv_in.weight': [2, 3] }],
  ['torch-compile-prefix', { '_orig_mod.conv_in.weight': [2, 3] }],
  ['unet-prefix-lightning', { 'unet.conv_in.weight': [2, 3], 'ema.step': [] }],
]

test.each(VALID)('%s is read', async (name, shapes) => {
  const { tensors } = await read(name)
  expect(Object.fromEntries(Object.entries(tensors).map(([key, { shape }]) => [key, shape]))).toEqual(shapes)
  for (const { shape, data } of Object.values(tensors)) {
    expect(data.length).toBe(shape.reduce((product, extent) => product * extent, 1))
    expect(Array.from(data, Number).every(Number.isFinite)).toBe(true)
  }
})

test.each([
  ['ddp-prefix', 'module.', /1 of them under 'module.' \(as DistributedDataParallel names them\)/],
  ['torch-compile-prefix', '_orig_mod.', /1 of them under '_orig_mod.' \(as torch.compile names them\)/],
  ['unet-prefix-lightning', 'unet.', /1 of them under 'unet.' \(as Lightning names them\): .*--weights-prefix unet\./],
])('the prefix of %s is found, and taken off where that is asked', async (name, prefix, message) => {
  const { tensors } = await read(name)
  expect(prefixHint(['conv_in.weight'], Object.keys(tensors))).toMatch(message)
  expect(withoutPrefix(tensors, prefix)).toEqual({ 'conv_in.weight': tensors[`${prefix}conv_in.weight`] })
})

const FAULTS: readonly [name: string, code: string, message: RegExp][] = [
  ['gap', 'safetensors.header', /'b' begins at byte 8, the tensor before it ends at 4; save it again/],
  ['trailing-bytes', 'safetensors.header', /5 bytes belong to no tensor; save it again/],
  ['duplicate-key', 'safetensors.header', /'a' stands in it twice, so which one is meant is not known/],
  ['metadata-number', 'safetensors.header', /__metadata__ must map names to text, 'epoch' is 3/],
  ['fp8', 'safetensors.dtype', /tensor 'a' must have .* got "F8_E4M3"; convert it before saving, .*tensor.float\(\)/],
  [
    'lfs-pointer',
    'file.lfsPointer',
    /is a Git LFS pointer, .* 454741132 bytes \(434 MiB\), was not fetched; run 'git lfs/,
  ],
  ['html', 'file.webPage', /is a web page titled 'Entry not found', .*download the file itself/],
]

test.each(FAULTS)('%s is refused by %s', async (name, code, message) => {
  await expect(read(name)).rejects.toMatchObject({ code, kind: 'input', message: expect.stringMatching(message) })
})

test('the index of a file in parts is none itself, and is said to be one', async () => {
  const name = 'diffusion_pytorch_model.safetensors.index.json'
  const bytes = await readFile(join(folder, name))
  expect(() => decodeSafetensors(bytes, name)).toThrow(
    expect.objectContaining({ message: expect.stringMatching(/it is the index of weights in several files/) }),
  )
})

test('there is no other file', async () => {
  const tried = [...VALID, ...FAULTS].map(([name]) => `${name}.safetensors`)
  const names = (await readdir(folder)).filter((name) => name.endsWith('.safetensors'))
  expect(tried.toSorted()).toEqual(names.toSorted())
})
