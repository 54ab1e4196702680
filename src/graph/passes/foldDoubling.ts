/**
 * Derivatives of a 3x3 convolution of an image that was doubled by repeating its elements, without the doubled image. In one dimension,
 * for the cotangent g of the result and taps w0, w1, w2, the cotangent of the image before doubling is
 *
 *     dx[j] = sum over t of w[t] (g[2 j + 1 - t] + g[2 j + 2 - t]),
 *
 * a convolution of g at stride 2 with the four taps w2, w1 + w2, w0 + w1, w0. The cotangent of these is the weight gradient of that
 * convolution with x in the place of its cotangent, and that of w follows by the same sums. In two dimensions either takes 16 products
 * for an element of x instead of 36.
 */
import { float32 } from '../../base/index.ts'
import type { Graph } from '../graph.ts'
import { rewrite } from '../graph.ts'
import { conv } from '../ops/conv.ts'
import { convWeightGradient } from '../ops/convWeightGradient.ts'
import { matmul } from '../ops/matmul.ts'
import { reshape, transpose } from '../ops/shape.ts'
import type { Node, SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import { madeBy } from './uses.ts'

type Inputs = readonly (SymbolicTensor | null)[]
type Rule = (inputs: Inputs, node: Node) => SymbolicTensor | undefined

/** By place among the four taps: the taps of w that are added up there. */
const SUMS: readonly (readonly number[])[] = [[2], [1, 2], [0, 1], [0]]

/** [9, 16], from 3x3 taps to 4x4. */
const toFour = () =>
  constant(
    float32(
      table(9, 16, (three, four) => isSummed(three, four)),
      [9, 16],
    ),
  )

/** [16, 9], its transpose. */
const toThree = () =>
  constant(
    float32(
      table(16, 9, (four, three) => isSummed(three, four)),
      [16, 9],
    ),
  )

const isSummed = (three: number, four: number): boolean =>
  SUMS[Math.floor(four / 4)].includes(Math.floor(three / 3)) && SUMS[four % 4].includes(three % 3)

const table = (rows: number, columns: number, holds: (row: number, column: number) => boolean): Float32Array =>
  Float32Array.from({ length: rows * columns }, (_, i) => (holds(Math.floor(i / columns), i % columns) ? 1 : 0))

/** What was doubled in height and width to x, if it was. */
export function doubledSource(x: SymbolicTensor | null): SymbolicTensor | undefined {
  const doubling = madeBy(x, 'UpsampleNearest', 'composite')
  return isTwoByTwo(doubling) ? (doubling?.inputs[0] ?? undefined) : undefined
}

const isTwoByTwo = (doubling: Node | undefined): boolean => String(doubling?.attributes.scales) === '2,2'

/** Whether a convolution of an image keeps its extents with 3x3 taps. */
function keepsExtents(kernel: readonly number[], { attributes }: Node): boolean {
  const { strides, dilations, pads, group } = attributes
  return String([kernel, strides, dilations, pads, group]) === '3,3,1,1,1,1,1,1,1,1,1'
}

/** The convolution of the cotangent that gives that of the image before doubling. */
const AT_STRIDE_2 = { strides: 2, padding: 1 } as const

const inputGradient: Rule = ([x], node) => {
  const inner = madeBy(x, 'ConvInputGradient', 'composite')
  const [w, g] = inner?.inputs ?? []
  if (!inner || !w || !g || !isTwoByTwo(node) || !keepsExtents(w.shape.slice(2), inner)) return undefined
  const [filters, channels] = w.shape
  const taps = matmul(reshape(transpose(w, [1, 0, 2, 3]), [channels * filters, 9]), toFour())
  return conv(g, reshape(taps, [channels, filters, 4, 4]), AT_STRIDE_2)
}

const weightGradient: Rule = ([x, g], node) => {
  const source = doubledSource(x)
  const shape = node.attributes.weight_shape as readonly number[]
  if (!source || !g || !keepsExtents(shape.slice(2), node)) return undefined
  const [filters, channels] = shape
  const weight_shape = [channels, filters, 4, 4]
  const taps = convWeightGradient(g, source, {
    weight_shape,
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    dilations: [1, 1],
    group: 1,
  })
  return reshape(matmul(reshape(transpose(taps, [1, 0, 2, 3]), [filters * channels, 16]), toThree()), shape)
}

const RULES: Readonly<Record<string, Rule>> = {
  UpsampleNearestGradient: inputGradient,
  ConvWeightGradient: weightGradient,
}

/** Takes doubling out of the derivatives of the convolutions that follow it. */
export function foldDoubling<I extends string, O extends string>(graph: Graph<I, O>): Graph<I, O> {
  return rewrite(graph, (node, inputs) => {
    const { domain, name } = node.operator
    const folded = domain === 'composite' ? RULES[name]?.(inputs, node) : undefined
    return folded && [folded]
  })
}
