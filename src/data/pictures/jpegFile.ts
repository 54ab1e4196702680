/**
 * JPEG files, decoded by libjpeg-turbo compiled to WebAssembly: the very bytes that Pillow gives, interpolated chroma included, so that
 * distances to statistics made elsewhere are distances to the same images. Colours for print (CMYK, YCCK), which that build refuses, by jpeg-js, to
 * within a level or two where chroma is at full resolution.
 */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { decode as decodeForPrint } from 'jpeg-js'
import { EXIF_NAME, orientationOf, UPRIGHT } from './exif.ts'
import { requirePixels } from './imageLimits.ts'
import type { Samples } from './samples.ts'

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
export async function jpegSamples(bytes: Uint8Array): Promise<Samples> {
  const { width, height, channels, orientation } = readFrame(bytes)
  const form = { width, height, white: 255, orientation }
  if (channels === 4) return { ...form, channels: 3, data: printedColours(bytes) }
  codec ??= openCodec()
  const { JPEGDecoder } = await codec
  try {
    const decoder = new JPEGDecoder()
    decoder.getEncodedBuffer(bytes.length).set(bytes)
    decoder.decode()
    const data = Uint8Array.from(decoder.getDecodedBuffer())
    decoder.delete()
    return { ...form, channels, data }
  } catch {
    // It throws addresses of its own memory, and does not free that of the picture: the next one gets a fresh codec.
    codec = null
    throw new Error('libjpeg finds it damaged or cut short')
  }
}

/** Colours for print as RGB: black and its distance from each ink multiplied, as Pillow converts them. */
function printedColours(bytes: Uint8Array): Uint8Array {
  try {
    const options = { useTArray: true, formatAsRGBA: false, maxMemoryUsageInMB: MOST_MEGABYTES } as const
    return decodeForPrint(bytes, options).data
  } catch (cause) {
    throw new Error('jpeg-js finds it damaged or cut short', { cause })
  }
}

/** Of the decoder's own buffers for the largest picture that is read. */
const MOST_MEGABYTES = 2048

/** Kinds of frames that are read: Huffman-coded, sequential or progressive. The others are lossless, hierarchical or arithmetically coded. */
const READ_FRAMES = [0xc0, 0xc1, 0xc2]
/** Between C0 and CF, but no frames: tables, and a reserved one. */
const NO_FRAMES = [0xc4, 0xc8, 0xcc]

/** A block of 8x8 samples takes at least this part of a byte: one bit. */
const LEAST_BYTES_PER_BLOCK = 1 / 8

/** What the frame header says, held against the limits and the file's length. */
function readFrame(bytes: Uint8Array): Required<Pick<Samples, 'width' | 'height' | 'channels' | 'orientation'>> {
  const { marker, at, orientation } = findFrame(bytes)
  if (!READ_FRAMES.includes(marker)) {
    throw new Error(
      'it is lossless, hierarchical or arithmetically coded, and only Huffman-coded baseline and progressive JPEGs are read',
    )
  }
  const [bits, channels] = [bytes[at], bytes[at + 5]]
  const height = bytes[at + 1] * 256 + bytes[at + 2]
  const width = bytes[at + 3] * 256 + bytes[at + 4]
  if (bits !== 8) throw new Error(`it has ${bits} bits a sample, and only 8 are read`)
  if (channels !== 1 && channels !== 3 && channels !== 4) {
    throw new Error(`it has ${channels} components, and only 1, 3 or 4 are read`)
  }
  if (height * width === 0) throw new Error(`its header says ${width}x${height}`)
  requirePixels(width, height)
  if ((width * height * LEAST_BYTES_PER_BLOCK) / 64 > bytes.length) {
    throw new Error(`its header says ${width}x${height}, which its ${bytes.length} bytes cannot hold`)
  }
  return { width, height, channels, orientation }
}

/** Walks the segments up to the frame header, whose contents begin `at` a position; EXIF stands before it. */
function findFrame(bytes: Uint8Array): { readonly marker: number; readonly at: number; readonly orientation: number } {
  let at = 2
  let orientation = UPRIGHT
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) throw new Error(`a segment must begin at byte ${at}, and none does`)
    const marker = bytes[at + 1]
    if (marker === 0xff) {
      at++
      continue
    }
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAMES.includes(marker)) return { marker, at: at + 4, orientation }
    const end = at + 2 + bytes[at + 2] * 256 + bytes[at + 3]
    const data = bytes.subarray(at + 4, end)
    if (marker === APP1 && String.fromCharCode(...data.subarray(0, EXIF_NAME.length)) === EXIF_NAME) {
      orientation = orientationOf(data)
    }
    at = end
  }
  throw new Error('it ends before its size is said')
}

/** The segment that EXIF is in. */
const APP1 = 0xe1
