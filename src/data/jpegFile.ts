/**
 * JPEG files, decoded by libjpeg-turbo compiled to WebAssembly: the very bytes that Pillow gives, interpolated chroma included, so that
 * distances to statistics made elsewhere are distances to the same images. The turn that a camera notes (EXIF orientation) is not applied, as
 * Pillow's `open` does not.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { requirePixels } from './imageLimits.ts'

/** Interleaved bytes, one (grey) or three (RGB) a pixel. */
export interface JpegSamples {
  readonly height: number
  readonly width: number
  readonly channels: 1 | 3
  readonly data: Uint8Array
}

interface Decoder {
  getEncodedBuffer(length: number): Uint8Array
  decode(): void
  getDecodedBuffer(): Uint8Array
  /** Frees the decoder's memory. */
  delete(): void
}
interface Codec {
  readonly JPEGDecoder: new () => Decoder
}

const CODEC = '@cornerstonejs/codec-libjpeg-turbo-8bit'
let codec: Promise<Codec> | null = null

async function openCodec(): Promise<Codec> {
  const require = createRequire(import.meta.url)
  const open = require(`${CODEC}/decodewasmjs`) as (options: { wasmBinary: Uint8Array }) => Promise<Codec>
  return await open({ wasmBinary: await readFile(require.resolve(`${CODEC}/decodewasm`)) })
}

/** Decodes a JPEG. @throws an error without a code, saying what is wrong with the file */
export async function jpegSamples(bytes: Uint8Array): Promise<JpegSamples> {
  const { width, height, channels } = readFrame(bytes)
  codec ??= openCodec()
  const { JPEGDecoder } = await codec
  try {
    const decoder = new JPEGDecoder()
    decoder.getEncodedBuffer(bytes.length).set(bytes)
    decoder.decode()
    const data = Uint8Array.from(decoder.getDecodedBuffer())
    decoder.delete()
    return { width, height, channels, data }
  } catch {
    // It throws addresses of its own memory, and does not free that of the picture: the next one gets a fresh codec.
    codec = null
    throw new Error('libjpeg finds it damaged or cut short')
  }
}

/** Kinds of frames that are read: Huffman-coded, sequential or progressive. The others are lossless, hierarchical or arithmetically coded. */
const READ_FRAMES = [0xc0, 0xc1, 0xc2]
/** Between C0 and CF, but no frames: tables, and a reserved one. */
const NO_FRAMES = [0xc4, 0xc8, 0xcc]

/** A block of 8x8 samples takes at least this part of a byte: one bit. */
const LEAST_BYTES_PER_BLOCK = 1 / 8

/** What the frame header says, held against the limits and the file's length. */
function readFrame(bytes: Uint8Array): Pick<JpegSamples, 'width' | 'height' | 'channels'> {
  const { marker, at } = findFrame(bytes)
  if (!READ_FRAMES.includes(marker)) {
    throw new Error(
      'it is lossless, hierarchical or arithmetically coded, and only Huffman-coded baseline and progressive JPEGs are read',
    )
  }
  const [bits, channels] = [bytes[at], bytes[at + 5]]
  const height = bytes[at + 1] * 256 + bytes[at + 2]
  const width = bytes[at + 3] * 256 + bytes[at + 4]
  if (bits !== 8) throw new Error(`it has ${bits} bits a sample, and only 8 are read`)
  if (channels === 4) {
    throw new Error(
      'its colours are for print (CMYK or YCCK), and only grey, YCbCr and RGB are read; convert it to RGB',
    )
  }
  if (channels !== 1 && channels !== 3) throw new Error(`it has ${channels} components, and only 1 or 3 are read`)
  if (height * width === 0) throw new Error(`its header says ${width}x${height}`)
  requirePixels(width, height)
  if ((width * height * LEAST_BYTES_PER_BLOCK) / 64 > bytes.length) {
    throw new Error(`its header says ${width}x${height}, which its ${bytes.length} bytes cannot hold`)
  }
  return { width, height, channels }
}

/** Walks the segments up to the frame header, whose contents begin `at` a position. */
function findFrame(bytes: Uint8Array): { readonly marker: number; readonly at: number } {
  let at = 2
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) throw new Error(`a segment must begin at byte ${at}, and none does`)
    const marker = bytes[at + 1]
    if (marker === 0xff) {
      at++
      continue
    }
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAMES.includes(marker)) return { marker, at: at + 4 }
    at += 2 + bytes[at + 2] * 256 + bytes[at + 3]
  }
  throw new Error('it ends before its size is said')
}
