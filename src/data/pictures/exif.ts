/**
 * The turn that a camera notes: EXIF's tag 274 (JEITA CP-3451, orientation 1 to 8), which says how the stored rows are to be turned or mirrored for the
 * picture to stand upright. A block of EXIF is a TIFF file without pixels.
 */
import { isTiff, tiffDirectory } from './tiffDirectory.ts'

/** Stored upright: nothing is to be done. */
export const UPRIGHT = 1

export const ORIENTATION = 274

/** The orientation, 1 to 8, of a block of EXIF; 1 where it says none, or cannot be read: it is no part of the picture. */
export function orientationOf(exif: Uint8Array): number {
  const start = String.fromCharCode(...exif.subarray(0, EXIF_NAME.length))
  const block = start === EXIF_NAME ? exif.subarray(EXIF_NAME.length) : exif
  if (!isTiff(block)) return UPRIGHT
  try {
    const value = tiffDirectory(block).numbers(ORIENTATION)?.[0] ?? UPRIGHT
    return value > UPRIGHT && value <= 8 ? value : UPRIGHT
  } catch {
    return UPRIGHT
  }
}

/** Stands before the block in JPEG files, and in some WebP files. */
export const EXIF_NAME = 'Exif\0\0'

/** A planar picture, as far as turning it goes. */
interface Plane<P> {
  readonly height: number
  readonly width: number
  readonly pixels: P
}

/** From orientation 5 on rows and columns change places. */
const FIRST_TRANSPOSED = 5
/** Whether the stored columns, and rows, run backwards. */
const BACKWARDS: Readonly<Record<number, readonly [columns: boolean, rows: boolean]>> = {
  2: [true, false],
  3: [true, true],
  4: [false, true],
  5: [false, false],
  6: [false, true],
  7: [true, true],
  8: [true, false],
}

/** The picture upright; the very one where it is. `pixels` are planes of height x width. */
export function upright<P extends Uint8Array | Float32Array | Float64Array, T extends Plane<P>>(
  picture: T,
  orientation: number,
): T {
  const backwards = BACKWARDS[orientation]
  if (backwards === undefined) return picture
  const { height, width, pixels } = picture
  const transposed = orientation >= FIRST_TRANSPOSED
  const [high, wide] = transposed ? [width, height] : [height, width]
  const [mirroredColumns, mirroredRows] = backwards
  const turned = pixels.slice() as P
  const size = height * width
  for (let plane = 0; plane < pixels.length; plane += size) {
    for (let y = 0; y < high; y++) {
      for (let x = 0; x < wide; x++) {
        const [row, column] = transposed ? [x, y] : [y, x]
        const fromRow = mirroredRows ? height - 1 - row : row
        const fromColumn = mirroredColumns ? width - 1 - column : column
        turned[plane + y * wide + x] = pixels[plane + fromRow * width + fromColumn]
      }
    }
  }
  return { ...picture, height: high, width: wide, pixels: turned }
}
