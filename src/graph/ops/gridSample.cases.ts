/** Cases of reading images at the places of a grid. */
import { randomStream } from '../../base/index.ts'
import type { Draw, OperatorCase } from '../caseType.fixture.ts'
import { gridSample } from './gridSample.ts'

/**
 * Places inside an image and up to a size of it outside, none of them near enough to where the derivative jumps, for differences.
 * @param extents of the image, the last first
 */
export const scattered =
  (extents: readonly number[], alignCorners: boolean, reach = 1.9): Draw =>
  (_, size) => {
    const random = randomStream({ seed: 5, purpose: 'places' })
    return Float64Array.from({ length: size }, (_value, i) => {
      const extent = extents[i % extents.length]
      const at = Math.floor((random.uniform() - 0.5) * reach * extent + extent / 2) + 0.1 + 0.3 * random.uniform()
      return alignCorners ? (2 * at) / (extent - 1) - 1 : (2 * at + 1) / extent - 1
    })
  }

export const gridSampleCases: readonly OperatorCase[] = (['linear', 'nearest', 'cubic'] as const).flatMap((mode) =>
  (['zeros', 'border', 'reflection'] as const).flatMap((padding) =>
    [false, true].map(
      (alignCorners): OperatorCase => ({
        operator: 'GridSample',
        title: `${mode}, ${padding}${alignCorners ? ', corners aligned' : ''}`,
        inputs: {
          x: [2, 3, 4, 5],
          grid: { shape: [2, 6, 3, 2], draw: scattered([5, 4], alignCorners) },
        },
        call: ({ x, grid }) => [gridSample(x, grid, { mode, padding, alignCorners })],
      }),
    ),
  ),
)
