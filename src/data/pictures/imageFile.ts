/**
 * One picture file as planar values 0 to 255: grey where every pixel is grey, RGB otherwise; alpha over white; 16 bits kept; upright as EXIF says. A kind
 * of file is an entry of the table, told by how it begins, never by its name.
 */
import { hasPngSignature } from 'fast-png'
import { inputError } from '../../base/index.ts'
import { bmpSamples, isBmp } from './bmpFile.ts'
import { UPRIGHT, upright } from './exif.ts'
import { jpegSamples } from './jpegFile.ts'
import { pngSamples } from './pngFile.ts'
import type { Pixels } from './resize.ts'
import type { Samples } from './samples.ts'
import { isTiff } from './tiffDirectory.ts'
import { tiffSamples } from './tiffFile.ts'
import { isWebp, webpSamples } from './webpFile.ts'

/** A decoded image, planar [channels, height, width]. */
export interface Picture {
  readonly channels: 1 | 3
  readonly height: number
  readonly width: number
  /** Bytes where they say everything; floats where alpha or 16 bits make fractions. */
  readonly pixels: Pixels
  /** Whether some pixel let white through. */
  readonly transparent: boolean
  /** Whether it was turned or mirrored, as EXIF says. */
  readonly turned?: boolean
}

/** A kind of picture file. */
interface PictureKind {
  readonly name: string
  recognises(bytes: Uint8Array): boolean
  /** @throws an error without a code, saying what is wrong with the file */
  samples(bytes: Uint8Array): Samples | Promise<Samples>
}

const PICTURE_KINDS: readonly PictureKind[] = [
  { name: 'PNG', recognises: hasPngSignature, samples: pngSamples },
  { name: 'JPEG', recognises: (bytes) => bytes[0] === 0xff && bytes[1] === 0xd8, samples: jpegSamples },
  { name: 'WebP', recognises: isWebp, samples: webpSamples },
  { name: 'TIFF', recognises: isTiff, samples: tiffSamples },
  { name: 'BMP', recognises: isBmp, samples: bmpSamples },
]

/** `PNG, JPEG, WebP, TIFF or BMP`. */
export const PICTURE_WORDS = PICTURE_KINDS.map(({ name }) => name)
  .join(', ')
  .replace(/, (?=\w+$)/, ' or ')

/** Names of picture files that are read. */
export const PICTURE_NAME = /\.(png|jpe?g|webp|tiff?|bmp)$/i
/** Names of picture files that are not. */
export const OTHER_PICTURE_NAME = /\.(gif|avif|hei[cf]|jxl|jp2|psd|svg|exr|hdr|tga|ppm|pgm|dng|cr2|nef|arw)$/i

/** Whether a file begins as those that are read do. @param bytes its first ones, or all */
export const beginsAsPicture = (bytes: Uint8Array): boolean => PICTURE_KINDS.some(({ recognises }) => recognises(bytes))

/** Decodes a picture file, told by content; `name` is what the error calls it. @throws `data.image` */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Picture> {
  try {
    const kind = PICTURE_KINDS.find(({ recognises }) => recognises(bytes))
    if (!kind) throw new Error(`it ${whatItIs(bytes)}`)
    return planar(await kind.samples(bytes))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw inputError('data.image', `${name} is not a readable image (${reason}); repair, convert or remove it`, {
      cause,
    })
  }
}

/** How other files begin that are saved under an image's name. */
const BEGINNINGS: readonly (readonly [RegExp, string])[] = [
  [/^$/, 'is empty'],
  [/^GIF8/, `is a GIF image, and ${PICTURE_WORDS} are read`],
  [/^.{4}ftyp(avif|avis|hei|mif|msf)/s, `is an AVIF or HEIC image, and ${PICTURE_WORDS} are read`],
  [/^(\xff\n|.{4}JXL )/s, `is a JPEG XL image, and ${PICTURE_WORDS} are read`],
  [/^.{4}jP {2}/s, `is a JPEG 2000 image, and ${PICTURE_WORDS} are read`],
  [/^8BPS/, `is a Photoshop document, and ${PICTURE_WORDS} are read`],
  [/^P[1-7]\s/, `is a PNM image, and ${PICTURE_WORDS} are read`],
  [/^version https:\/\/git-lfs/, 'is a Git LFS pointer to the image; fetch it with git lfs pull'],
  [/^\s*<(!doctype|html)/i, 'is a web page, perhaps the error of a download'],
]

function whatItIs(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.subarray(0, 64)).toString('latin1')
  return (
    BEGINNINGS.find(([pattern]) => pattern.test(start))?.[1] ??
    `begins like none of ${PICTURE_WORDS.replace(' or ', ', ')}`
  )
}

function planar({ height, width, channels, data, white, transparent, orientation = UPRIGHT }: Samples): Picture {
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
  const picture = { channels: grey ? 1 : 3, height, width, pixels, transparent: through } as const
  return orientation === UPRIGHT ? picture : { ...upright(picture, orientation), turned: true }
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
