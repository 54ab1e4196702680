/** One PNG or JPEG file as planar values 0 to 255: grey where every pixel is grey, RGB otherwise; alpha over white; 16 bits kept. */
import type { DecodedPng } from 'fast-png'
import { convertIndexedToRgb, decode as decodePng, hasPngSignature } from 'fast-png'
import { decode as decodeJpeg } from 'jpeg-js'
import { inputError } from '../base/index.ts'
import type { Pixels } from './resize.ts'

/** A decoded image, planar [channels, height, width]. */
export interface Picture {
  readonly channels: 1 | 3
  readonly height: number
  readonly width: number
  /** Bytes where they say everything; floats where alpha or 16 bits make fractions. */
  readonly pixels: Pixels
}

/** Interleaved samples: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA, each 0 to `white`. */
interface Samples {
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly data: ArrayLike<number>
  readonly white: number
  /** A colour that stands for transparent (PNG's tRNS). */
  readonly transparent?: ArrayLike<number>
}

/** Decodes a PNG or JPEG, told by content; `name` is what the error calls it. @throws `data.image` */
export function decodeImage(bytes: Uint8Array, name: string): Picture {
  try {
    return planar(hasPngSignature(bytes) ? pngSamples(bytes) : jpegSamples(bytes))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw inputError('data.image', `${name} is not a readable PNG or JPEG image (${reason}); repair or remove it`, {
      cause,
    })
  }
}

function jpegSamples(bytes: Uint8Array): Samples {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw new Error('it begins like neither')
  const { height, width, data } = decodeJpeg(bytes, { useTArray: true, formatAsRGBA: false, tolerantDecoding: false })
  return { height, width, channels: 3, data, white: 255 }
}

const INTERLACE_BYTE = 28

function pngSamples(bytes: Uint8Array): Samples {
  const png = decodePng(bytes, { checkCrc: true })
  const { height, width, channels, depth } = png
  if (depth < 8 && bytes[INTERLACE_BYTE] !== 0) throw new Error('interlaced images need at least 8 bits a sample')
  if (png.palette) {
    const { length } = png.palette[0]
    return { height, width, channels: length, data: convertIndexedToRgb(png), white: 255 }
  }
  const data = depth < 8 ? unpacked(png) : png.data
  if (data.length !== height * width * channels) throw new Error(`${data.length} samples for ${width}x${height} pixels`)
  return { height, width, channels, data, white: 2 ** depth - 1, transparent: png.transparency }
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

function planar({ height, width, channels, data, white, transparent }: Samples): Picture {
  const colours = channels < 3 ? 1 : 3
  const alphaAt = channels === 2 || channels === 4 ? channels - 1 : -1
  const size = height * width
  const out = new Float32Array(colours * size)
  for (let i = 0; i < size; i++) {
    const at = i * channels
    const clear =
      transparent && Array.from({ length: colours }, (_, c) => data[at + c] === transparent[c]).every(Boolean)
    const alpha = clear ? 0 : alphaAt < 0 ? 1 : data[at + alphaAt] / white
    for (let c = 0; c < colours; c++) out[c * size + i] = 255 * ((data[at + c] / white) * alpha + 1 - alpha)
  }
  const grey = colours === 1 || isGrey(out, size)
  return { channels: grey ? 1 : 3, height, width, pixels: asBytes(grey ? out.slice(0, size) : out) }
}

function isGrey(rgb: Float32Array, size: number): boolean {
  for (let i = 0; i < size; i++) if (rgb[i] !== rgb[i + size] || rgb[i] !== rgb[i + 2 * size]) return false
  return true
}

/** Bytes if nothing is lost (to 1e-3 of a step of 255). */
function asBytes(values: Float32Array): Pixels {
  return values.every((value) => Math.abs(value - Math.round(value)) < 1e-3)
    ? Uint8Array.from(values, Math.round)
    : values
}
