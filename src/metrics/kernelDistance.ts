/**
 * Kernel distance: unbiased estimate of the squared maximum mean discrepancy under the cubic kernel k(x,y) = (x.y/d + 1)^3
 * (Bińkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", 2018). Unlike the Fréchet distance its mean does not depend on the
 * number of images; single values may be negative.
 */
import type { Features, Rows } from './rows.ts'
import { rowPair } from './rows.ts'

/**
 * KID = mean of k over pairs of different generated rows + the same over reference rows - 2 mean of k over mixed pairs.
 * @param generated [n,d], n >= 2
 * @param reference [m,d], m >= 2
 * @throws `metrics.tooFewImages`, `metrics.dimensions`
 */
export function kernelDistance(generated: Features, reference: Features): number {
  const [x, y] = rowPair(generated, reference, 2)
  const within = (rows: Rows) => kernelSum(rows, rows, true) / ((rows.count * (rows.count - 1)) / 2)
  return within(x) + within(y) - (2 * kernelSum(x, y, false)) / (x.count * y.count)
}

/** Sum of the kernel over all pairs, or over pairs i < j. */
function kernelSum(a: Rows, b: Rows, upperTriangle: boolean): number {
  const d = a.dimensions
  let total = 0
  for (let i = 0; i < a.count; i++) {
    const x = a.data.subarray(i * d, (i + 1) * d)
    let rowTotal = 0
    for (let j = upperTriangle ? i + 1 : 0; j < b.count; j++) {
      const from = j * d
      let product = 0
      for (let l = 0; l < d; l++) product += x[l] * b.data[from + l]
      const base = product / d + 1
      rowTotal += base * base * base
    }
    total += rowTotal
  }
  return total
}
