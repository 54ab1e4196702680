/**
 * Light augmentation of training images: a random rotation, scaling, shear and shift, bilinear, what lies outside is background. Deformation and
 * shrinking are one step, so that the deformed small image is no blurrier than a real one: a target pixel is the mean of a block of
 * samples of the larger image, and without deformation exactly the padded and block-averaged image.
 */
import type { RandomStream, Shape } from '../base/index.ts'

/** Half-widths of the uniform draws. */
export interface Augmentation {
  /** Degrees. */
  readonly rotation: number
  /** Relative change of size, each axis on its own. */
  readonly scale: number
  /** Pixels moved sideways per pixel of height. */
  readonly shear: number
  /** Pixels of the source. */
  readonly shift: number
}

/** An image's shape [c,h,w] as it is, and as it shall be; the sides of both are centred on each other. */
export interface Shapes {
  readonly from: Shape
  readonly to: Shape
}

/** Writes a randomly deformed copy of one image to `out`. @param background value outside the image, default -1 */
export function augment(
  image: Float32Array,
  { from, to }: Shapes,
  { rotation, scale, shear, shift }: Augmentation,
  random: RandomStream,
  out: Float32Array,
  background = -1,
): void {
  const draw = (halfWidth: number) => halfWidth * (2 * random.uniform() - 1)
  const angle = (draw(rotation) * Math.PI) / 180
  const [scaleX, scaleY, slant] = [1 + draw(scale), 1 + draw(scale), draw(shear)]
  const [shiftX, shiftY] = [draw(shift), draw(shift)]
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const [, fromHeight, fromWidth] = from
  const [channels, height, width] = to
  const block = Math.max(1, Math.ceil(fromHeight / height), Math.ceil(fromWidth / width))
  out.fill(0)
  for (let y = 0; y < height * block; y++) {
    for (let x = 0; x < width * block; x++) {
      const [dx, dy] = [x - (width * block - 1) / 2 - shiftX, y - (height * block - 1) / 2 - shiftY]
      const fromX = (fromWidth - 1) / 2 + scaleX * (cos * dx + sin * dy) + slant * dy
      const fromY = (fromHeight - 1) / 2 + scaleY * (cos * dy - sin * dx)
      const at = Math.floor(y / block) * width + Math.floor(x / block)
      for (let c = 0; c < channels; c++) {
        const plane = image.subarray(c * fromHeight * fromWidth, (c + 1) * fromHeight * fromWidth)
        const value = bilinear(plane, fromHeight, fromWidth, fromX, fromY, background)
        out[c * height * width + at] += value / (block * block)
      }
    }
  }
}

function bilinear(
  plane: Float32Array,
  height: number,
  width: number,
  x: number,
  y: number,
  background: number,
): number {
  const [left, top] = [Math.floor(x), Math.floor(y)]
  const [a, b] = [x - left, y - top]
  const at = (row: number, column: number) =>
    row < 0 || column < 0 || row >= height || column >= width ? background : plane[row * width + column]
  const upper = (1 - a) * at(top, left) + a * at(top, left + 1)
  const lower = (1 - a) * at(top + 1, left) + a * at(top + 1, left + 1)
  return (1 - b) * upper + b * lower
}
