import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NamedTensors, Tensor } from '../base/index.ts'
import { BilevelError, float32, tensor } from '../base/index.ts'
import { readSafetensors, writeSafetensors } from '../files/index.ts'
import { repeatedKey } from './repeatedKey.ts'
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts'

/** A file from a header and data bytes. */
function fileOf(header: unknown, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const file = new Uint8Array(8 + json.length + data.length)
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true)
  file.set(json, 8)
  file.set(data, 8 + json.length)
  return file
}

function codeOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof BilevelError) return error.code
    throw error
  }
  return 'none'
}

const shapes = fc.array(fc.nat(4), { maxLength: 3 })
const anyTensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom('float32', 'float64', 'int64', 'int32', 'bool'), shapes, fc.integer({ min: -9, max: 9 }))
  .map(([dtype, shape, start]) => {
    const values = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => start + i)
    if (dtype === 'float32')
      return tensor(
        'float32',
        shape,
        Float32Array.from(values, (v) => v / 7),
      )
    if (dtype === 'float64')
      return tensor(
        'float64',
        shape,
        Float64Array.from(values, (v) => v / 7),
      )
    if (dtype === 'int64') return tensor('int64', shape, BigInt64Array.from(values, BigInt))
    if (dtype === 'int32') return tensor('int32', shape, Int32Array.from(values))
    return tensor(
      'bool',
      shape,
      Uint8Array.from(values, (v) => v & 1),
    )
  })
const anyTensors: fc.Arbitrary<NamedTensors> = fc.dictionary(
  fc.string().filter((name) => name !== '__metadata__'),
  anyTensor,
  { maxKeys: 5 },
)

describe('round trip', () => {
  test('names, types, shapes, numbers and metadata survive', () => {
    const texts = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 })
    fc.assert(
      fc.property(anyTensors, texts, (tensors, metadata) => {
        const read = decodeSafetensors(encodeSafetensors(tensors, metadata))
        expect(Object.keys(read.tensors).sort()).toEqual(Object.keys(tensors).sort())
        for (const [name, value] of Object.entries(tensors)) {
          const back = Object.entries(read.tensors).find(([key]) => key === name)?.[1]
          expect(back).toEqual({ dtype: value.dtype, shape: [...value.shape], data: value.data })
        }
        expect(Object.entries(read.metadata).sort()).toEqual(Object.entries(metadata).sort())
      }),
      { numRuns: 150 },
    )
  })

  test('the bytes do not depend on the order of the names, and every tensor is aligned', () => {
    const tensors = {
      b: float32([1, 2]),
      a: tensor('bool', [3], Uint8Array.of(1, 0, 1)),
      c: tensor('int64', [1], BigInt64Array.of(7n)),
    }
    const reversed = Object.fromEntries(Object.entries(tensors).reverse())
    const bytes = encodeSafetensors(tensors)
    expect(encodeSafetensors(reversed)).toEqual(bytes)
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true))
    expect(length % 8).toBe(0)
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))
    expect([header.c, header.b, header.a].map((entry) => entry.data_offsets[0])).toEqual([0, 8, 16])
  })
})

describe('reading what others write', () => {
  test('half precision, bfloat16 and bytes', () => {
    const data = Uint8Array.from([
      ...[0x00, 0x3c, 0x00, 0xc1, 0x01, 0x00, 0x00, 0x7c, 0xff, 0x7b], // 1, -2.5, 2^-24, infinity, 65504
      ...[0x80, 0x3f, 0x49, 0xc0], // 1, -3.140625
      ...[0, 200],
    ])
    const file = fileOf(
      {
        half: { dtype: 'F16', shape: [5], data_offsets: [0, 10] },
        brain: { dtype: 'BF16', shape: [1, 2], data_offsets: [10, 14] },
        bytes: { dtype: 'U8', shape: [2], data_offsets: [14, 16] },
      },
      data,
    )
    const { half, brain, bytes } = decodeSafetensors(file).tensors
    expect([...(half.data as Float32Array)]).toEqual([1, -2.5, 2 ** -24, Number.POSITIVE_INFINITY, 65504])
    expect(brain).toEqual({ dtype: 'float32', shape: [1, 2], data: Float32Array.of(1, -3.140625) })
    expect([...(bytes.data as Int32Array)]).toEqual([0, 200])
  })
})

describe('what others write and is rare', () => {
  test('scalar and empty tensors between others', () => {
    const header = {
      s: { dtype: 'F32', shape: [], data_offsets: [0, 4] },
      z: { dtype: 'F32', shape: [0, 3], data_offsets: [4, 4] },
      a: { dtype: 'F32', shape: [2], data_offsets: [4, 12] },
    }
    const { tensors } = decodeSafetensors(fileOf(header, new Uint8Array(Float32Array.of(7, 8, 9).buffer)))
    expect(tensors).toEqual({ s: float32([7], []), z: float32([], [0, 3]), a: float32([8, 9]) })
  })

  test('names with brackets, colons and quotes are names; only a key of the same object stands twice', () => {
    const json = fc.dictionary(fc.string(), fc.jsonValue())
    fc.assert(
      fc.property(json, (value) => {
        expect(repeatedKey(JSON.stringify(value, null, 1))).toBeNull()
      }),
    )
    const twice = fc.tuple(fc.string(), fc.jsonValue(), fc.jsonValue())
    fc.assert(
      fc.property(twice, ([key, a, b]) => {
        const [name, first, second] = [key, a, b].map((part) => JSON.stringify(part))
        expect(repeatedKey(`{"outer": [{${name} : ${first}, ${name}:${second}}]}`)).toBe(key)
      }),
    )
  })
})

describe('what is refused', () => {
  test('every truncation, and every longer file, is an error of ours', () => {
    const whole = encodeSafetensors(
      { x: float32([1, 2, 3]), y: tensor('int64', [2], BigInt64Array.of(1n, -1n)) },
      { k: 'v' },
    )
    for (let length = 0; length < whole.length; length++) {
      expect(codeOf(() => decodeSafetensors(whole.subarray(0, length)))).toBe('safetensors.truncated')
    }
    expect(codeOf(() => decodeSafetensors(Uint8Array.of(...whole, 0)))).toBe('safetensors.header')
  })

  test('random damage of one byte either reads or is an error of ours', () => {
    const whole = encodeSafetensors({ x: float32([1, 2, 3]), y: float32([4]) })
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (position, value) => {
        const damaged = whole.slice()
        damaged[position] = value
        codeOf(() => decodeSafetensors(damaged))
      }),
      { numRuns: 500 },
    )
  })

  const entry = (fields: object) => ({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields } })
  const data = new Uint8Array(8)
  test.each([
    ['text that is no JSON', '{"x": ', 'safetensors.header'],
    ['a list', '[1, 2]', 'safetensors.header'],
    ['an element type of another kind', entry({ dtype: 'F8_E4M3' }), 'safetensors.dtype'],
    ['an inherited name as element type', entry({ dtype: 'toString' }), 'safetensors.dtype'],
    ['a negative size', entry({ shape: [-2] }), 'safetensors.header'],
    ['a fractional size', entry({ shape: [1.5] }), 'safetensors.header'],
    ['a range that does not fit the shape', entry({ shape: [3] }), 'safetensors.header'],
    ['a range that runs backwards', entry({ data_offsets: [8, 0] }), 'safetensors.header'],
    ['a range outside the file', entry({ data_offsets: [8, 16] }), 'safetensors.header'],
    ['a range that ends outside the file', entry({ shape: [4], data_offsets: [0, 16] }), 'safetensors.truncated'],
    ['an overlap', { ...entry({}), y: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, 'safetensors.header'],
    ['metadata that is no text', { ...entry({}), __metadata__: { steps: 3 } }, 'safetensors.header'],
    [
      'a gap',
      { ...entry({ shape: [1], data_offsets: [0, 4] }), y: { dtype: 'F32', shape: [0], data_offsets: [8, 8] } },
      'safetensors.header',
    ],
    ['bytes that belong to nothing', entry({ shape: [1], data_offsets: [0, 4] }), 'safetensors.header'],
    [
      'a name that stands twice, of which others take the last',
      '{"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "\\u0078": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}}',
      'safetensors.header',
    ],
  ])('%s', (_, header, code) => {
    expect(codeOf(() => decodeSafetensors(fileOf(header, data)))).toBe(code)
  })

  test.each([
    [
      '{"metadata": {"total_size": 24}, "weight_map": {}}',
      'safetensors.header',
      /the index of weights in several files/,
    ],
    ['{"sample_size": 32, "in_channels": 3}', 'safetensors.header', /it is JSON text; save it again/],
    ['<html><head></head>', 'file.webPage', /w is a web page, saved in place of the file/],
    [
      'version https://git-lfs.github.com/spec/v1\nsize 900\n',
      'file.lfsPointer',
      /the file itself, 900 bytes, was not fetched/,
    ],
    ['version https://git-lfs.github.com/spec/v1\n', 'file.lfsPointer', /: the file itself was not fetched/],
  ])('%s in place of the file is called what it is', (text, code, message) => {
    const bytes = new TextEncoder().encode(text)
    expect(codeOf(() => decodeSafetensors(bytes, 'w'))).toBe(code)
    expect(() => decodeSafetensors(bytes, 'w')).toThrow(message)
  })

  test('a pickle or a PyTorch zip says how to convert it', () => {
    const zip = Uint8Array.from([0x50, 0x4b, 3, 4, 0, 0, 8, 8, 0, 0, 0, 0])
    const pickle = Uint8Array.from([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20])
    for (const bytes of [zip, pickle]) {
      expect(() => decodeSafetensors(bytes, 'model.pt')).toThrow(/model\.pt must be a safetensors file.*save_file/)
    }
  })

  test('a header of 640 bytes (0x80, 2) is no pickle', () => {
    const tensors = { x: float32([1]) }
    const padded = Array.from({ length: 700 }, (_, i) => encodeSafetensors(tensors, { pad: '.'.repeat(i) }))
    const file = padded.find((bytes) => bytes[0] === 0x80 && bytes[1] === 2)
    expect(decodeSafetensors(file ?? new Uint8Array()).tensors.x.data).toEqual(Float32Array.of(1))
  })

  test('the format’s own key as a tensor name', () => {
    expect(codeOf(() => encodeSafetensors({ __metadata__: float32([1]) }))).toBe('safetensors.name')
  })
})

describe('files', () => {
  test('a file is written whole, read back, and errors name the path', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'safetensors-'))
    const path = join(folder, 'a.safetensors')
    await writeSafetensors(path, { x: float32([1, 2], [2, 1]) }, { made: 'here' })
    expect(await readdir(folder)).toEqual(['a.safetensors'])
    const { tensors, metadata } = await readSafetensors(path)
    expect([tensors.x.shape, [...(tensors.x.data as Float32Array)], metadata]).toEqual([
      [2, 1],
      [1, 2],
      { made: 'here' },
    ])
    await expect(readSafetensors(join(folder, 'none'))).rejects.toThrow(/none must be a readable safetensors file/)
    await writeFile(path, 'short')
    await expect(readSafetensors(path)).rejects.toThrow(/a\.safetensors must hold 8 bytes/)
    await expect(writeSafetensors(join(path, 'x'), {})).rejects.toMatchObject({
      code: 'disk.write',
      kind: 'failed',
    })
    await rm(folder, { recursive: true })
  })
})
