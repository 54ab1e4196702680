/** Copies of a tensor, or of its border, put beside it. Made of slices, broadcasting and joins, and so are their derivatives. */
import type { SymbolicTensor } from '../symbolic.ts'
import { concat } from './concat.ts'
import { reshape } from './shape.ts'
import type { Padding } from './slice.ts'
import { slice } from './slice.ts'
import { expand } from './sum.ts'

/** x repeated along each axis, one whole number per axis. */
export function tile(x: SymbolicTensor, repeats: readonly number[]): SymbolicTensor {
  if (repeats.length !== x.rank || !repeats.every((count) => Number.isInteger(count) && count >= 0)) {
    throw new Error(`repeats must be ${x.rank} integers of at least 0, one per axis, got [${repeats}]`)
  }
  const apart = x.shape.flatMap((extent, axis) => (repeats[axis] === 1 ? [extent] : [1, extent]))
  const copied = x.shape.flatMap((extent, axis) => (repeats[axis] === 1 ? [extent] : [repeats[axis], extent]))
  return reshape(
    expand(reshape(x, apart), copied),
    x.shape.map((extent, axis) => extent * repeats[axis]),
  )
}

/** What stands beyond the border: the tensor mirrored about its outermost elements, its outermost elements, or the tensor from its other end. */
export type Border = 'reflect' | 'edge' | 'wrap'

/** Which element of an axis stands at place i, which may lie outside it. */
const ELEMENT_AT: Readonly<Record<Border, (i: number, extent: number) => number>> = {
  reflect(i, extent) {
    const period = Math.max(1, 2 * (extent - 1))
    const at = ((i % period) + period) % period
    return Math.min(at, period - at) % extent
  },
  edge: (i, extent) => Math.min(Math.max(i, 0), extent - 1),
  wrap: (i, extent) => ((i % extent) + extent) % extent,
}

export const isBorder = (name: string): name is Border => Object.hasOwn(ELEMENT_AT, name)

/** Surrounds x with what it holds itself. Each axis is widened by itself, so corners follow. @throws Error on an empty axis that is to be widened */
export function padByBorder(x: SymbolicTensor, { before, after }: Padding, border: Border): SymbolicTensor {
  return x.shape.reduce((value, extent, axis) => {
    if (before[axis] === 0 && after[axis] === 0) return value
    if (extent === 0) throw new Error(`axis ${axis} is empty, so it has nothing to repeat`)
    const at = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ELEMENT_AT[border](from + i, extent))
    const left = runs(at(-before[axis], before[axis]))
    const right = runs(at(extent, after[axis]))
    const part = (run: readonly number[]) => elements(value, axis, run)
    return concat([...left.map(part), value, ...right.map(part)], axis)
  }, x)
}

/** Cuts places into runs that go up by one, go down by one, or stand still. */
function runs(places: readonly number[]): number[][] {
  const all: number[][] = []
  for (const place of places) {
    const run = all.at(-1)
    const step = place - (run?.at(-1) ?? Number.NaN)
    const goesOn = run && Math.abs(step) <= 1 && (run.length === 1 || run[1] - run[0] === step)
    if (goesOn) run.push(place)
    else all.push([place])
  }
  return all
}

function elements(x: SymbolicTensor, axis: number, run: readonly number[]): SymbolicTensor {
  const first = run[0]
  const last = run[run.length - 1]
  if (first === last) return expand(slice(x, { axis, start: first, end: first + 1 }), x.shape.with(axis, run.length))
  if (last > first) return slice(x, { axis, start: first, end: last + 1 })
  return slice(x, { axis, start: first, step: -1, ...(last > 0 && { end: last - 1 }) })
}
