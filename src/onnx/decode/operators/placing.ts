/** Elements put back into larger tensors: maxima where they were found, columns of windows, a part in the middle. */
import { sizeOf } from '../../../base/index.ts'
import type { SliceRange, SymbolicTensor } from '../../../graph/index.ts'
import {
  cast,
  constant,
  convTranspose,
  filledTensor,
  pad,
  reshape,
  scatterElements,
  slice,
  tensorOf,
} from '../../../graph/index.ts'
import type { ImporterTable, NodeCall } from '../importer.ts'
import { numbersOf, refused, required } from '../importer.ts'

/** The inverse of MaxPool: each element at its place in a tensor of zeros. */
function unpooled(call: NodeCall): SymbolicTensor[] {
  const [x, indices] = [required(call, 0, 'X'), required(call, 1, 'I')]
  const { attributes } = call
  const kernel = attributes.ints('kernel_shape')
  const strides = attributes.ints(
    'strides',
    kernel.map(() => 1),
  )
  const pads = attributes.ints(
    'pads',
    kernel.flatMap(() => [0, 0]),
  )
  const [batch, channels, ...pooled] = x.shape
  const space = pooled.map(
    (extent, axis) => (extent - 1) * strides[axis] - pads[axis] - pads[kernel.length + axis] + kernel[axis],
  )
  const shape = [batch, channels, ...space]
  const wanted = numbersOf(call.inputs[2], 'output_shape') ?? shape
  const zeros = constant(filledTensor(x.dtype, [sizeOf(shape)], 0))
  const flat = scatterElements(zeros, cast(reshape(indices, [x.size]), 'int64'), reshape(x, [x.size]), { axis: 0 })
  const after = wanted.map((extent, axis) => extent - shape[axis])
  if (after.some((width) => width < 0)) throw refused(`its output_shape must be at least [${shape}], got [${wanted}]`)
  return [pad(reshape(flat, shape), { before: shape.map(() => 0), after })]
}

/** The adjoint of cutting an image into windows: [b, c taps, windows] is added up to [b, c, ...image], a transposed convolution that copies. */
function folded(call: NodeCall): SymbolicTensor[] {
  const x = required(call, 0, 'input')
  const image = numbersOf(required(call, 1, 'image_shape'), 'image_shape') ?? []
  const kernel = numbersOf(required(call, 2, 'block_shape'), 'block_shape') ?? []
  const { attributes } = call
  const ones = image.map(() => 1)
  const [strides, dilations] = [attributes.ints('strides', ones), attributes.ints('dilations', ones)]
  const pads = attributes.ints(
    'pads',
    image.flatMap(() => [0, 0]),
  )
  const axes = image.length
  const taps = sizeOf(kernel)
  const channels = x.shape[1] / taps
  const covered = kernel.map((extent, axis) => dilations[axis] * (extent - 1) + 1)
  const room = image.map((extent, axis) => extent + pads[axis] + pads[axes + axis] - covered[axis])
  const windows = room.map((extent, axis) => Math.floor(extent / strides[axis]) + 1)
  if (x.rank !== 3 || !Number.isInteger(channels) || sizeOf(windows) !== x.shape[2]) {
    throw refused(`it takes [b, c ${taps}, ${sizeOf(windows)}], taps and windows of the image, got [${x.shape}]`)
  }
  // One filter a tap, a one where it stands.
  const weight = Float64Array.from({ length: channels * taps * taps }, (_, i) =>
    Number(i % taps === Math.floor(i / taps) % taps),
  )
  return [
    convTranspose(
      reshape(x, [x.shape[0], x.shape[1], ...windows]),
      constant(tensorOf(x.dtype, [channels * taps, 1, ...kernel], weight)),
      {
        strides,
        dilations,
        padding: pads,
        groups: channels,
        outputPadding: room.map((extent, axis) => extent - strides[axis] * (windows[axis] - 1)),
      },
    ),
  ]
}

/** Cut off or widened by zeros on both sides to the wanted extents, the odd one at the end. */
function centred(call: NodeCall): SymbolicTensor[] {
  const x = required(call, 0, 'input_data')
  const wanted = numbersOf(required(call, 1, 'shape'), 'shape') ?? []
  const axes = call.attributes
    .ints(
      'axes',
      x.shape.map((_, axis) => axis),
    )
    .map((axis) => (axis < 0 ? axis + x.rank : axis))
  const target = x.shape.map((extent, axis) => (axes.includes(axis) ? wanted[axes.indexOf(axis)] : extent))
  const ranges = x.shape.flatMap((extent, axis): SliceRange[] => {
    const start = Math.floor((extent - target[axis]) / 2)
    return extent > target[axis] ? [{ axis, start, end: start + target[axis] }] : []
  })
  const widths = x.shape.map((extent, axis) => Math.max(0, target[axis] - extent))
  const before = widths.map((width) => Math.floor(width / 2))
  return [pad(slice(x, ranges), { before, after: widths.map((width, axis) => width - before[axis]) })]
}

export const placing: ImporterTable = { MaxUnpool: unpooled, Col2Im: folded, CenterCropPad: centred }
