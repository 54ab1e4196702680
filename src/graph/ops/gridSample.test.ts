/** What the table of cases cannot hold: the derivative where differences have none, shapes that are refused, three axes against two. */
import { expect, test } from 'vitest'
import { evaluate } from '../evaluate.ts'
import { vjp } from '../gradient.ts'
import { trace } from '../graph.ts'
import { gridSample } from './gridSample.ts'
import type { GridPadding } from './gridTaps.ts'

const reference = (shape: number[], data: ArrayLike<number>) => ({
  dtype: 'float32' as const,
  shape,
  data: Float64Array.from(data),
})

/** d sum(output) / d grid for a row of pixels 0, 1, 4, 9, 16 read at its own pixels. */
function slopes(padding: GridPadding, alignCorners: boolean): number[] {
  const extent = 5
  const places = Array.from({ length: extent }, (_, i) =>
    alignCorners ? (2 * i) / (extent - 1) - 1 : (2 * i + 1) / extent - 1,
  )
  const graph = trace(
    { x: { dtype: 'float32', shape: [1, 1, 1, extent] }, grid: { dtype: 'float32', shape: [1, 1, extent, 2] } },
    ({ x, grid }) => {
      const y = gridSample(x, grid, { padding, alignCorners })
      return { slope: vjp([y], [x], [grid])[0] }
    },
  )
  const pixels = [0, 1, 4, 9, 16]
  const grid = places.flatMap((place) => [place, 0])
  const { slope } = evaluate(graph, { x: reference([1, 1, 1, 5], pixels), grid: reference([1, 1, 5, 2], grid) })
  // Per pixel that it moves, and without the cotangent, which was the pixel itself.
  const each = alignCorners ? (extent - 1) / 2 : extent / 2
  return pixels.map((pixel, i) => slope.data[2 * i] / each / (pixel || 1))
}

test('on a pixel the derivative is that to its right, and 0 on the outermost ones, as PyTorch has it', () => {
  for (const padding of ['border', 'reflection'] as const) {
    expect(slopes(padding, true).map((slope) => Number(slope.toFixed(9)))).toEqual([0, 3, 5, 7, 0])
  }
  // Beside a border of zeros the last pixel falls off.
  expect(slopes('zeros', true).map((slope) => Number(slope.toFixed(9)))).toEqual([0, 3, 5, 7, -16])
})

test('a volume whose planes are alike is read as one of them', () => {
  const plane = Float64Array.from({ length: 12 }, (_, i) => Math.sin(i))
  const places = [-0.9, 0.3, 0.1, -0.2, 0.75, 1.2]
  for (const mode of ['linear', 'nearest'] as const) {
    const graph = trace(
      {
        volume: { dtype: 'float32', shape: [1, 1, 5, 3, 4] },
        grid3: { dtype: 'float32', shape: [1, 1, 1, 3, 3] },
        image: { dtype: 'float32', shape: [1, 1, 3, 4] },
        grid2: { dtype: 'float32', shape: [1, 1, 3, 2] },
      },
      ({ volume, grid3, image, grid2 }) => ({
        volumes: gridSample(volume, grid3, { mode, padding: 'border' }),
        images: gridSample(image, grid2, { mode, padding: 'border' }),
      }),
    )
    const grid3 = [0, 1, 2].flatMap((i) => [places[2 * i], places[2 * i + 1], 0.7 * i - 0.6])
    const { volumes, images } = evaluate(graph, {
      volume: reference(
        [1, 1, 5, 3, 4],
        [0, 1, 2, 3, 4].flatMap(() => [...plane]),
      ),
      grid3: reference([1, 1, 1, 3, 3], grid3),
      image: reference([1, 1, 3, 4], plane),
      grid2: reference([1, 1, 3, 2], places),
    })
    for (const [i, value] of images.data.entries()) expect(volumes.data[i]).toBeCloseTo(value, 12)
  }
})

test('grids of other shapes are refused, saying which they are', () => {
  const call = (x: number[], grid: number[]) => () =>
    trace({ x: { dtype: 'float32', shape: x }, grid: { dtype: 'float32', shape: grid } }, (inputs) => ({
      y: gridSample(inputs.x, inputs.grid),
    }))
  expect(call([1, 2, 3, 4], [1, 5, 5, 3])).toThrow(/GridSample takes float images .* got float32\[1,2,3,4\]/)
  expect(call([1, 2, 3, 4], [2, 5, 5, 2])).toThrow(/GridSample takes/)
  expect(call([1, 2, 3, 4, 5], [1, 5, 5, 3])).toThrow(/GridSample takes/)
})
