/**
 * Pixel features: block averages, at most 64 of them where nobody asks for fewer. For data no feature network knows: they see brightness and coarse layout, not
 * content, so a distance in them says only that much. Linear, so their derivative is exact.
 */
import type { Shape } from '../base/index.ts'
import { inputError, sha256, sizeOf, tensor } from '../base/index.ts'
import type { FeatureNetwork } from './featureNetwork.ts'
import { imageCount } from './featureNetwork.ts'

export const MOST_PIXEL_FEATURES = 64

/**
 * Averages over square blocks of pixels, per channel: the smallest block that leaves at most so many numbers. Blocks at the right and bottom
 * edge average the pixels that are there.
 * @param imageShape [channels, height, width], at most as many channels as numbers
 * @param most       most numbers, 1 to 64; fewer for few images, as a covariance of d numbers needs more than d of them
 * @throws `metrics.pixelFeatures` on another shape or number
 */
export function pixelFeatures(imageShape: Shape, most = MOST_PIXEL_FEATURES): FeatureNetwork {
  if (!(Number.isInteger(most) && most >= 1 && most <= MOST_PIXEL_FEATURES)) {
    throw inputError(
      'metrics.pixelFeatures',
      `pixel features are 1 to ${MOST_PIXEL_FEATURES} numbers, got ${most}; such as pixels:16`,
    )
  }
  const [channels, height, width] = imageShape
  if (imageShape.length !== 3 || channels > most) {
    throw inputError(
      'metrics.pixelFeatures',
      `pixel features need [channels, height, width] with at most ${most} channels, got [${imageShape}]; ` +
        'allow more numbers, or give a feature network',
    )
  }
  let block = 1
  const blocks = (extent: number) => Math.ceil(extent / block)
  while (channels * blocks(height) * blocks(width) > most) block++
  const [rows, columns] = [blocks(height), blocks(width)]
  const dimensions = channels * rows * columns
  const blockOf = Int32Array.from({ length: sizeOf(imageShape) }, (_, i) => {
    const [c, y, x] = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width]
    return (c * rows + Math.floor(y / block)) * columns + Math.floor(x / block)
  })
  const counts = new Int32Array(dimensions)
  for (const at of blockOf) counts[at]++
  const name = `pixels-${channels}x${height}x${width}-block${block}`
  return {
    name,
    hash: sha256(name),
    dimensions,
    imageShape,
    range: [-1, 1],
    async features(images) {
      const count = imageCount(images, imageShape)
      const data = new Float64Array(count * dimensions)
      images.data.forEach((pixel, i) => {
        const at = blockOf[i % blockOf.length]
        data[Math.floor(i / blockOf.length) * dimensions + at] += pixel / counts[at]
      })
      return tensor('float64', [count, dimensions], data)
    },
    async vjp(images, dFeatures) {
      imageCount(images, imageShape)
      const data = Float64Array.from(images.data, (_, i) => {
        const at = blockOf[i % blockOf.length]
        return dFeatures.data[Math.floor(i / blockOf.length) * dimensions + at] / counts[at]
      })
      return tensor('float64', images.shape, data)
    },
    async dispose() {},
  }
}
