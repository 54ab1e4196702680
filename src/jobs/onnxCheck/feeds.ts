/** What a file's inputs are given: values of a `.npz`, or random ones in the shapes that are asked for. */
import type { NamedTensors, Shape, Tensor } from '../../base/index.ts'
import { inputError, randomStream, requireRoom, sameShape, sizeOf } from '../../base/index.ts'
import type { Graph, SymbolicTensor } from '../../graph/index.ts'
import { tensorOf } from '../../graph/index.ts'
import type { OnnxModel, OnnxValue } from '../../onnx/index.ts'
import { openInputs, shownValue, valueText } from '../show/onnxFile.ts'

/** What comes with a `.npz`, by what it is. */
export interface GivenValues {
  /** By the names of the file's inputs. */
  readonly inputs: NamedTensors
  readonly out?: Tensor
  /** Like `out`. */
  readonly cot?: Tensor
  /** d sum(out cot) / d first input; absent where that is integer. */
  readonly grad?: Tensor
}

/** Extent of a first axis that is open: two images, which a batch that is open by its declaration alone does not take. */
const BATCH = 2

const listed = (values: readonly OnnxValue[]): string =>
  values.map((value) => valueText(shownValue(value))).join(', ') || 'none'

/**
 * Sorts the arrays of a `.npz`: inputs by their names in the file or, as in0, in1, ..., in its order.
 * @throws `onnx.inputs` on arrays that are none of it, and on inputs that it leaves out
 */
export function givenValues(arrays: NamedTensors, model: OnnxModel, source: string): GivenValues {
  const open = openInputs(model)
  const inputs: Record<string, Tensor> = {}
  const { out, cot, grad, ...others } = arrays
  for (const [key, value] of Object.entries(others)) {
    const byName = open.find(({ name }) => name === key)
    const found = byName ?? open[Number(/^in(\d+)$/.exec(key)?.[1] ?? Number.NaN)]
    if (!found || inputs[found.name]) {
      const why = found ? `are two arrays for the input '${found.name}'` : 'is no input of the model'
      throw inputError('onnx.inputs', `'${key}' in ${source} ${why}; its inputs are ${listed(open)}`)
    }
    inputs[found.name] = value
  }
  const missing = open.filter(({ name }) => !inputs[name])
  if (missing.length > 0) {
    throw inputError(
      'onnx.inputs',
      `${source} must hold every input of the model, under its name or as in0, in1, ...; it has none for ${listed(missing)}`,
    )
  }
  if (out && cot && !sameShape(out.shape, cot.shape)) {
    throw inputError('onnx.inputs', `out and cot in ${source} must be alike, got [${out.shape}] and [${cot.shape}]`)
  }
  return { inputs, ...(out && { out }), ...(cot && { cot }), ...(grad && sizeOf(grad.shape) > 0 && { grad }) }
}

/**
 * The shapes of all inputs: as asked for, as given values have them, as the file declares them.
 * @throws `onnx.inputs` where an axis stays open, names are wrong, or what is asked for is not what is given
 */
export function inputShapes(
  model: OnnxModel,
  asked: Readonly<Record<string, Shape>>,
  given: NamedTensors,
): Record<string, Shape> {
  const open = openInputs(model)
  const unknown = Object.keys(asked).find((name) => !open.some((one) => one.name === name))
  if (unknown !== undefined) {
    throw inputError('onnx.inputs', `the model has no input '${unknown}'; its inputs are ${listed(open)}`)
  }
  return Object.fromEntries(open.map((value) => [value.name, shapeOf(value, asked[value.name], given[value.name])]))
}

function shapeOf(value: OnnxValue, asked: Shape | undefined, given: Tensor | undefined): Shape {
  const { name, axes } = value
  if (asked && given && !sameShape(asked, given.shape)) {
    throw inputError('onnx.inputs', `the input '${name}' is asked for as [${asked}] and given as [${given.shape}]`)
  }
  const shape =
    asked ?? given?.shape ?? axes?.map((extent, axis) => (axis === 0 && typeof extent === 'string' ? BATCH : extent))
  if (!shape?.every((extent) => typeof extent === 'number')) {
    throw inputError(
      'onnx.inputs',
      `the input ${valueText(shownValue(value))} leaves its shape open; give it, such as --shape '${name}=${axes ? axes.map((e, i) => (typeof e === 'number' ? e : i === 0 ? 2 : 32)) : '2,3,32,32'}'`,
    )
  }
  requireRoom({ code: 'onnx.inputs', what: `the input '${name}' [${shape}]`, values: sizeOf(shape) })
  return shape
}

/** What every input of a decoded graph is given. */
export function feedsFor(graph: Graph, given: NamedTensors, seed: number): Record<string, Tensor> {
  const entries = Object.entries(graph.inputs).map(([name, value], item) => {
    const numbers = given[name] ? Float64Array.from(given[name].data, Number) : randomNumbers(value, seed, item)
    return [name, tensorOf(value.dtype, value.shape, numbers)] as const
  })
  return Object.fromEntries(entries)
}

/**
 * Standard normal; of lists of numbers (a time for each image) uniform in (0, 1), as noise levels are above 0 and networks take their logarithm; of
 * whole numbers 0 and 1, which any table has.
 */
function randomNumbers({ dtype, shape, rank }: SymbolicTensor, seed: number, item: number): Float64Array {
  const random = randomStream({ seed, purpose: 'onnx input', item })
  const numbers = new Float64Array(sizeOf(shape))
  if (!dtype.startsWith('float')) return numbers.map(() => random.integer(2))
  return rank > 1 ? random.normal(numbers) : numbers.map(() => 0.01 + 0.98 * random.uniform())
}
