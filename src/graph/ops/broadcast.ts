/** Numpy broadcasting: the common shape, and where each element of a result comes from. */
import type { Shape } from '../../base/index.ts'
import { sizeOf, stridesOf } from '../../base/index.ts'

/** The broadcast shape of two shapes. @throws Error if an extent differs and neither is 1 */
export function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const x = a[axis - rank + a.length] ?? 1
    const y = b[axis - rank + b.length] ?? 1
    if (x !== y && x !== 1 && y !== 1) throw new Error(`shapes [${a}] and [${b}] do not broadcast`)
    return x === 1 ? y : x
  })
}

/** For each element of `to`, the offset of the element of `from` that is broadcast there. */
export function broadcastOffsets(from: Shape, to: Shape): Int32Array {
  const strides = stridesOf(from)
  const lead = to.length - from.length
  return stridedOffsets(
    to,
    to.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : strides[axis - lead])),
  )
}

/** For each element of `shape`, in row-major order, its offset in an array with the given strides. */
export function stridedOffsets(shape: Shape, strides: readonly number[], start = 0): Int32Array {
  const offsets = new Int32Array(sizeOf(shape))
  const index = new Array<number>(shape.length).fill(0)
  for (let i = 0, offset = start; i < offsets.length; i++) {
    offsets[i] = offset
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis]
      if (++index[axis] < shape[axis]) break
      offset -= strides[axis] * shape[axis]
      index[axis] = 0
    }
  }
  return offsets
}

/** An axis counted from the front. @throws Error if it is not in [-rank, rank - 1] */
export function normalAxis(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new Error(`an axis of a rank ${rank} tensor is an integer from ${-rank} to ${rank - 1}, got ${axis}`)
  }
  return axis < 0 ? axis + rank : axis
}
