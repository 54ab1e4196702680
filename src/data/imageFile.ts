/** One PNG or JPEG file as planar values 0 to 255: grey where every pixel is grey, RGB otherwise; alpha over white; 16 bits kept. */
import { hasPngSignature } from 'fast-png'
import { inputError } from '../base/index.ts'
import { jpegSamples } from './jpegFile.ts'
import type { PngSamples } from './pngFile.ts'
import { pngSamples } from './pngFile.ts'
import type { Pixels } from './resize.ts'

/** A decoded image, planar [channels, height, width]. */
export interface Picture {
  readonly channels: 1 | 3
  readonly height: number
  readonly width: number
  /** Bytes where they say everything; floats where alpha or 16 bits make fractions. */
  readonly pixels: Pixels
  /** Whether some pixel let white through. */
  readonly transparent: boolean
}

/** Decodes a PNG or JPEG, told by content; `name` is what the error calls it. @throws `data.image` */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Picture> {
  try {
    if (hasPngSignature(bytes)) return planar(pngSamples(bytes))
    if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw new Error(`it ${whatItIs(bytes)}`)
    return planar({ ...(await jpegSamples(bytes)), white: 255 })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw inputError('data.image', `${name} is not a readable PNG or JPEG image (${reason}); repair or remove it`, {
      cause,
    })
  }
}

/** How other files begin that are saved under an image's name. */
const BEGINNINGS: readonly (readonly [RegExp, string])[] = [
  [/^$/, 'is empty'],
  [/^RIFF.{4}WEBP/s, 'is a WebP image'],
  [/^GIF8/, 'is a GIF image'],
  [/^BM/, 'is a BMP image'],
  [/^(II\*\0|MM\0\*)/, 'is a TIFF image'],
  [/^.{4}ftyp(avif|hei|mif)/s, 'is an AVIF or HEIC image'],
  [/^version https:\/\/git-lfs/, 'is a Git LFS pointer to the image; fetch it with git lfs pull'],
  [/^\s*<(!doctype|html)/i, 'is a web page, perhaps the error of a download'],
]

function whatItIs(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 64)).toString('latin1')
  return BEGINNINGS.find(([pattern]) => pattern.test(start))?.[1] ?? 'begins like neither'
}

function planar({ height, width, channels, data, white, transparent }: PngSamples): Picture {
  const colours = channels < 3 ? 1 : 3
  const alphaAt = channels === 2 || channels === 4 ? channels - 1 : -1
  const size = height * width
  const plain = white === 255 && alphaAt < 0 && !transparent
  const out = plain ? new Uint8Array(colours * size) : new Float32Array(colours * size)
  let through = false
  for (let i = 0; i < size; i++) {
    const at = i * channels
    const clear = transparent !== undefined && isColour(data, at, transparent, colours)
    const alpha = clear ? 0 : alphaAt < 0 ? 1 : data[at + alphaAt] / white
    if (alpha < 1) through = true
    for (let c = 0; c < colours; c++) {
      out[c * size + i] = plain ? data[at + c] : 255 * ((data[at + c] / white) * alpha + 1 - alpha)
    }
  }
  const grey = colours === 1 || isGrey(out, size)
  const pixels = asBytes(grey ? out.slice(0, size) : out)
  return { channels: grey ? 1 : 3, height, width, pixels, transparent: through }
}

function isColour(data: ArrayLike<number>, at: number, colour: ArrayLike<number>, colours: number): boolean {
  for (let c = 0; c < colours; c++) if (data[at + c] !== colour[c]) return false
  return true
}

function isGrey(rgb: Pixels, size: number): boolean {
  for (let i = 0; i < size; i++) if (rgb[i] !== rgb[i + size] || rgb[i] !== rgb[i + 2 * size]) return false
  return true
}

/** Bytes if nothing is lost (to 1e-3 of a step of 255). */
function asBytes(values: Pixels): Pixels {
  return values instanceof Float32Array && values.every((value) => Math.abs(value - Math.round(value)) < 1e-3)
    ? Uint8Array.from(values, Math.round)
    : values
}
