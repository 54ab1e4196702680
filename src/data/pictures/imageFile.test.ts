import { readFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import { encode as encodePng } from 'fast-png'
import { describe, expect, it } from 'vitest'
import { decodeImage } from './imageFile.ts'

const PALETTE = 3

/** Files with what Pillow decodes them to. */
const PICTURES = JSON.parse(readFileSync('src/data/fixtures/pictures.json', 'utf8')) as Readonly<
  Record<string, { readonly file: string; readonly shape: readonly number[]; readonly values: string }>
>

/** Corner and strides of each pass of an interlaced PNG. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
]

/** Rows of samples, packed from the high bit on. */
function packedRows(of: {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly channels: number
  readonly sample: (x: number, y: number, c: number) => number
}): number[][] {
  return Array.from({ length: of.height }, (_, y) => {
    const bits = Array.from({ length: of.width * of.channels }, (_, i) =>
      of
        .sample(Math.floor(i / of.channels), y, i % of.channels)
        .toString(2)
        .padStart(of.depth, '0'),
    ).join('')
    return (bits.match(/.{1,8}/g) ?? []).map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2))
  })
}

/** CRC-32 of PNG chunks, bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}

/** A PNG written by hand: what encoders here do not write (few bits, palettes, transparent colours, interlacing). */
function handMade(
  {
    width,
    height,
    depth,
    type,
    interlaced = 0,
  }: Record<'width' | 'height' | 'depth' | 'type', number> & { interlaced?: number },
  rows: number[][],
  extra: Record<string, number[]> = {},
): Uint8Array {
  const chunk = (name: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(name), data])
    const frame = Buffer.alloc(8)
    frame.writeUInt32BE(data.length, 0)
    frame.writeUInt32BE(crc32(body), 4)
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([depth, type, 0, 0, interlaced], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    ...Object.entries(extra).map(([name, data]) => chunk(name, Uint8Array.from(data))),
    chunk('IDAT', deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])))),
    chunk('IEND', new Uint8Array(0)),
  ])
}

describe('decodeImage', () => {
  it('reads grey and RGB as planes', async () => {
    const grey = await decodeImage(
      encodePng({ width: 3, height: 2, channels: 1, data: Uint8Array.of(0, 9, 80, 7, 6, 255) }),
      'g',
    )
    expect(grey).toMatchObject({ channels: 1, height: 2, width: 3, pixels: Uint8Array.of(0, 9, 80, 7, 6, 255) })
    const colour = await decodeImage(
      encodePng({ width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }),
      'c',
    )
    expect(colour).toMatchObject({ channels: 3, height: 1, width: 2, pixels: Uint8Array.of(1, 4, 2, 5, 3, 6) })
    const stored = encodePng({ width: 2, height: 1, channels: 3, data: Uint8Array.of(7, 7, 7, 8, 8, 8) })
    expect(await decodeImage(stored, 's')).toMatchObject({ channels: 1, pixels: Uint8Array.of(7, 8) })
  })

  it('drops alpha over white', async () => {
    const data = Uint8Array.of(10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 100, 51)
    const { pixels, channels } = await decodeImage(encodePng({ width: 3, height: 1, channels: 4, data }), 'a')
    expect(channels).toBe(3)
    expect([...pixels]).toEqual([10, 255, 204, 20, 255, 204, 30, 255, 224])
    const grey = await decodeImage(
      encodePng({ width: 2, height: 1, channels: 2, data: Uint8Array.of(40, 255, 40, 127) }),
      'ga',
    )
    expect(grey.pixels[0]).toBe(40)
    expect(grey.pixels[1]).toBeCloseTo(40 * (127 / 255) + 255 * (128 / 255), 4)
  })

  it('keeps 16 bits', async () => {
    const data = Uint16Array.of(0, 65535, 257, 1000)
    const { pixels } = await decodeImage(encodePng({ width: 2, height: 2, channels: 1, depth: 16, data }), 'deep')
    for (const [i, value] of [0, 255, 1, 1000 / 257].entries()) expect(pixels[i]).toBeCloseTo(value, 5)
  })

  it('reads one, two and four bits', async () => {
    const one = await decodeImage(
      handMade({ width: 10, height: 2, depth: 1, type: 0 }, [
        [0b10110000, 0b01000000],
        [0xff, 0xff],
      ]),
      '1',
    )
    expect([...one.pixels].map((value) => value / 255)).toEqual([
      1,
      0,
      1,
      1,
      0,
      0,
      0,
      0,
      0,
      1,
      ...new Array(10).fill(1),
    ])
    const two = await decodeImage(handMade({ width: 3, height: 1, depth: 2, type: 0 }, [[0b00011000]]), '2')
    expect([...two.pixels]).toEqual([0, 85, 170])
    const four = await decodeImage(handMade({ width: 3, height: 1, depth: 4, type: 0 }, [[0x0f, 0x70]]), '4')
    expect([...four.pixels]).toEqual([0, 255, 119])
  })

  it('reads palettes and transparent colours', async () => {
    const PLTE = [255, 0, 0, 0, 0, 255, 9, 9, 9]
    const indexed = { width: 4, height: 1, depth: 2, type: PALETTE }
    expect([...(await decodeImage(handMade(indexed, [[0b00011001]], { PLTE }), 'p')).pixels]).toEqual([
      255, 0, 9, 0, 0, 0, 9, 0, 0, 255, 9, 255,
    ])
    const clear = await decodeImage(handMade(indexed, [[0b00011001]], { PLTE, tRNS: [0, 255] }), 'pt')
    expect([...clear.pixels]).toEqual([255, 0, 9, 0, 255, 0, 9, 0, 255, 255, 9, 255])
    const keyed = handMade({ width: 2, height: 1, depth: 8, type: 0 }, [[5, 6]], { tRNS: [0, 5] })
    expect([...(await decodeImage(keyed, 'k')).pixels]).toEqual([255, 6])
  })

  // Turned pictures and colours for print: pictureKinds.test.ts.
  it.each(Object.keys(PICTURES).filter((name) => !['CMYK', 'turned by EXIF'].includes(name)))(
    'reads what Pillow reads: %s',
    async (name) => {
      const { file, shape, values } = PICTURES[name]
      const [height, width, channels = 1] = shape
      const wanted = Buffer.from(values, 'base64')
      const { pixels, ...picture } = await decodeImage(Buffer.from(file, 'base64'), name)
      expect(picture).toEqual({ channels, height, width, transparent: false })
      const planar = Array.from(
        wanted,
        (_, i) => wanted[(i % (width * height)) * channels + Math.floor(i / (width * height))],
      )
      expect([...pixels]).toEqual(planar)
    },
  )

  it('reads interlaced pictures of few bits, colours and both', async () => {
    for (const [depth, type] of [
      [1, 0],
      [2, 0],
      [4, 3],
      [8, 2],
      [16, 4],
    ]) {
      const [width, height] = [11, 13]
      const channels = { 0: 1, 2: 3, 3: 1, 4: 2 }[type] as number
      const sample = (x: number, y: number, c: number): number => (x * 7 + y * 5 + c * 3) % Math.min(251, 2 ** depth)
      const extra: Record<string, number[]> = type === 3 ? { PLTE: Array.from({ length: 48 }, (_, i) => 5 * i) } : {}
      const form = { width, height, depth, type }
      const rows = packedRows({ width, height, depth, channels, sample })
      const passed = PASSES.flatMap(([x0, y0, dx, dy]) =>
        packedRows({
          width: Math.ceil((width - x0) / dx),
          height: Math.ceil((height - y0) / dy),
          depth,
          channels,
          sample: (x, y, c) => sample(x0 + x * dx, y0 + y * dy, c),
        }),
      )
      const plain = await decodeImage(handMade(form, rows, extra), 'plain')
      const interlaced = await decodeImage(handMade({ ...form, interlaced: 1 }, passed, extra), 'interlaced')
      expect(interlaced).toEqual(plain)
    }
    expect(
      (await decodeImage(handMade({ width: 1, height: 1, depth: 1, type: 0, interlaced: 1 }, [[0x80]]), 'i')).pixels,
    ).toEqual(Uint8Array.of(255))
  })

  it('names a file it cannot read', async () => {
    const png = encodePng({ width: 9, height: 9, channels: 1, data: new Uint8Array(81) })
    for (let length = 1; length < png.length; length += 5) {
      await expect(decodeImage(png.subarray(0, length), 'cut.png')).rejects.toThrow(
        /^cut\.png is not a readable image \(/,
      )
    }
    const jpeg = Buffer.from(PICTURES['4:2:0'].file, 'base64')
    for (let length = 2; length < jpeg.length; length += 97) {
      await expect(decodeImage(jpeg.subarray(0, length), 'cut.jpg')).rejects.toThrow(
        /^cut\.jpg is not a readable image \(/,
      )
    }
    const damaged = Uint8Array.from(png)
    damaged[png.length - 20] ^= 1
    await expect(decodeImage(damaged, 'bad.png')).rejects.toThrow(/^bad\.png is not .*check sum of its IDAT chunk/)
    for (const [start, name] of [
      ['', /is empty/],
      ['RIFF$\0\0\0WEBPVP8 ', /cut short/],
      ['<!DOCTYPE html><html>404', /web page/],
      ['version https://git-lfs.github.com/spec/v1\n', /Git LFS pointer/],
      ['<svg/>', /begins like none of PNG, JPEG, WebP, TIFF, BMP/],
    ] as const) {
      await expect(decodeImage(Buffer.from(start), 'x.png')).rejects.toThrow(name)
    }
  })

  it('holds what a header claims against the limits and the data, before it allocates', async () => {
    const claims = (width: number, height: number, rows: number[][] = [[0]]): Uint8Array =>
      handMade({ width, height, depth: 8, type: 0 }, rows)
    await expect(decodeImage(claims(60000, 60000), 'huge.png')).rejects.toThrow(
      /60000x60000, and at most 33554432 pixels/,
    )
    await expect(decodeImage(claims(5000, 5000), 'empty.png')).rejects.toThrow(
      /5000x5000, which its \d+ bytes of data cannot/,
    )
    await expect(decodeImage(claims(40, 40, [[1]]), 'short.png')).rejects.toThrow(
      /40x40, which its \d+ bytes of data cannot/,
    )
    const bomb = claims(4, 4, [new Array(1 << 16).fill(0)])
    await expect(decodeImage(bomb, 'bomb.png')).rejects.toThrow(/more than the 4x4 pixels/)
    const profile = { iCCP: [120, 0, 0, ...deflateSync(Buffer.alloc(1 << 16))] }
    const coloured = handMade({ width: 2, height: 1, depth: 8, type: 0 }, [[5, 6]], profile)
    expect((await decodeImage(coloured, 'profile.png')).pixels).toEqual(Uint8Array.of(5, 6))
    const jpeg = (width: number, height: number): Buffer => {
      const file = Buffer.from(PICTURES.grey.file, 'base64')
      const frame = file.indexOf(Buffer.of(0xff, 0xc0))
      file.writeUInt16BE(height, frame + 5)
      file.writeUInt16BE(width, frame + 7)
      return file
    }
    await expect(decodeImage(jpeg(60000, 60000), 'huge.jpg')).rejects.toThrow(/60000x60000, and at most/)
    await expect(decodeImage(jpeg(3000, 3000), 'empty.jpg')).rejects.toThrow(
      /3000x3000, which its \d+ bytes cannot hold/,
    )
  })
})
