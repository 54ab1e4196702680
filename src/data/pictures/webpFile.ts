/** WebP files, decoded by libwebp compiled to WebAssembly: the very bytes that Pillow gives. One picture, no animation. */
import { decode } from '@cwasm/webp'
import { orientationOf, UPRIGHT } from './exif.ts'
import { requirePixels } from './imageLimits.ts'
import type { Samples } from './samples.ts'

/** Whether a file begins as WebP does: a RIFF container of that kind. */
export function isWebp(bytes: Uint8Array): boolean {
  const start = String.fromCharCode(...bytes.subarray(0, 12))
  return start.startsWith('RIFF') && start.endsWith('WEBP')
}

/** Bit of VP8X's first byte: there are several pictures. */
const ANIMATION = 0x02

/** Decodes a WebP. @throws an error without a code, saying what is wrong with the file */
export function webpSamples(bytes: Uint8Array): Samples {
  const chunks = chunksOf(bytes)
  const [first] = chunks
  if (!first) throw new Error('it is cut short: it has no picture')
  if (first.type === 'VP8X' && first.data[0] & ANIMATION) {
    throw new Error('it is an animation, and single pictures are read; take its frames apart')
  }
  const [width, height] = sizeFrom(first)
  requirePixels(width, height)
  const exif = chunks.find(({ type }) => type === 'EXIF')
  const { data } = decoded(bytes)
  if (data.length !== 4 * width * height) throw new Error(`its header says ${width}x${height}, which it does not hold`)
  return { width, height, channels: 4, data, white: 255, orientation: exif ? orientationOf(exif.data) : UPRIGHT }
}

function decoded(bytes: Uint8Array): { readonly data: Uint8ClampedArray } {
  try {
    return decode(bytes)
  } catch (cause) {
    throw new Error('libwebp finds it damaged or cut short', { cause })
  }
}

interface Chunk {
  readonly type: string
  readonly data: Uint8Array
}

/** The container's chunks as far as they are whole. */
function chunksOf(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const chunks: Chunk[] = []
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true)
    const data = bytes.subarray(at + 8, at + 8 + length)
    chunks.push({ type: String.fromCharCode(...bytes.subarray(at, at + 4)), data })
    at += 8 + length + (length & 1)
  }
  return chunks
}

/** Width and height as the first chunk says them (RFC 9649). */
function sizeFrom({ type, data }: Chunk): readonly [number, number] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  if (type === 'VP8X' && data.length >= 10) {
    const extent = (at: number) => 1 + view.getUint16(at, true) + view.getUint8(at + 2) * 2 ** 16
    return [extent(4), extent(7)]
  }
  if (type === 'VP8 ' && data.length >= 10)
    return [6, 8].map((at) => view.getUint16(at, true) & 0x3fff) as [number, number]
  if (type === 'VP8L' && data.length >= 5) {
    const bits = view.getUint32(1, true)
    return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)]
  }
  throw new Error('it is cut short: it does not say its size')
}
