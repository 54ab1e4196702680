/** Sample grids as PNG: images side by side at their own pixels, a transparent line between; enlarging is the page's. A single image has no line, and no alpha. */
import { encode } from 'fast-png'
import { inputError, sizeOf } from '../base/index.ts'
import type { SampleGrid } from '../tuners/index.ts'

export interface GridImage {
  readonly png: Uint8Array
  /** Pixels. */
  readonly width: number
  readonly height: number
}

/**
 * Rows of `columns` images, 1 pixel apart; pixel values [-1, 1] to 0..255, clipped.
 * @throws `report.grid` unless the shape is [1 or 3, h, w] and the values fit it
 */
export function gridImage({ label, count, shape, images }: SampleGrid, columns: number): GridImage {
  const [channels, h, w] = shape
  if (shape.length !== 3 || (channels !== 1 && channels !== 3) || images.length !== count * sizeOf(shape)) {
    const came = `${count} of [${shape}] with ${images.length} values`
    throw inputError('report.grid', `a sample grid holds images [1 or 3, height, width]; '${label}' has ${came}`)
  }
  const across = Math.min(columns, count)
  const width = across * (w + 1) - 1
  const height = Math.ceil(count / across) * (h + 1) - 1
  const gaps = count > 1
  const depth = gaps ? channels + 1 : channels
  const data = new Uint8Array(width * height * depth)
  for (let i = 0; i < count; i++) {
    const left = (i % across) * (w + 1)
    const top = Math.floor(i / across) * (h + 1)
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const to = ((top + y) * width + left + x) * depth
        for (let c = 0; c < channels; c++) data[to + c] = byteOf(images[((i * channels + c) * h + y) * w + x])
        if (gaps) data[to + channels] = 255
      }
    }
  }
  return { png: encode({ width, height, data, channels: depth }), width, height }
}

const byteOf = (value: number): number => Math.round(127.5 * (Math.min(1, Math.max(-1, value)) + 1))

/** PNG bytes as a data address. */
export function dataUri(png: Uint8Array): string {
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`
}
