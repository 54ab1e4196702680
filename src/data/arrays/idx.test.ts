import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BilevelError } from '../../base/index.ts'
import { encodeIdx, parseIdx, readIdx } from './idx.ts'

const idx = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }).chain((shape) => {
  const size = shape.reduce((a, b) => a * b, 1)
  return fc.uint8Array({ minLength: size, maxLength: size }).map((data) => ({ shape, data }))
})

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run()
  } catch (error) {
    expect(error).toBeInstanceOf(BilevelError)
    expect((error as BilevelError).kind).toBe('input')
    return (error as BilevelError).code
  }
  return 'none'
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'idx-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('IDX', () => {
  it('reads the bytes of a hand-made file, also in the middle of a larger buffer', () => {
    const bytes = Uint8Array.of(9, 0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 10, 20, 30, 40, 50, 255)
    const { shape, data } = parseIdx(bytes.subarray(1), 'six')
    expect(shape).toEqual([2, 3])
    expect([...data]).toEqual([10, 20, 30, 40, 50, 255])
  })

  it('reads what it wrote', () => {
    fc.assert(
      fc.property(idx, ({ shape, data }) => {
        const back = parseIdx(encodeIdx({ shape, data }), 'any')
        expect(back.shape).toEqual(shape)
        expect([...back.data]).toEqual([...data])
      }),
    )
  })

  it('refuses a file cut off at any byte', async () => {
    await fc.assert(
      fc.asyncProperty(idx, fc.double({ min: 0, max: 0.999, noNaN: true }), async (value, part) => {
        const bytes = encodeIdx(value)
        const cut = bytes.subarray(0, Math.floor(part * bytes.length))
        expect(await codeOf(() => parseIdx(cut, 'cut'))).toBe('data.idxTruncated')
      }),
    )
  })

  it('refuses a gzipped file cut off at any byte', async () => {
    const zipped = gzipSync(
      encodeIdx({ shape: [4, 5, 5], data: Uint8Array.from({ length: 100 }, (_, i) => (i * 37) % 251) }),
    )
    const path = join(folder, 'cut.gz')
    for (let length = 0; length < zipped.length; length += 3) {
      await writeFile(path, zipped.subarray(0, length))
      expect(await codeOf(() => readIdx(path))).toBe(length < 2 ? 'data.idxTruncated' : 'data.gzip')
    }
  })

  it('never fails in another way, whatever the bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
        await codeOf(() => parseIdx(bytes, 'noise'))
      }),
    )
  })

  it('says what is wrong', async () => {
    const good = encodeIdx({ shape: [2, 2], data: Uint8Array.of(1, 2, 3, 4) })
    expect(() => parseIdx(Buffer.from('\x89PNG\r\n', 'latin1'), 'a.png')).toThrow(
      /a\.png is not an IDX file.*got 89504e47/,
    )
    expect(await codeOf(() => parseIdx(Uint8Array.from([...good, 0]), 'long'))).toBe('data.idxTrailing')
    expect(() => parseIdx(Uint8Array.of(0, 0, 0x0a, 1, 0, 0, 0, 0), 'odd')).toThrow(/a type of IDX.*0x0a/)
    expect(await codeOf(() => parseIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 0), 'empty'))).toBe('data.idxEmpty')
    expect(await codeOf(() => encodeIdx({ shape: [3], data: new Uint8Array(2) }))).toBe('data.idxShape')
    expect(await codeOf(() => readIdx(join(folder, 'absent')))).toBe('data.unreadable')
    const path = join(folder, 'corrupt.gz')
    const zipped = gzipSync(good)
    zipped[zipped.length - 6] ^= 0xff
    await writeFile(path, zipped)
    expect(await codeOf(() => readIdx(path))).toBe('data.gzip')
  })

  it('inflates a gzipped file no further than its header promises', async () => {
    const path = join(folder, 'sizes.gz')
    const of = async (bytes: Uint8Array): Promise<string> => {
      await writeFile(path, gzipSync(bytes))
      return await codeOf(() => readIdx(path))
    }
    const header = (...shape: number[]): Buffer => {
      const bytes = Buffer.from([0, 0, 8, shape.length, ...new Array(4 * shape.length).fill(0)])
      for (const [axis, extent] of shape.entries()) bytes.writeUInt32BE(extent, 4 + 4 * axis)
      return bytes
    }
    const zeros = Buffer.alloc(1 << 20)
    expect(await of(Buffer.concat([header(2, 2), zeros]))).toBe('data.idxTrailing')
    expect(await of(Buffer.concat([header(60000, 4096, 4096), zeros]))).toBe('data.idxTruncated')
    expect(await of(Buffer.concat([header(64, 128, 128), zeros]))).toBe('none')
    expect(await of(Buffer.concat([Buffer.from('plain text'), zeros]))).toBe('data.idxMagic')
    expect(await of(Buffer.from('text'))).toBe('data.idxMagic')
  })
})
