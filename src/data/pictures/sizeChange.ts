/** How pictures come to the side that is asked for: by whole blocks alone where nothing else is said, else by the way that is named. */
import { inputError } from '../../base/index.ts'
import type { ResizeWay } from './resample.ts'
import { resampled } from './resample.ts'
import type { Pixels } from './resize.ts'
import { resized, resizing } from './resize.ts'

/** What is wanted of every picture. */
export interface WantedSize {
  /** Side in pixels; undefined: as the pictures are. */
  readonly size?: number
  /** Null, the default: only where whole blocks of pixels are averaged, or nothing is to be done. */
  readonly resize?: ResizeWay | null
}

export interface SizeChange {
  readonly height: number
  readonly width: number
  /** Whether pixels are made up between those that are there. */
  readonly enlarges: boolean
  /** Whether there are black borders. */
  readonly borders: boolean
  /** Whether some of the picture is cut off. */
  readonly cuts: boolean
  of(pixels: Pixels, channels: number): Pixels
}

/** For pictures of a height and width. @throws `data.size` where whole blocks do not make it, with the flags that do */
export function sizeChange(height: number, width: number, { size, resize = null }: WantedSize): SizeChange {
  const plain = { borders: false, cuts: false, enlarges: false }
  if (size === undefined) return { height, width, ...plain, of: (pixels) => pixels }
  if (resize === null) {
    const blocks = resizing(height, width, size)
    return { height: size, width: size, ...plain, of: (pixels, channels) => resized(pixels, channels, blocks) }
  }
  const oblong = height !== width
  return {
    height: size,
    width: size,
    borders: oblong && resize === 'fit',
    cuts: oblong && resize === 'crop',
    enlarges: (resize === 'fit' ? Math.max(height, width) : Math.min(height, width)) < size,
    of: (pixels) => resampled({ height, width, pixels }, size, resize),
  }
}

/** @throws `data.size` where a way is named and no size */
export function requireSizeFor({ size, resize = null }: WantedSize): void {
  if (resize === null || size !== undefined) return
  throw inputError('data.size', `resize ${resize} brings pictures to a size, got no size; give one, such as --size 64`)
}
