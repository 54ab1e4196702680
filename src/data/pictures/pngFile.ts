/**
 * PNG files, decoded by fast-png once their chunks have been walked: what the header claims is held against the limits and against what the
 * compressed data hold, and chunks that say nothing of the pixels are left out (a colour profile may inflate to anything).
 */
import { constants, crc32, deflateSync, inflateSync } from 'node:zlib'
import type { DecodedPng } from 'fast-png'
import { convertIndexedToRgb, decode } from 'fast-png'
import { MOST_INFLATION } from '../../base/index.ts'
import { orientationOf } from './exif.ts'
import { requirePixels } from './imageLimits.ts'
import type { Samples } from './samples.ts'

/** Decodes a PNG. @throws an error without a code, saying what is wrong with the file */
export function pngSamples(bytes: Uint8Array): Samples {
  const chunks = readChunks(bytes)
  const header = readHeader(chunks)
  const rows = inflatedRows(chunks, header)
  const samples = header.interlaced ? interlacedSamples(chunks, header, rows) : decodedSamples(chunks)
  const exif = chunks.find(({ type }) => type === 'eXIf')
  return exif ? { ...samples, orientation: orientationOf(exif.data) } : samples
}

function decodedSamples(chunks: readonly Chunk[]): Samples {
  const png = decode(
    Buffer.concat([SIGNATURE, ...chunks.flatMap(({ type, whole }) => (type === 'eXIf' ? [] : [whole]))]),
  )
  const { height, width, channels, depth } = png
  if (png.palette) {
    const { length } = png.palette[0]
    return { height, width, channels: length, data: convertIndexedToRgb(png), white: 255 }
  }
  const data = depth < 8 ? unpacked(png) : png.data
  if (data.length !== height * width * channels) throw new Error(`${data.length} samples for ${width}x${height} pixels`)
  return { height, width, channels, data, white: 2 ** depth - 1, transparent: png.transparency }
}

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
/** Length, type and check sum around a chunk's data. */
const FRAME_BYTES = 12
/** The chunks that decide what the pixels are, and how they are turned. */
const NEEDED = ['IHDR', 'PLTE', 'tRNS', 'eXIf', 'IDAT', 'IEND']

interface Chunk {
  readonly type: string
  readonly data: Uint8Array
  /** With its frame. */
  readonly whole: Uint8Array
}

/** The chunks that are needed, up to the end of the image. */
function readChunks(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const chunks: Chunk[] = []
  for (let at = SIGNATURE.length; at + FRAME_BYTES <= bytes.length; ) {
    const end = at + FRAME_BYTES + view.getUint32(at)
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8))
    if (end > bytes.length) throw new Error(`it is cut short: its ${type} chunk ends at byte ${end} of ${bytes.length}`)
    const chunk = { type, data: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) }
    if (view.getUint32(end - 4) !== crc32(bytes.subarray(at + 4, end - 4))) {
      throw new Error(`it is damaged: the check sum of its ${type} chunk does not hold`)
    }
    if (NEEDED.includes(type)) chunks.push(chunk)
    if (type === 'IEND') return chunks
    at = end
  }
  throw new Error('it is cut short: it has no IEND chunk')
}

interface Header {
  readonly width: number
  readonly height: number
  readonly bitsPerPixel: number
  readonly interlaced: boolean
}

/** In the header's data. */
const INTERLACE_BYTE = 12
/** Samples a pixel by colour type. */
const SAMPLES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

function readHeader([first]: readonly Chunk[]): Header {
  if (first.type !== 'IHDR' || first.data.length !== 13) throw new Error('it does not begin with its header')
  const view = new DataView(first.data.buffer, first.data.byteOffset, first.data.byteLength)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const [depth, type] = first.data.subarray(8)
  const interlaced = first.data[INTERLACE_BYTE] !== 0
  if (!(type in SAMPLES) || ![1, 2, 4, 8, 16].includes(depth)) {
    throw new Error(`its header says colour type ${type} of ${depth} bits, which PNG has not`)
  }
  if (width * height === 0) throw new Error(`its header says ${width}x${height}`)
  requirePixels(width, height)
  return { width, height, bitsPerPixel: depth * SAMPLES[type], interlaced }
}

/** Corners and strides (x, y, dx, dy) of the seven passes of an interlaced image; the one of any other. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const
const WHOLE = [[0, 0, 1, 1]] as const

/** The passes that have pixels, with the bytes of their rows, each row with its filter. */
function passesOf({ width, height, bitsPerPixel, interlaced }: Header) {
  return (interlaced ? PASSES : WHOLE).flatMap(([x, y, dx, dy]) => {
    const [across, down] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)]
    const bytes = down * (1 + Math.ceil((across * bitsPerPixel) / 8))
    return across > 0 && down > 0 ? [{ x, y, dx, dy, across, down, bytes }] : []
  })
}

/** Each pass decoded as a picture of its own: fast-png reads interlaced pictures from 8 bits a sample on alone. */
function interlacedSamples(chunks: readonly Chunk[], header: Header, rows: Uint8Array): Samples {
  const { width, height } = header
  const colours = chunks.filter(({ type }) => type === 'PLTE' || type === 'tRNS')
  let at = 0
  let whole: (Samples & { readonly data: Uint16Array }) | null = null
  for (const { x, y, dx, dy, across, down, bytes } of passesOf(header)) {
    const start = Buffer.from(chunks[0].data)
    start.writeUInt32BE(across, 0)
    start.writeUInt32BE(down, 4)
    start[INTERLACE_BYTE] = 0
    const data = chunkOf('IDAT', deflateSync(rows.subarray(at, at + bytes), { level: 0 }))
    const pass = decodedSamples([chunkOf('IHDR', start), ...colours, data, chunkOf('IEND', new Uint8Array(0))])
    const { channels } = pass
    whole ??= { ...pass, width, height, data: new Uint16Array(width * height * channels) }
    for (let i = 0; i < across * down; i++) {
      const pixel = (y + Math.floor(i / across) * dy) * width + x + (i % across) * dx
      for (let c = 0; c < channels; c++) whole.data[pixel * channels + c] = pass.data[i * channels + c]
    }
    at += bytes
  }
  if (whole === null) throw new Error('it has no pixels')
  return whole
}

function chunkOf(type: string, data: Uint8Array): Chunk {
  const whole = Buffer.alloc(FRAME_BYTES + data.length)
  whole.writeUInt32BE(data.length, 0)
  whole.write(type, 4, 'latin1')
  whole.set(data, 8)
  return { type, data, whole }
}

/** The inflated rows, no more than the header's due: fast-png itself inflates without a bound. */
function inflatedRows(chunks: readonly Chunk[], header: Header): Uint8Array {
  const packed = Buffer.concat(chunks.flatMap(({ type, data }) => (type === 'IDAT' ? [data] : [])))
  const due = passesOf(header).reduce((sum, { bytes }) => sum + bytes, 0)
  const size = `${header.width}x${header.height}`
  const short = () => new Error(`its header says ${size}, which its ${packed.length} bytes of data cannot hold`)
  if (due > packed.length * MOST_INFLATION) throw short()
  try {
    const rows = inflateSync(packed, { maxOutputLength: due, finishFlush: constants.Z_SYNC_FLUSH })
    if (rows.length < due) throw short()
    return rows
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw cause
    throw new Error(`its data hold more than the ${size} pixels of its header`, { cause })
  }
}

/** Grey samples of 1, 2 or 4 bits, packed from the high bit on, each row starting on a byte. */
function unpacked({ data, depth, height, width }: DecodedPng): Uint8Array {
  const stride = Math.ceil((width * depth) / 8)
  const samples = new Uint8Array(height * width)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth
      samples[y * width + x] = (data[y * stride + (bit >> 3)] >> (8 - depth - (bit & 7))) & (2 ** depth - 1)
    }
  }
  return samples
}
