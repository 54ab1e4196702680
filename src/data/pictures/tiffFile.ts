/** TIFF files, decoded by tiff: grey, RGB, palettes, with alpha; 8, 16 and 32 bits; plain, LZW and Deflate. Of several pages the first. */
import { inflateSync } from 'node:zlib'
import { decode } from 'tiff'
import { ORIENTATION, UPRIGHT } from './exif.ts'
import { requirePixels } from './imageLimits.ts'
import type { Samples } from './samples.ts'
import type { TiffDirectory } from './tiffDirectory.ts'
import { tiffDirectory } from './tiffDirectory.ts'

/** Tags: sizes, what samples mean and how they are packed, where strips lie. */
const TAGS = {
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  stripOffsets: 273,
  samples: 277,
  stripBytes: 279,
  tileOffsets: 324,
  tileBytes: 325,
} as const
/** Directories of EXIF and GPS, whose contents are not needed. */
const POINTERS = [0x8769, 0x8825]
/** What samples mean: white is 0, black is 0, colours, a palette. */
const [WHITE_IS_ZERO, PALETTE] = [0, 3]
const NAMED_KINDS: Readonly<Record<number, string>> = { 5: 'colours for print (CMYK)', 6: 'YCbCr', 8: 'CIELab' }
const [PLAIN, DEFLATE] = [1, [8, 32946]]
/** LZW makes at most this many bytes out of one, Deflate fewer. */
const MOST_UNPACKED = 4096
const NAMED_COMPRESSIONS: Readonly<Record<number, string>> = {
  2: 'fax',
  3: 'fax',
  4: 'fax',
  6: 'JPEG',
  7: 'JPEG',
  32773: 'PackBits',
  50000: 'Zstandard',
  50001: 'WebP',
}
const READ = 'grey, RGB and palettes are, of 8, 16 or 32 bits, plain, LZW or Deflate; save it as PNG'

/** Decodes a TIFF. @throws an error without a code, saying what is wrong with the file */
export function tiffSamples(bytes: Uint8Array): Samples {
  const directory = tiffDirectory(bytes)
  const first = (tag: number, absent: number) => directory.numbers(tag)?.[0] ?? absent
  const [width, height, channels] = [first(TAGS.width, 0), first(TAGS.height, 0), first(TAGS.samples, 1)]
  const bits = first(TAGS.bits, 1)
  if (width * height === 0) throw new Error(`its header says ${width}x${height}`)
  requirePixels(width, height)
  requireRead(first(TAGS.photometric, 1), first(TAGS.compression, 1), bits, channels)
  const [packing, due] = [first(TAGS.compression, 1), (width * height * channels * bits) / 8]
  if (due > bytes.length * (packing === PLAIN ? 1 : MOST_UNPACKED)) {
    throw new Error(`its header says ${width}x${height}, which its ${bytes.length} bytes cannot hold`)
  }
  if (DEFLATE.includes(packing)) requireInflation(bytes, directory, due)
  const [page] = reading(() => decode(pixelsAlone(bytes, directory), { pages: [0] }))
  const { data, type } = page
  if (data.length !== width * height * channels) {
    throw new Error(`its header says ${width}x${height} of ${channels} samples, and it holds ${data.length}`)
  }
  const form = { width, height, orientation: first(ORIENTATION, UPRIGHT) }
  if (type === PALETTE) return { ...form, channels: 3, data: fromPalette(data, page.palette ?? []), white: 255 }
  const white = whiteOf(data, bits)
  if (channels % 2 === 0 && !page.alpha) throw new Error(`it has ${channels} samples a pixel, none of them alpha`)
  return { ...form, channels, data: type === WHITE_IS_ZERO ? data.map((value) => white - value) : data, white }
}

function requireRead(photometric: number, compression: number, bits: number, channels: number): void {
  const kind = NAMED_KINDS[photometric]
  if (kind) throw new Error(`it holds ${kind}, which of TIFF is not read; ${READ}`)
  const packed = NAMED_COMPRESSIONS[compression]
  if (packed) throw new Error(`it is packed by ${packed}, which of TIFF is not read; ${READ}`)
  if (![8, 16, 32].includes(bits)) throw new Error(`it has ${bits} bits a sample, which of TIFF are not read; ${READ}`)
  if (channels > 4) throw new Error(`it has ${channels} samples a pixel, and 1 to 4 are read`)
}

/** Whether no strip inflates to more than the whole picture. */
function requireInflation(bytes: Uint8Array, directory: TiffDirectory, due: number): void {
  const offsets = directory.numbers(TAGS.stripOffsets) ?? directory.numbers(TAGS.tileOffsets) ?? []
  const lengths = directory.numbers(TAGS.stripBytes) ?? directory.numbers(TAGS.tileBytes) ?? []
  // The last tiles may reach beyond the picture.
  const most = 4 * due + 2 ** 20
  for (const [i, offset] of offsets.entries()) {
    try {
      inflateSync(bytes.subarray(offset, offset + (lengths[i] ?? 0)), { maxOutputLength: most })
    } catch (cause) {
      throw new Error('its data are damaged, or hold more than its header says', { cause })
    }
  }
}

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`it is a TIFF of a kind that is not read, or damaged (${reason}); ${READ}`, { cause })
  }
}

/** Floats are 0 to 1 by custom. */
function whiteOf(data: ArrayLike<number>, bits: number): number {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return 2 ** bits - 1
  for (const value of data) {
    if (!(value >= 0 && value <= 1)) throw new Error(`its numbers must lie in [0, 1], got ${value}`)
  }
  return 1
}

/** Colours of 16 bits, of which the upper 8 say all by custom: writers differ in the lower ones. */
function fromPalette(data: ArrayLike<number>, palette: readonly (readonly number[])[]): Uint8Array {
  const samples = new Uint8Array(3 * data.length)
  for (let i = 0; i < data.length; i++) {
    const colour = palette[data[i]]
    if (!colour) throw new Error(`it names colour ${data[i]} of a palette of ${palette.length}`)
    for (let c = 0; c < 3; c++) samples[3 * i + c] = colour[c] >> 8
  }
  return samples
}

/** A copy without what the decoder refuses, the orientation, and what it need not look at. */
function pixelsAlone(bytes: Uint8Array, { entries }: TiffDirectory): Uint8Array {
  const copy = Uint8Array.from(bytes)
  for (const { tag, at } of entries) {
    // An entry of type 0 is passed over.
    if (tag === ORIENTATION || POINTERS.includes(tag)) copy.fill(0, at + 2, at + 4)
  }
  return copy
}
