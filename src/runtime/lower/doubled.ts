/**
 * A 3x3 convolution of an image that was doubled by repeating its elements, without the doubled image. In one dimension, with taps
 * w0, w1, w2, the doubled image gives from x
 *
 *     y[2 i]     = w0 x[i - 1] + (w1 + w2) x[i]
 *     y[2 i + 1] = (w0 + w1) x[i] + w2 x[i + 1]
 *
 * two convolutions of two taps at half the size; in two dimensions four of 2x2 taps: 16 products per element of x instead of 36. For its
 * derivatives see foldDoubling.ts of src/graph/passes.
 */
import type { Tensor } from '../../base/index.ts'
import { float32 } from '../../base/index.ts'
import type { ConvLayout, SymbolicTensor } from '../../graph/index.ts'
import { concat, constant, doubledSource, matmul, reshape, split } from '../../graph/index.ts'
import { blockedSource, blockedUpsampleOf, fromBlocked } from './operators.ts'

/** By parity of the output: which taps of three are added up to which tap of two. */
const PHASES = [
  [[0], [1, 2]],
  [[0, 1], [2]],
] as const

/** One of the four convolutions: of which rows and columns of the output, and the zeros around the image. */
interface Phase {
  readonly row: number
  readonly column: number
  readonly pads: readonly number[]
}

/** A convolution of an image before doubling; undefined where it does not fit the blocked layout. */
type Convolve = (half: SymbolicTensor, phase: Phase) => SymbolicTensor | undefined

/** What was doubled in height and width to x, if it was. */
function halfOf(x: SymbolicTensor): SymbolicTensor | undefined {
  const doubled = blockedSource(x)
  const half = doubled && blockedUpsampleOf(doubled, 'nearest', [2, 2])
  return half ? fromBlocked(half) : doubledSource(x)
}

/** Convolution of a doubled image by its four phases, if it is one: they come and the result goes in the blocked layout. */
export function convolveDoubled(
  x: SymbolicTensor,
  { filters, groups, window }: ConvLayout,
  block: number,
  convolve: Convolve,
): SymbolicTensor | undefined {
  const half = halfOf(x)
  const { kernel, strides, dilations, pads } = window
  const isPlain3x3 = String([kernel, strides, dilations, pads]) === '3,3,1,1,1,1,1,1,1,1'
  if (!half || groups !== 1 || !isPlain3x3 || filters % block !== 0) return undefined
  const [batch, , height, width] = half.shape
  const blocks = (batch * filters) / block
  const rows = PHASES.map((_, row) => {
    const columns = PHASES.map((__, column) => {
      const phase = convolve(half, { row, column, pads: [1 - row, 1 - column, row, column] })
      const blocked = phase && blockedSource(phase)
      return blocked && reshape(blocked, [blocks, height, width, block])
    })
    if (columns.some((column) => column === undefined)) return undefined
    return reshape(concat(columns as SymbolicTensor[], 3), [blocks, height, 1, 2 * width * block])
  })
  if (rows.some((row) => row === undefined)) return undefined
  return fromBlocked(reshape(concat(rows as SymbolicTensor[], 2), [batch, filters, 2 * height, 2 * width]))
}

/** The sums of taps: by phase and tap of 2x2 (row-major), which of 3x3 taps are added up. */
const SUMS = PHASES.flatMap((rows) =>
  PHASES.flatMap((columns) =>
    rows.flatMap((ofRow) => columns.map((ofColumn) => ofRow.flatMap((i) => ofColumn.map((j) => 3 * i + j)))),
  ),
)

/** [o,c,3,3] to the [o,c,2,2] of a phase. */
export function phaseWeight({ shape: [o, c], data }: Tensor, { row, column }: Phase): Tensor<'float32'> {
  const sums = SUMS.slice(4 * (2 * row + column)).slice(0, 4)
  const weight = Float32Array.from({ length: o * c * 4 }, (_, i) => {
    const filter = Math.floor(i / 4) * 9
    return sums[i % 4].reduce((sum, tap) => sum + Number(data[filter + tap]), 0)
  })
  return float32(weight, [o, c, 2, 2])
}

/**
 * The same of a weight that changes, for all phases at once and in the blocked layout: blocks of taps are cut where one [o,c,4,4] lies
 * blocked. Phases in order of rows, then columns.
 */
export function blockedPhaseWeights(
  w: SymbolicTensor,
  block: number,
  blockWeight: (w: SymbolicTensor) => SymbolicTensor,
): readonly SymbolicTensor[] {
  const [o, c] = w.shape
  const table = Float32Array.from({ length: 9 * 16 }, (_, i) => (SUMS[i % 16].includes(Math.floor(i / 16)) ? 1 : 0))
  const taps = matmul(reshape(w, [o * c, 9]), constant(float32(table, [9, 16])))
  const blocked = blockWeight(reshape(taps, [o, c, 4, 4]))
  const phases = split(reshape(blocked, [(o * c) / block ** 2, 4, 4 * block ** 2]), [1, 1, 1, 1], 1)
  return phases.map((phase) => reshape(phase, [o, c, 2, 2]))
}
