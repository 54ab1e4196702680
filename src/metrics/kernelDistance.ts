/**
 * Kernel distance: unbiased estimate of the squared maximum mean discrepancy under the cubic kernel k(x,y) = (x.y/d + 1)^3
 * (Bińkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", 2018). Unlike the Fréchet distance its mean does not depend on the
 * number of images; single values may be negative.
 *
 * The kernel grows with the sixth power of what all features have in common, m, and most of it cancels between the three sums. With x = m + a,
 * y = m + b, p_x = m.a/d, p_y = m.b/d, g = a.b/d and c = 1 + m.m/d it is (c + p_x + p_y + g)^3. Whatever depends on x alone or on y alone goes
 * out of the distance, to the last term, on paper:
 *
 *     k(x,y) = c^3 + 3 c^2 (p_x + p_y) + 3 c (p_x^2 + p_y^2) + p_x^3 + p_y^3       (goes out)
 *            + 3 p_x p_y (2 c + p_x + p_y) + 3 (c + p_x + p_y) g (c + p_x + p_y + g) + g^3
 *
 * for any m at all, so that rounding of m costs nothing.
 */
import { columnSquares, rowProducts } from './matrix.ts'
import { centred, meanRow } from './moments.ts'
import type { Features, Rows } from './rows.ts'
import { rowPair } from './rows.ts'

/** Where c is beyond this many times the features' variance, the cube itself would lose two digits and more. */
const COMMON_SHARE = 100

/**
 * KID = mean of k over pairs of different generated rows + the same over reference rows - 2 mean of k over mixed pairs.
 * @param generated [n,d], n >= 2
 * @param reference [m,d], m >= 2
 * @throws `metrics.tooFewImages`, `metrics.dimensions`
 */
export function kernelDistance(generated: Features, reference: Features): number {
  const [x, y] = rowPair(generated, reference, 2)
  const common = commonPart(x, y)
  const [a, b] = [sideOf(x, common), sideOf(y, common)]
  const kernel = common ? centredCubes(common.c) : cubes
  const within = (side: Side) => kernelSum(side, side, kernel, true) / ((side.count * (side.count - 1)) / 2)
  return within(a) + within(b) - (2 * kernelSum(a, b, kernel, false)) / (a.count * b.count)
}

/** Sum of the kernel, or of what of it does not go out, over g and p_y of many rows and p_x of one. */
type KernelRow = (g: Float64Array, px: number, py: Float64Array) => number

const cubes: KernelRow = (g) => {
  let sum = 0
  for (let j = 0; j < g.length; j++) {
    const base = g[j] + 1
    sum += base * base * base
  }
  return sum
}

const centredCubes =
  (c: number): KernelRow =>
  (g, px, py) => {
    let sum = 0
    for (let j = 0; j < g.length; j++) {
      const shift = c + px + py[j]
      sum += 3 * px * py[j] * (c + shift) + g[j] * (3 * shift * (shift + g[j]) + g[j] * g[j])
    }
    return sum
  }

/** What all rows have in common. */
interface Common {
  /** [d] */
  readonly m: Float64Array
  /** 1 + m.m/d */
  readonly c: number
}

/** The mean of all rows of both sides; null where it is small enough for the cube itself. */
function commonPart(x: Rows, y: Rows): Common | null {
  const d = x.dimensions
  const count = x.count + y.count
  const [ofX, ofY] = [meanRow(x), meanRow(y)]
  const m = ofX.map((value, j) => (x.count * value + y.count * ofY[j]) / count)
  const squares = [x, y].map((rows) => columnSquares(centred(rows, m), d).reduce((sum, value) => sum + value, 0))
  const variance = (squares[0] + squares[1]) / (count * d)
  const c = 1 + m.reduce((sum, value) => sum + value * value, 0) / d
  return c > COMMON_SHARE * variance ? { m, c } : null
}

/** Rows without the common part, and what they have of it: p [rows]. */
interface Side extends Rows {
  readonly p: Float64Array
}

function sideOf(rows: Rows, common: Common | null): Side {
  const { count, dimensions: d } = rows
  const p = new Float64Array(count)
  if (!common) return { ...rows, p }
  const { m } = common
  const rest = centred(rows, m)
  for (let i = 0; i < count; i++) {
    let product = 0
    for (let l = 0; l < d; l++) product += m[l] * rest[i * d + l]
    p[i] = product / d
  }
  return { count, dimensions: d, data: rest, p }
}

/** Sum of the kernel over all pairs, or over pairs i < j. */
function kernelSum(a: Side, b: Side, kernel: KernelRow, upperTriangle: boolean): number {
  const d = a.dimensions
  let total = 0
  for (let i = 0; i < a.count; i++) {
    const first = upperTriangle ? i + 1 : 0
    const x = a.data.subarray(i * d, (i + 1) * d)
    const products = rowProducts(x, b.data.subarray(first * d), 1, b.count - first, d)
    for (let j = 0; j < products.length; j++) products[j] /= d
    total += kernel(products, a.p[i], b.p.subarray(first))
  }
  return total
}
