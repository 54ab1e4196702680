/** How many images metrics look at that compare all pairs of them, so that they stay affordable. */
import { tensor } from '../base/index.ts'
import type { Features } from './rows.ts'

/** The most images of a side, the first ones. */
export const MOST_PAIRED_IMAGES = 2000

/** The first rows, without copying. */
export function pairedRows(rows: Features): Features {
  const [count, dimensions] = rows.shape
  if (count <= MOST_PAIRED_IMAGES) return rows
  const [shape, end] = [[MOST_PAIRED_IMAGES, dimensions], MOST_PAIRED_IMAGES * dimensions]
  return rows.dtype === 'float32'
    ? tensor('float32', shape, rows.data.subarray(0, end))
    : tensor('float64', shape, rows.data.subarray(0, end))
}
