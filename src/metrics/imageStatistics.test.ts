/** Statistics of images whose own are known. */
import { describe, expect, test } from 'vitest'
import { randomStream, tensor } from '../base/index.ts'
import { imageStatistics } from './imageStatistics.ts'

const [HEIGHT, WIDTH] = [4, 8]
const SIZE = HEIGHT * WIDTH

/** An image of three channels in [0, 1] by a function of its places. */
const image = (at: (y: number, x: number) => readonly [number, number, number]) =>
  [0, 1, 2].flatMap((c) => Array.from({ length: SIZE }, (_, i) => at(Math.floor(i / WIDTH), i % WIDTH)[c]))

const batch = (...images: readonly (readonly number[])[]) =>
  tensor(
    'float32',
    [images.length, 3, HEIGHT, WIDTH],
    Float32Array.from(images.flat(), (value) => 2 * value - 1),
  )

describe('one kind of image', () => {
  const of = (...images: readonly (readonly number[])[]) => imageStatistics(batch(...images))

  test('a flat colour: its luma and saturation, no edges, no entropy', () => {
    const { darkness, saturation, edges, entropy, diversity } = of(image(() => [0.8, 0.2, 0.4]))
    expect(darkness.mean).toBeCloseTo(1 - (0.299 * 0.8 + 0.587 * 0.2 + 0.114 * 0.4), 6)
    expect(saturation.mean).toBeCloseTo(0.75, 6)
    expect([edges.mean, entropy.mean, diversity]).toEqual([0, 0, null])
  })

  test('black has no saturation, white no darkness, and what is beyond is cut', () => {
    expect(of(image(() => [0, 0, 0]))).toMatchObject({ darkness: { mean: 1 }, saturation: { mean: 0 } })
    expect(of(image(() => [1, 1, 1])).darkness.mean).toBeCloseTo(0, 6)
    expect(of(image(() => [3, 1, 1])).darkness.mean).toBeCloseTo(0, 6)
    expect(of(image(() => [1, -2, 0.5])).saturation.mean).toBe(1)
  })

  test('stripes of a pixel: an edge at every place, two bins', () => {
    const { edges, entropy } = of(image((_, x) => (x % 2 === 0 ? [1, 1, 1] : [0, 0, 0])))
    expect(edges.mean).toBeCloseTo(1, 6)
    expect(entropy.mean).toBeCloseTo(1, 6)
    const board = of(image((y, x) => ((x + y) % 2 === 0 ? [1, 1, 1] : [0, 0, 0])))
    expect(board.edges.mean).toBeCloseTo(Math.SQRT2, 6)
  })

  test('a ramp over all bins has the most entropy', () => {
    const { entropy } = of(
      image((y, x) => new Array(3).fill((y * WIDTH + x + 0.5) / SIZE) as unknown as [number, number, number]),
    )
    expect(entropy.mean).toBeCloseTo(Math.log2(SIZE), 6)
  })
})

describe('several images', () => {
  test('means with their standard errors, and how far they lie apart', () => {
    const [black, white] = [image(() => [0, 0, 0]), image(() => [1, 1, 1])]
    const { darkness, diversity } = imageStatistics(batch(black, white, white, white))
    expect(darkness.mean).toBeCloseTo(0.25, 6)
    expect(darkness.standardError).toBeCloseTo(0.25, 6)
    // Three of the six pairs differ, by 1.
    expect(diversity).toBeCloseTo(Math.sqrt(0.5), 6)
    expect(imageStatistics(batch(white, white)).diversity).toBe(0)
  })

  test('diversity is that of all pairs, one channel has no saturation', () => {
    const data = randomStream({ seed: 2, purpose: 'image statistics' })
      .normal(new Float32Array(5 * SIZE))
      .map((x) => x / 8)
    const shown = Array.from(data, (x) => (x + 1) / 2)
    const pairs = [0, 1, 2, 3, 4].flatMap((i) => [0, 1, 2, 3, 4].filter((j) => j > i).map((j) => [i, j]))
    const squares = pairs.map(([i, j]) =>
      Array.from({ length: SIZE }, (_, p) => (shown[i * SIZE + p] - shown[j * SIZE + p]) ** 2).reduce(
        (a, b) => a + b,
        0,
      ),
    )
    const found = imageStatistics(tensor('float32', [5, 1, HEIGHT, WIDTH], data))
    expect(found.diversity).toBeCloseTo(Math.sqrt(squares.reduce((a, b) => a + b, 0) / pairs.length / SIZE), 8)
    expect(found.saturation.mean).toBe(0)
  })
})
