/** Matrix products. Derivatives avoid transposes where they can: `Gemm` takes both of its matrices either way round. */
import type { Shape } from '../../base/index.ts'
import { sameShape, sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Reference, SymbolicTensor } from '../symbolic.ts'
import { broadcastOffsets, broadcastShape } from './broadcast.ts'
import { isFloat, mul } from './elementwise.ts'
import { reshape, transpose } from './shape.ts'
import { softmax } from './softmax.ts'
import { unbroadcast } from './sum.ts'

/** y[i, j] += scale * sum over k of a b, each matrix given by its offset, row stride and column stride. */
interface MatrixView {
  readonly data: Float64Array
  readonly start: number
  readonly row: number
  readonly column: number
}

function multiplyInto(y: MatrixView, a: MatrixView, b: MatrixView, [m, k, n]: readonly number[]): void {
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      const factor = a.data[a.start + i * a.row + l * a.column]
      const from = b.start + l * b.row
      const to = y.start + i * y.row
      for (let j = 0; j < n; j++) y.data[to + j] += factor * b.data[from + j * b.column]
    }
  }
}

function checkFloat(...inputs: readonly (SymbolicTensor | null)[]): void {
  const [first] = inputs
  if (inputs.some((value) => value && (!isFloat(value) || value.dtype !== first!.dtype))) {
    throw new Error('all inputs must be float, of one element type; use cast')
  }
}

const matmulOperator = defineOperator<Record<string, never>>({
  name: 'MatMul',
  inputs: ['A', 'B'],
  infer([a, b]) {
    checkFloat(a, b)
    if (a!.rank < 2 || b!.rank < 2) throw new Error('both inputs must be matrices or stacks of them (rank at least 2)')
    const [m, k] = a!.shape.slice(-2)
    const [k2, n] = b!.shape.slice(-2)
    if (k !== k2) throw new Error(`the columns of the first (${k}) must be as many as the rows of the second (${k2})`)
    return [{ dtype: a!.dtype, shape: [...broadcastShape(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), m, n] }]
  },
  evaluate([a, b], _, [{ shape }]) {
    const [m, k] = a!.shape.slice(-2)
    const n = shape[shape.length - 1]
    const stack = shape.slice(0, -2)
    const [ia, ib] = [a!, b!].map((value) => broadcastOffsets(value.shape.slice(0, -2), stack))
    const y = new Float64Array(sizeOf(shape))
    ia.forEach((from, i) => {
      const left = { data: a!.data, start: from * m * k, row: k, column: 1 }
      const right = { data: b!.data, start: ib[i] * k * n, row: n, column: 1 }
      multiplyInto({ data: y, start: i * m * n, row: n, column: 1 }, left, right, [m, k, n])
    })
    return [y]
  },
  differentiate({ inputs: [a, b], cotangents: [g], wanted }) {
    return [wanted[0] ? leftCotangent(g!, a!, b!) : null, wanted[1] ? rightCotangent(g!, a!, b!) : null]
  },
})

/** A stack of matrices as one tall matrix. */
function tall(x: SymbolicTensor): SymbolicTensor {
  return reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape[x.rank - 1]])
}

/** g b^T, summed over the stacks that a was broadcast along. */
function leftCotangent(g: SymbolicTensor, a: SymbolicTensor, b: SymbolicTensor): SymbolicTensor {
  if (b.rank === 2) return reshape(gemm(tall(g), b, { transposeB: true }), a.shape)
  return unbroadcast(matmul(g, swapLast(b)), a.shape)
}

/** a^T g, summed over the stacks that b was broadcast along: one product where b is a single matrix. */
function rightCotangent(g: SymbolicTensor, a: SymbolicTensor, b: SymbolicTensor): SymbolicTensor {
  if (b.rank === 2) return gemm(tall(a), tall(g), { transposeA: true })
  return unbroadcast(matmul(swapLast(a), g), b.shape)
}

/** The last two axes swapped. */
function swapLast(x: SymbolicTensor): SymbolicTensor {
  const axes = x.shape.map((_, axis) => axis)
  return transpose(x, [...axes.slice(0, -2), x.rank - 1, x.rank - 2])
}

/** Matrix product [..., m, k] [..., k, n] → [..., m, n]; the axes before the last two broadcast. */
export function matmul(a: SymbolicTensor, b: SymbolicTensor): SymbolicTensor {
  return apply(matmulOperator, [a, b], {})[0]
}

type GemmAttributes = {
  readonly alpha: number
  readonly beta: number
  readonly transA: number
  readonly transB: number
}

/** m, k and n of a Gemm call. @throws Error if the shapes do not fit */
function gemmExtents(a: Shape, b: Shape, { transA, transB }: GemmAttributes): [number, number, number] {
  if (a.length !== 2 || b.length !== 2) throw new Error('the first two inputs must be matrices')
  const [m, k] = transA ? [a[1], a[0]] : a
  const [k2, n] = transB ? [b[1], b[0]] : b
  if (k !== k2) throw new Error(`the inner extents must be equal, got ${k} and ${k2}`)
  return [m, k, n]
}

const gemmOperator = defineOperator<GemmAttributes>({
  name: 'Gemm',
  since: 7,
  inputs: ['A', 'B', 'C?'],
  attributes: {
    alpha: { kind: 'float', default: 1 },
    beta: { kind: 'float', default: 1 },
    transA: { kind: 'int', default: 0 },
    transB: { kind: 'int', default: 0 },
  },
  infer([a, b, c], attributes) {
    checkFloat(a, b, c)
    const [m, , n] = gemmExtents(a!.shape, b!.shape, attributes)
    if (c && !sameShape(broadcastShape(c.shape, [m, n]), [m, n])) {
      throw new Error(`the third input must broadcast to [${m},${n}], got [${c.shape}]`)
    }
    return [{ dtype: a!.dtype, shape: [m, n] }]
  },
  evaluate([a, b, c], attributes, [{ shape }]) {
    const { alpha, beta, transA, transB } = attributes
    const extents = gemmExtents(a!.shape, b!.shape, attributes)
    const view = (x: Reference, turned: number): MatrixView => {
      const [row, column] = turned ? [1, x.shape[1]] : [x.shape[1], 1]
      return { data: x.data, start: 0, row, column }
    }
    const y = new Float64Array(sizeOf(shape))
    multiplyInto({ data: y, start: 0, row: shape[1], column: 1 }, view(a!, transA), view(b!, transB), extents)
    const offsets = c && broadcastOffsets(c.shape, shape)
    return [y.map((value, i) => alpha * value + (c && offsets ? beta * c.data[offsets[i]] : 0))]
  },
  differentiate({ inputs: [a, b, c], cotangents: [g], attributes: { alpha, beta, transA, transB }, wanted }) {
    const da = () =>
      transA
        ? gemm(b!, g!, { alpha, transposeA: transB === 1, transposeB: true })
        : gemm(g!, b!, { alpha, transposeB: transB === 0 })
    const db = () =>
      transB
        ? gemm(g!, a!, { alpha, transposeA: true, transposeB: transA === 1 })
        : gemm(a!, g!, { alpha, transposeA: transA === 0 })
    const dc = () => unbroadcast(beta === 1 ? g! : mul(g!, beta), c!.shape)
    return [wanted[0] ? da() : null, wanted[1] ? db() : null, c && wanted[2] ? dc() : null]
  },
})

/** Options of `gemm`: factors default to 1, nothing is transposed by default. */
export interface GemmOptions {
  readonly alpha?: number
  readonly beta?: number
  readonly transposeA?: boolean
  readonly transposeB?: boolean
  /** Broadcasts to [m, n]. */
  readonly c?: SymbolicTensor
}

/** alpha a b + beta c of matrices [m, k] and [k, n], each given as it is or transposed. */
export function gemm(a: SymbolicTensor, b: SymbolicTensor, options: GemmOptions = {}): SymbolicTensor {
  const { alpha = 1, beta = 1, transposeA = false, transposeB = false, c = null } = options
  const attributes = { alpha, beta, transA: Number(transposeA), transB: Number(transposeB) }
  return apply(gemmOperator, c ? [a, b, c] : [a, b], attributes)[0]
}

/** x weight^T + bias: x [..., in], weight [out, in], bias [out] → [..., out]. */
export function linear(x: SymbolicTensor, weight: SymbolicTensor, bias?: SymbolicTensor): SymbolicTensor {
  const flat = x.rank === 2 ? x : tall(x)
  return reshape(gemm(flat, weight, { transposeB: true, ...(bias && { c: bias }) }), [
    ...x.shape.slice(0, -1),
    weight.shape[0],
  ])
}

/**
 * Scaled dot product attention, softmax(q k^T / sqrt(d)) v (Vaswani et al. 2017, equation 1).
 * @param q [..., n, d]
 * @param k [..., m, d]
 * @param v [..., m, e]
 * @returns [..., n, e]
 */
export function attention(q: SymbolicTensor, k: SymbolicTensor, v: SymbolicTensor): SymbolicTensor {
  const scale = 1 / Math.sqrt(q.shape[q.rank - 1])
  return matmul(softmax(matmul(mul(q, scale), swapLast(k)), -1), v)
}
