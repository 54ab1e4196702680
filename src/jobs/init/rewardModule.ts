/** A reward module that works, with its derivative: what `bilevel init reward` writes, and the help and docs/guide/entropy.md show. */
export const REWARD_MODULE = `// A reward for bilevel entropy: a number for each image, more is better. Here: how near its mean brightness is to WANTED.
const WANTED = 0.3 // of 0, black, to 1, white
const SCALE = 100

/** Image i is data.subarray(i * size, (i + 1) * size): its channels, of rows, of pixels. */
const meansOf = ({ data, shape: [n, channels, height, width] }) => {
  const size = channels * height * width
  return Array.from({ length: n }, (_, i) => data.subarray(i * size, (i + 1) * size).reduce((a, b) => a + b, 0) / size)
}

export default {
  range: [0, 1], // of the pixels that it is given
  // n numbers; each of its own image alone
  values: (images) => meansOf(images).map((mean) => -SCALE * (mean - WANTED) ** 2),
  // the same, and d value / d pixel, a number for each pixel; checked against differences of values. Leave it out: target tilt
  gradient(images) {
    const means = meansOf(images)
    const size = images.data.length / means.length
    const slopes = means.map((mean) => (-2 * SCALE * (mean - WANTED)) / size)
    return { values: this.values(images), gradient: images.data.map((_, j) => slopes[Math.floor(j / size)]) }
  },
}
`
