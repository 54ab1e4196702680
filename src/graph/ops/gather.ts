/**
 * Reading and writing by index. Indices are int64, may be negative (counted from the back) and have no derivative; one that is out
 * of range is an error of the device at run time.
 */
import type { Shape } from '../../base/index.ts'
import { failure, sameShape, sizeOf, stridesOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Reference } from '../symbolic.ts'
import { constant, type SymbolicTensor, scalar } from '../symbolic.ts'
import { filledTensor, tensorOf } from '../values.ts'
import { normalAxis } from './broadcast.ts'
import { constantIntegers, reshape } from './shape.ts'
import { expand } from './sum.ts'

/** `none`: the update replaces the element; `add`: it is added, each of several to the same element too. */
export type Reduction = 'none' | 'add'

function checkIndices(indices: SymbolicTensor | null): void {
  if (indices?.dtype !== 'int64') throw new Error('the indices must be int64; use cast')
}

function checkReduction(reduction: string): void {
  if (reduction !== 'none' && reduction !== 'add') throw new Error(`reduction is none or add, got ${reduction}`)
}

/** An index counted from the front. */
function resolve(index: number, extent: number): number {
  const at = index < 0 ? index + extent : index
  if (!(at >= 0 && at < extent)) {
    throw failure('graph.index', `an index must be from ${-extent} to ${extent - 1}, got ${index}`)
  }
  return at
}

const zerosLike = (value: SymbolicTensor, shape: Shape = value.shape) => constant(filledTensor(value.dtype, shape, 0))

/** Extents before, at and after an axis. */
function around(shape: Shape, axis: number): [number, number, number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis], sizeOf(shape.slice(axis + 1))]
}

const gatherOperator = defineOperator<{ readonly axis: number }>({
  name: 'Gather',
  inputs: ['data', 'indices'],
  attributes: { axis: { kind: 'int', default: 0 } },
  infer([x, indices], { axis }) {
    checkIndices(indices)
    return [{ dtype: x!.dtype, shape: x!.shape.toSpliced(normalAxis(axis, x!.rank), 1, ...indices!.shape) }]
  },
  evaluate([x, indices], { axis }) {
    const [outer, extent, inner] = around(x!.shape, normalAxis(axis, x!.shape.length))
    const rows = indices!.data
    const y = new Float64Array(outer * rows.length * inner)
    for (let o = 0, to = 0; o < outer; o++) {
      for (let k = 0; k < rows.length; k++, to += inner) {
        const from = (o * extent + resolve(rows[k], extent)) * inner
        y.set(x!.data.subarray(from, from + inner), to)
      }
    }
    return [y]
  },
  differentiate({ inputs: [x, indices], cotangents: [g], attributes }) {
    const axis = normalAxis(attributes.axis, x!.rank)
    const flat = reshape(g!, x!.shape.with(axis, indices!.size))
    return [scatterAdd(zerosLike(x!), reshape(indices!, [indices!.size]), flat, axis), null]
  },
})

/** x[..., indices, ...]: the axis of x is replaced by the axes of the indices. */
export function gather(x: SymbolicTensor, indices: SymbolicTensor, axis = 0): SymbolicTensor {
  return apply(gatherOperator, [x, indices], { axis })[0]
}

/** For each element of `indices`, the offset in a tensor of `shape` of the element it names along the axis. */
function elementOffsets(indices: Reference, shape: Shape, axis: number): Int32Array {
  const strides = stridesOf(shape)
  const index = new Array<number>(shape.length).fill(0)
  return Int32Array.from(indices.data, (named) => {
    let offset = 0
    for (let i = 0; i < shape.length; i++) offset += strides[i] * (i === axis ? resolve(named, shape[axis]) : index[i])
    for (let i = shape.length - 1; i >= 0 && ++index[i] === indices.shape[i]; i--) index[i] = 0
    return offset
  })
}

function checkElementIndices(x: SymbolicTensor, indices: SymbolicTensor | null, axis: number): void {
  checkIndices(indices)
  const along = normalAxis(axis, x.rank)
  const fits = indices!.rank === x.rank && indices!.shape.every((extent, i) => i === along || extent <= x.shape[i])
  if (!fits)
    throw new Error(`the indices must have the rank of the input and, but along axis ${axis}, no larger extents`)
}

const gatherElementsOperator = defineOperator<{ readonly axis: number }>({
  name: 'GatherElements',
  since: 11,
  inputs: ['data', 'indices'],
  attributes: { axis: { kind: 'int', default: 0 } },
  infer([x, indices], { axis }) {
    checkElementIndices(x!, indices, axis)
    return [{ dtype: x!.dtype, shape: indices!.shape }]
  },
  evaluate([x, indices], { axis }) {
    const offsets = elementOffsets(indices!, x!.shape, normalAxis(axis, x!.shape.length))
    return [Float64Array.from(offsets, (offset) => x!.data[offset])]
  },
  differentiate({ inputs: [x, indices], cotangents: [g], attributes: { axis } }) {
    return [scatterElements(zerosLike(x!), indices!, g!, { axis, reduction: 'add' }), null]
  },
})

/** Per element of the indices, the element of x at the same place but for the axis, where the index says. */
export function gatherElements(x: SymbolicTensor, indices: SymbolicTensor, axis: number): SymbolicTensor {
  return apply(gatherElementsOperator, [x, indices], { axis })[0]
}

/** Writes updates at offsets. */
function scattered(x: Reference, offsets: Int32Array, updates: Reference, reduction: string): Float64Array {
  const y = x.data.slice()
  for (let i = 0; i < offsets.length; i++) {
    y[offsets[i]] = reduction === 'add' ? y[offsets[i]] + updates.data[i] : updates.data[i]
  }
  return y
}

const scatterElementsOperator = defineOperator<{ readonly axis: number; readonly reduction: string }>({
  name: 'ScatterElements',
  since: 11,
  inputs: ['data', 'indices', 'updates'],
  attributes: { axis: { kind: 'int', default: 0 }, reduction: { kind: 'string', default: 'none', since: 16 } },
  infer([x, indices, updates], { axis, reduction }) {
    checkReduction(reduction)
    checkElementIndices(x!, indices, axis)
    if (!sameShape(indices!.shape, updates!.shape) || updates!.dtype !== x!.dtype) {
      throw new Error("the updates must have the shape of the indices and the input's element type")
    }
    return [x!]
  },
  evaluate([x, indices, updates], { axis, reduction }) {
    const offsets = elementOffsets(indices!, x!.shape, normalAxis(axis, x!.shape.length))
    return [scattered(x!, offsets, updates!, reduction)]
  },
  differentiate({ inputs: [, indices, updates], cotangents: [g], attributes: { axis, reduction }, wanted }) {
    const rest = () => scatterElements(g!, indices!, zerosLike(updates!), { axis })
    return [
      wanted[0] ? (reduction === 'add' ? g! : rest()) : null,
      null,
      wanted[2] ? gatherElements(g!, indices!, axis) : null,
    ]
  },
})

/**
 * x with updates written (or added) at the elements that `gatherElements` would read. With reduction `none` no element may be named
 * twice.
 */
export function scatterElements(
  x: SymbolicTensor,
  indices: SymbolicTensor,
  updates: SymbolicTensor,
  { axis = 0, reduction = 'none' }: { readonly axis?: number; readonly reduction?: Reduction } = {},
): SymbolicTensor {
  return apply(scatterElementsOperator, [x, indices, updates], { axis, reduction })[0]
}

/**
 * x[..., indices[k], ...] += updates[..., k, ...] along an axis: the adjoint of `gather`. Rows named several times get each update.
 * @param indices int64 [k]
 * @param updates the shape of x with k at the axis
 */
export function scatterAdd(
  x: SymbolicTensor,
  indices: SymbolicTensor,
  updates: SymbolicTensor,
  axis = 0,
): SymbolicTensor {
  if (axis === 0 && indices.rank === 1) return scatterND(x, reshape(indices, [indices.size, 1]), updates, 'add')
  const along = x.shape.map((_, i) => (i === axis ? indices.size : 1))
  const everywhere = expand(reshape(indices, along), x.shape.with(axis, indices.size))
  return scatterElements(x, everywhere, updates, { axis, reduction: 'add' })
}

/** For each index row of ScatterND or GatherND, the offset of the slice it names. */
function rowOffsets(indices: Reference, shape: Shape): Int32Array {
  const depth = indices.shape[indices.shape.length - 1]
  const strides = stridesOf(shape)
  return Int32Array.from({ length: sizeOf(indices.shape.slice(0, -1)) }, (_, row) => {
    let offset = 0
    for (let i = 0; i < depth; i++) offset += strides[i] * resolve(indices.data[row * depth + i], shape[i])
    return offset
  })
}

/** Offsets of every element of the named slices. */
function sliceOffsets(indices: Reference, shape: Shape): Int32Array {
  const starts = rowOffsets(indices, shape)
  const inner = sizeOf(shape.slice(indices.shape[indices.shape.length - 1]))
  return Int32Array.from({ length: starts.length * inner }, (_, i) => starts[Math.floor(i / inner)] + (i % inner))
}

/** Shape of the slices that rows of indices name. @throws Error if the rows are longer than the input has axes */
function namedShape(x: SymbolicTensor, indices: SymbolicTensor | null): Shape {
  checkIndices(indices)
  const depth = indices!.shape.at(-1) ?? 0
  if (depth < 1 || depth > x.rank) {
    throw new Error(`the last axis of the indices must have from 1 to ${x.rank} entries (the rank of the input)`)
  }
  return [...indices!.shape.slice(0, -1), ...x.shape.slice(depth)]
}

const gatherNDOperator = defineOperator<{ readonly batch_dims: number }>({
  name: 'GatherND',
  since: 11,
  inputs: ['data', 'indices'],
  attributes: { batch_dims: { kind: 'int', default: 0, since: 12 } },
  infer([x, indices], { batch_dims }) {
    if (batch_dims !== 0) throw new Error(`batch_dims other than 0 are not supported, got ${batch_dims}`)
    return [{ dtype: x!.dtype, shape: namedShape(x!, indices) }]
  },
  evaluate([x, indices]) {
    return [Float64Array.from(sliceOffsets(indices!, x!.shape), (offset) => x!.data[offset])]
  },
  differentiate: ({ inputs: [x, indices], cotangents: [g] }) => [scatterND(zerosLike(x!), indices!, g!, 'add'), null],
})

/** The slices of x named by the rows of indices [..., depth]: result [..., rest of x]. */
export function gatherND(x: SymbolicTensor, indices: SymbolicTensor): SymbolicTensor {
  return apply(gatherNDOperator, [x, indices], { batch_dims: 0 })[0]
}

const scatterNDOperator = defineOperator<{ readonly reduction: string }>({
  name: 'ScatterND',
  since: 11,
  inputs: ['data', 'indices', 'updates'],
  attributes: { reduction: { kind: 'string', default: 'none', since: 16 } },
  infer([x, indices, updates], { reduction }) {
    checkReduction(reduction)
    const needed = namedShape(x!, indices)
    if (!sameShape(needed, updates!.shape) || updates!.dtype !== x!.dtype) {
      throw new Error(`the updates must have shape [${needed}] and the input's element type`)
    }
    return [x!]
  },
  evaluate([x, indices, updates], { reduction }) {
    return [scattered(x!, sliceOffsets(indices!, x!.shape), updates!, reduction)]
  },
  differentiate({ inputs: [, indices, updates], cotangents: [g], attributes: { reduction }, wanted }) {
    const rest = () => scatterND(g!, indices!, zerosLike(updates!))
    return [wanted[0] ? (reduction === 'add' ? g! : rest()) : null, null, wanted[2] ? gatherND(g!, indices!) : null]
  },
})

/**
 * x with updates [..., rest of x] written (or added) at the slices named by the rows of indices int64 [..., depth]. With reduction
 * `none` no slice may be named twice.
 */
export function scatterND(
  x: SymbolicTensor,
  indices: SymbolicTensor,
  updates: SymbolicTensor,
  reduction: Reduction = 'none',
): SymbolicTensor {
  return apply(scatterNDOperator, [x, indices, updates], { reduction })[0]
}

const oneHotOperator = defineOperator<{ readonly axis: number }>({
  name: 'OneHot',
  since: 9,
  inputs: ['indices', 'depth', 'values'],
  attributes: { axis: { kind: 'int', default: -1 } },
  infer([indices, depth, values], { axis }) {
    checkIndices(indices)
    const at = normalAxis(axis, indices!.rank + 1)
    const [extent] = constantIntegers(depth, 'the depth')
    if (!(extent >= 1)) throw new Error(`the depth must be at least 1, got ${extent}`)
    return [{ dtype: values!.dtype, shape: indices!.shape.toSpliced(at, 0, extent) }]
  },
  evaluate([indices, , values], { axis }, [{ shape }]) {
    const [, extent, inner] = around(shape, normalAxis(axis, shape.length))
    const [off, on] = values!.data
    const y = new Float64Array(sizeOf(shape)).fill(off)
    indices!.data.forEach((index, i) => {
      const at = index < 0 ? index + extent : index
      if (at >= 0 && at < extent) y[(Math.floor(i / inner) * extent + at) * inner + (i % inner)] = on
    })
    return [y]
  },
})

/** float32 rows of zeros with a one at the index: shape [..., depth] (all zeros where the index is out of range). No derivative. */
export function oneHot(indices: SymbolicTensor, depth: number): SymbolicTensor {
  const values = constant(tensorOf('float32', [2], [0, 1]))
  return apply(oneHotOperator, [indices, scalar(depth, 'int64'), values], { axis: -1 })[0]
}
