/**
 * A 3x3 convolution of an image that was doubled by repeating its elements, without the doubled image. In one dimension, with taps
 * w0, w1, w2, the doubled image gives from x
 *
 *     y[2 i]     = w0 x[i - 1] + (w1 + w2) x[i]
 *     y[2 i + 1] = (w0 + w1) x[i] + w2 x[i + 1]
 *
 * two convolutions of two taps at half the size; in two dimensions four of 2x2 taps: 16 products per element of x instead of 36.
 */
import type { Tensor } from '../../base/index.ts'
import { float32 } from '../../base/index.ts'
import type { ConvAttributes, SymbolicTensor } from '../../graph/index.ts'
import { concat, convLayout, reshape } from '../../graph/index.ts'
import type { BlockSize } from './operators.ts'
import { blockedSource, blockedUpsampleOf, fromBlocked } from './operators.ts'

/** By parity of the output: which taps of three are added up to which tap of two. */
const PHASES = [
  [[0], [1, 2]],
  [[0, 1], [2]],
] as const

/** What `frozenForward` is: the convolution of an image by a constant weight and bias. */
type Convolve = (x: SymbolicTensor, weight: Tensor, attributes: ConvAttributes) => SymbolicTensor | undefined

/** Conv of a doubled image with a constant weight; undefined if it is none. */
export function convolveDoubled(
  x: SymbolicTensor,
  weight: Tensor,
  attributes: ConvAttributes,
  block: BlockSize,
  convolve: Convolve,
): SymbolicTensor | undefined {
  const doubled = blockedSource(x)
  const half = doubled && blockedUpsampleOf(doubled, 'nearest', [2, 2])
  const { filters, groups, window } = convLayout(x.shape, weight.shape, attributes)
  const { kernel, strides, dilations, pads } = window
  const isPlain3x3 = String([kernel, strides, dilations, pads]) === '3,3,1,1,1,1,1,1,1,1'
  if (!block || !half || groups !== 1 || !isPlain3x3 || filters % block !== 0) return undefined
  const [batch, , height, width] = half.shape
  const blocks = (batch * filters) / block
  const rows = PHASES.map((_, p) => {
    const columns = PHASES.map((__, q) => {
      const pads = [1 - p, 1 - q, p, q]
      const phase = convolve(fromBlocked(half), phaseWeight(weight, p, q), { ...attributes, pads })
      const blocked = phase && blockedSource(phase)
      return blocked && reshape(blocked, [blocks, height, width, block])
    })
    if (columns.some((column) => column === undefined)) return undefined
    return reshape(concat(columns as SymbolicTensor[], 3), [blocks, height, 1, 2 * width * block])
  })
  if (rows.some((row) => row === undefined)) return undefined
  return fromBlocked(reshape(concat(rows as SymbolicTensor[], 2), [batch, filters, 2 * height, 2 * width]))
}

/** [o,c,3,3] to the [o,c,2,2] of rows of parity p and columns of parity q. */
function phaseWeight({ shape: [o, c], data }: Tensor, p: number, q: number): Tensor<'float32'> {
  const weight = new Float32Array(o * c * 4)
  for (let filter = 0; filter < o * c; filter++) {
    PHASES[p].forEach((ofRow, a) => {
      PHASES[q].forEach((ofColumn, b) => {
        let sum = 0
        for (const i of ofRow) for (const j of ofColumn) sum += Number(data[filter * 9 + 3 * i + j])
        weight[filter * 4 + 2 * a + b] = sum
      })
    })
  }
  return float32(weight, [o, c, 2, 2])
}
