import { deflateSync } from 'node:zlib'
import { encode as encodePng } from 'fast-png'
import { encode as encodeJpeg } from 'jpeg-js'
import { describe, expect, it } from 'vitest'
import { decodeImage } from './imageFile.ts'

const PALETTE = 3

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
  it('reads grey and RGB as planes', () => {
    const grey = decodeImage(
      encodePng({ width: 3, height: 2, channels: 1, data: Uint8Array.of(0, 9, 80, 7, 6, 255) }),
      'g',
    )
    expect(grey).toEqual({ channels: 1, height: 2, width: 3, pixels: Uint8Array.of(0, 9, 80, 7, 6, 255) })
    const colour = decodeImage(
      encodePng({ width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) }),
      'c',
    )
    expect(colour).toEqual({ channels: 3, height: 1, width: 2, pixels: Uint8Array.of(1, 4, 2, 5, 3, 6) })
    const stored = encodePng({ width: 2, height: 1, channels: 3, data: Uint8Array.of(7, 7, 7, 8, 8, 8) })
    expect(decodeImage(stored, 's')).toMatchObject({ channels: 1, pixels: Uint8Array.of(7, 8) })
  })

  it('drops alpha over white', () => {
    const data = Uint8Array.of(10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 100, 51)
    const { pixels, channels } = decodeImage(encodePng({ width: 3, height: 1, channels: 4, data }), 'a')
    expect(channels).toBe(3)
    expect([...pixels]).toEqual([10, 255, 204, 20, 255, 204, 30, 255, 224])
    const grey = decodeImage(
      encodePng({ width: 2, height: 1, channels: 2, data: Uint8Array.of(40, 255, 40, 127) }),
      'ga',
    )
    expect(grey.pixels[0]).toBe(40)
    expect(grey.pixels[1]).toBeCloseTo(40 * (127 / 255) + 255 * (128 / 255), 4)
  })

  it('keeps 16 bits', () => {
    const data = Uint16Array.of(0, 65535, 257, 1000)
    const { pixels } = decodeImage(encodePng({ width: 2, height: 2, channels: 1, depth: 16, data }), 'deep')
    for (const [i, value] of [0, 255, 1, 1000 / 257].entries()) expect(pixels[i]).toBeCloseTo(value, 5)
  })

  it('reads one, two and four bits', () => {
    const one = decodeImage(
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
    const two = decodeImage(handMade({ width: 3, height: 1, depth: 2, type: 0 }, [[0b00011000]]), '2')
    expect([...two.pixels]).toEqual([0, 85, 170])
    const four = decodeImage(handMade({ width: 3, height: 1, depth: 4, type: 0 }, [[0x0f, 0x70]]), '4')
    expect([...four.pixels]).toEqual([0, 255, 119])
  })

  it('reads palettes and transparent colours', () => {
    const PLTE = [255, 0, 0, 0, 0, 255, 9, 9, 9]
    const indexed = { width: 4, height: 1, depth: 2, type: PALETTE }
    expect([...decodeImage(handMade(indexed, [[0b00011001]], { PLTE }), 'p').pixels]).toEqual([
      255, 0, 9, 0, 0, 0, 9, 0, 0, 255, 9, 255,
    ])
    const clear = decodeImage(handMade(indexed, [[0b00011001]], { PLTE, tRNS: [0, 255] }), 'pt')
    expect([...clear.pixels]).toEqual([255, 0, 9, 0, 255, 0, 9, 0, 255, 255, 9, 255])
    const keyed = handMade({ width: 2, height: 1, depth: 8, type: 0 }, [[5, 6]], { tRNS: [0, 5] })
    expect([...decodeImage(keyed, 'k').pixels]).toEqual([255, 6])
  })

  it('reads JPEG, grey where it is grey', () => {
    const flat = (r: number, g: number, b: number): Buffer =>
      encodeJpeg({ width: 8, height: 8, data: Buffer.from(new Array(64).fill([r, g, b, 255]).flat()) }, 95).data
    const grey = decodeImage(flat(90, 90, 90), 'g.jpg')
    expect(grey.channels).toBe(1)
    for (const value of grey.pixels) expect(Math.abs(value - 90)).toBeLessThan(3)
    const red = decodeImage(flat(200, 30, 40), 'r.jpg')
    expect(red.channels).toBe(3)
    for (const [c, value] of [200, 30, 40].entries()) expect(Math.abs(red.pixels[64 * c + 9] - value)).toBeLessThan(6)
  })

  it('names a file it cannot read', () => {
    const png = encodePng({ width: 9, height: 9, channels: 1, data: new Uint8Array(81) })
    for (let length = 0; length < png.length; length += 5) {
      expect(() => decodeImage(png.subarray(0, length), 'cut.png')).toThrow(/^cut\.png is not a readable PNG or JPEG/)
    }
    const jpeg = encodeJpeg({ width: 16, height: 16, data: Buffer.alloc(1024, 77) }, 90).data
    expect(() => decodeImage(jpeg.subarray(0, jpeg.length >> 1), 'cut.jpg')).toThrow(/^cut\.jpg is not/)
    const damaged = Uint8Array.from(png)
    damaged[png.length - 20] ^= 1
    expect(() => decodeImage(damaged, 'bad.png')).toThrow(/^bad\.png is not/)
    const interlaced = handMade({ width: 1, height: 1, depth: 1, type: 0, interlaced: 1 }, [[0x80]])
    expect(() => decodeImage(interlaced, 'i.png')).toThrow(/interlaced/)
    expect(() => decodeImage(Buffer.from('<svg/>'), 'x.png')).toThrow(/begins like neither/)
  })
})
