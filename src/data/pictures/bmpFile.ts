/** BMP files, decoded by bmp-ts. */
import { decode } from 'bmp-ts'
import { requirePixels } from './imageLimits.ts'
import type { Samples } from './samples.ts'

export const isBmp = (bytes: Uint8Array): boolean =>
  bytes[0] === 0x42 && bytes[1] === 0x4d && bytes.length >= LEAST_BYTES

/** The two headers. */
const LEAST_BYTES = 14 + 12
const INFO_HEADER_BYTES = 40
/** Not run-length coded: the rows are as long as the header says. */
const PLAIN = [0, 3, 6]

/** Decodes a BMP. @throws an error without a code, saying what is wrong with the file */
export function bmpSamples(bytes: Uint8Array): Samples {
  const { width, height, bits } = readHeader(bytes)
  const { data } = decoded(bytes)
  if (data.length !== 4 * width * height) throw new Error(`its header says ${width}x${height}, which it does not hold`)
  const size = width * height
  // As it decodes: alpha, blue, green, red. Alpha is said in 32 bits only, and is 0 everywhere where nobody wrote it.
  let clear = bits === 32
  for (let i = 0; i < size && clear; i++) clear = data[4 * i] === 0
  const opaque = bits !== 32 || clear
  const channels = opaque ? 3 : 4
  const samples = new Uint8Array(size * channels)
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) samples[i * channels + c] = data[4 * i + 3 - c]
    if (!opaque) samples[i * channels + 3] = data[4 * i]
  }
  return { width, height, channels, data: samples, white: 255 }
}

function readHeader(bytes: Uint8Array): { readonly width: number; readonly height: number; readonly bits: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = view.getUint32(14, true)
  if (header < INFO_HEADER_BYTES || bytes.length < 14 + INFO_HEADER_BYTES) {
    throw new Error(`its header has ${header} bytes, and ${INFO_HEADER_BYTES} or more are read; save it anew`)
  }
  const [width, height] = [18, 22].map((at) => Math.abs(view.getInt32(at, true)))
  const [bits, coding] = [view.getUint16(28, true), view.getUint32(30, true)]
  if (width * height === 0) throw new Error(`its header says ${width}x${height}`)
  requirePixels(width, height)
  const due = view.getUint32(10, true) + height * 4 * Math.ceil((width * bits) / 32)
  if (PLAIN.includes(coding) && due > bytes.length) {
    throw new Error(`its header says ${width}x${height}, which its ${bytes.length} bytes cannot hold`)
  }
  return { width, height, bits }
}

function decoded(bytes: Uint8Array) {
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  } catch (cause) {
    throw new Error(`it is a BMP of another kind, or damaged (${cause instanceof Error ? cause.message : cause})`, {
      cause,
    })
  }
}
