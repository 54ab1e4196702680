/**
 * What somebody else's ONNX file is fed and gives, in its own layouts and element types: images with their channels last, times of any shape, classes as
 * numbers or one-hot rows, constants.
 */
import type { Shape, Tensor } from '../../base/index.ts'
import { filled, sizeOf, tensor } from '../../base/index.ts'
import type { ForeignValue } from '../../runtime/index.ts'
import type { Images } from '../denoiser.ts'
import type { DenoiserInputs } from './foreignDenoiserInputs.ts'
import { isOneHot } from './foreignDenoiserInputs.ts'

/** Of a run: images [b,c,h,w], what the file is told for a time, and a class per image where it takes one. */
export interface Asked {
  readonly x: Images
  readonly told: number
  readonly condition: Int32Array | undefined
}

/** Inputs of the file by name, in arrays of their own: the engine reads them later, and the caller may fill its own anew at once. */
export function feedsFor(inputs: DenoiserInputs, { x, told, condition }: Asked): Record<string, Tensor> {
  const { image, time, classes, layout, constants = [] } = inputs
  const [count] = x.shape
  return {
    [image.name]: imagesFor(image, x, layout),
    [time.name]: repeated(time.dtype, shapeFor(time, count), told),
    ...(classes && condition && { [classes.name]: classesFor(classes, condition) }),
    ...Object.fromEntries(
      constants.map(({ input, value }) => [input.name, repeated(input.dtype, shapeFor(input, count), value)]),
    ),
  }
}

/** Images in the layout and element type of a value of the file. */
export function imagesFor({ dtype }: Pick<ForeignValue, 'dtype'>, x: Images, layout: DenoiserInputs['layout']): Tensor {
  const { shape, data } = x
  const own = dtype === 'float64' ? Float64Array.from(data) : Float32Array.from(data)
  const axes = layout === 'nhwc' ? channelsLast(shape) : shape
  const values = layout === 'nhwc' ? swapped(own, [shape[0], shape[1], shape[2] * shape[3]]) : own
  return values instanceof Float64Array ? tensor('float64', axes, values) : tensor('float32', axes, values)
}

const channelsLast = ([count, channels, height, width]: Shape): Shape => [count, height, width, channels]

/** A file's output as float32 images with their channels first. */
export function imagesFrom({ dtype, shape, data }: Tensor, layout: DenoiserInputs['layout']): Tensor<'float32'> | null {
  if (shape.length !== 4 || (dtype !== 'float32' && dtype !== 'float64')) return null
  const values = data instanceof Float32Array ? data : Float32Array.from(data as Float64Array)
  if (layout !== 'nhwc') return tensor('float32', shape, values)
  const [count, height, width, channels] = shape
  return tensor('float32', [count, channels, height, width], swapped(values, [count, height * width, channels]))
}

/** [n,a,b] as [n,b,a]; the same array where one of both is 1, since nothing moves. */
function swapped<T extends Float32Array | Float64Array>(data: T, [n, a, b]: readonly [number, number, number]): T {
  if (a === 1 || b === 1) return data
  const out = data.slice() as T
  for (let item = 0; item < n; item++) {
    const from = item * a * b
    for (let i = 0; i < a; i++) for (let j = 0; j < b; j++) out[from + j * a + i] = data[from + i * b + j]
  }
  return out
}

/** The shape of an input for `count` images: an open first axis is the batch, the others are 1. */
const shapeFor = ({ shape }: ForeignValue, count: number): number[] =>
  shape.map((extent, axis) => (typeof extent === 'number' ? extent : axis === 0 ? count : 1))

/** A class an image as the file takes it; in one-hot rows the one past the last is a row of zeros. */
function classesFor(classes: NonNullable<DenoiserInputs['classes']>, condition: Int32Array): Tensor {
  const { dtype, shape } = classes
  if (!isOneHot(classes)) return numbers(dtype, shapeFor(classes, condition.length), condition)
  const width = Number(shape[1])
  const rows = new Float64Array(condition.length * width)
  for (const [i, label] of condition.entries()) if (label < width) rows[i * width + label] = 1
  return numbers(dtype, [condition.length, width], rows)
}

const repeated = (dtype: string, shape: Shape, value: number): Tensor =>
  dtype === 'float32' || dtype === 'float16'
    ? filled(shape, value)
    : numbers(dtype, shape, new Float64Array(sizeOf(shape)).fill(value))

/** Numbers in an element type; of float16 the runtime takes float32. */
function numbers(dtype: string, shape: Shape, values: Int32Array | Float64Array): Tensor {
  if (dtype === 'int64') return tensor('int64', shape, BigInt64Array.from(values, BigInt))
  if (dtype === 'int32') return tensor('int32', shape, Int32Array.from(values))
  if (dtype === 'bool')
    return tensor(
      'bool',
      shape,
      Uint8Array.from(values, (value) => Number(value !== 0)),
    )
  if (dtype === 'float64') return tensor('float64', shape, Float64Array.from(values))
  return tensor('float32', shape, Float32Array.from(values))
}
