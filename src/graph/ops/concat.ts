/** Joining and cutting along an axis: each is the derivative of the other. */
import type { Shape } from '../../base/index.ts'
import { sizeOf } from '../../base/index.ts'
import { apply, defineOperator } from '../operator.ts'
import { constant, type SymbolicTensor } from '../symbolic.ts'
import { filledTensor } from '../values.ts'
import { normalAxis } from './broadcast.ts'
import { constantIntegers, integers } from './shape.ts'
import { slice } from './slice.ts'

/** Copies blocks between one tensor and its parts along an axis: `visit(part, offset in part, offset in whole, length)`. */
function forEachBlock(
  whole: Shape,
  axis: number,
  extents: readonly number[],
  visit: (part: number, inPart: number, inWhole: number, length: number) => void,
): void {
  const inner = sizeOf(whole.slice(axis + 1))
  const outer = sizeOf(whole.slice(0, axis))
  let inWhole = 0
  for (let row = 0; row < outer; row++) {
    extents.forEach((extent, part) => {
      visit(part, row * extent * inner, inWhole, extent * inner)
      inWhole += extent * inner
    })
  }
}

const concatOperator = defineOperator<{ readonly axis: number }>({
  name: 'Concat',
  since: 4,
  inputs: ['inputs...'],
  attributes: { axis: 'int' },
  infer(parts, { axis }) {
    const first = parts[0]!
    const along = normalAxis(axis, first.rank)
    const fits = (part: SymbolicTensor) =>
      part.dtype === first.dtype &&
      part.rank === first.rank &&
      part.shape.every((extent, i) => i === along || extent === first.shape[i])
    if (!parts.every((part) => fits(part!))) {
      throw new Error(`all inputs must have the same element type and the same extents but along axis ${axis}`)
    }
    const total = parts.reduce((sum, part) => sum + part!.shape[along], 0)
    return [{ dtype: first.dtype, shape: first.shape.map((extent, i) => (i === along ? total : extent)) }]
  },
  evaluate(parts, { axis }, [{ shape }]) {
    const along = normalAxis(axis, shape.length)
    const y = new Float64Array(sizeOf(shape))
    const extents = parts.map((part) => part!.shape[along])
    forEachBlock(shape, along, extents, (part, inPart, inWhole, length) => {
      y.set(parts[part]!.data.subarray(inPart, inPart + length), inWhole)
    })
    return [y]
  },
  differentiate({ inputs, cotangents: [g], attributes: { axis }, wanted }) {
    const along = normalAxis(axis, g!.rank)
    const extents = inputs.map((part) => part!.shape[along])
    if (wanted.every(Boolean)) return split(g!, extents, along)
    let start = 0
    return extents.map((extent, i) => {
      start += extent
      return wanted[i] ? slice(g!, { axis: along, start: start - extent, end: start }) : null
    })
  },
})

/** Joins tensors along an axis. */
export function concat(parts: readonly SymbolicTensor[], axis: number): SymbolicTensor {
  return parts.length === 1 ? parts[0] : apply(concatOperator, parts, { axis })[0]
}

const splitOperator = defineOperator<{ readonly axis: number }>({
  name: 'Split',
  since: 13,
  inputs: ['input', 'split'],
  attributes: { axis: { kind: 'int', default: 0 } },
  assumed: { num_outputs: null },
  infer([x, sizes], { axis }) {
    const along = normalAxis(axis, x!.rank)
    const extents = constantIntegers(sizes, 'the sizes')
    const total = extents.reduce((sum, extent) => sum + extent, 0)
    if (total !== x!.shape[along] || extents.some((extent) => extent < 0)) {
      throw new Error(`the sizes must add up to ${x!.shape[along]}, the extent of axis ${axis}, got [${extents}]`)
    }
    return extents.map((extent) => ({
      dtype: x!.dtype,
      shape: x!.shape.map((whole, i) => (i === along ? extent : whole)),
    }))
  },
  evaluate([x], { axis }, types) {
    const along = normalAxis(axis, x!.shape.length)
    const parts = types.map(({ shape }) => new Float64Array(sizeOf(shape)))
    const extents = types.map(({ shape }) => shape[along])
    forEachBlock(x!.shape, along, extents, (part, inPart, inWhole, length) => {
      parts[part].set(x!.data.subarray(inWhole, inWhole + length), inPart)
    })
    return parts
  },
  differentiate({ outputs, cotangents, attributes: { axis } }) {
    const parts = outputs.map((part, i) => cotangents[i] ?? constant(filledTensor(part.dtype, part.shape, 0)))
    return [concat(parts, axis), null]
  },
})

/** Cuts a tensor into parts of the given extents along an axis. */
export function split(x: SymbolicTensor, sizes: readonly number[], axis: number): SymbolicTensor[] {
  return sizes.length === 1 && x.shape[axis] === sizes[0] ? [x] : apply(splitOperator, [x, integers(sizes)], { axis })
}
