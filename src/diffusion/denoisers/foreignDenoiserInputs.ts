/**
 * Which input of somebody else's ONNX file is which, by rank and element type, by name only where those leave a choice:
 * the image is the one float input of rank 4; the time a number per image, [b], [b,1], or one for all, [1], []; a class,
 * where the file takes one, integers [b].
 */
import { inputError } from '../../base/index.ts'
import type { ForeignModel, ForeignValue } from '../../runtime/index.ts'

/** The inputs of a denoising network in a file, and its output. */
export interface DenoiserInputs {
  readonly image: ForeignValue
  readonly time: ForeignValue & { readonly dtype: TimeType }
  /** Null: unconditional. */
  readonly classes: (ForeignValue & { readonly dtype: ClassType }) | null
  readonly output: string
}

const CLASS_TYPES = ['int64', 'int32'] as const
const TIME_TYPES = [...CLASS_TYPES, 'float32', 'float64'] as const

export type ClassType = (typeof CLASS_TYPES)[number]
export type TimeType = (typeof TIME_TYPES)[number]

const CLASS_NAME = /class|label|^y$/i
const TIME_NAME = /time|step|sigma|^ts?$/i

/** "'x' float32[batch,1,28,28], 't' int64[batch]" */
export function describeValues(values: readonly ForeignValue[]): string {
  const one = ({ name, dtype, shape }: ForeignValue) => `'${name}' ${dtype}[${shape.map((extent) => extent || '?')}]`
  return values.map(one).join(', ')
}

/**
 * Recognises the inputs and the output of a noise-predicting file.
 * @param file what to call it in errors
 * @throws `model.inputs` listing the inputs, `model.outputs` listing the outputs
 */
export function recogniseInputs(file: string, { inputs, outputs }: ForeignModel): DenoiserInputs {
  const unknown = (why: string) => {
    const rule = 'one float32 image [b,c,h,w], one time [b], [b,1], [1] or [] and at most one integer class [b]'
    return inputError('model.inputs', `${file} must take ${rule}; ${why}; its inputs are ${describeValues(inputs)}`)
  }
  const images = inputs.filter(({ dtype, shape }) => dtype === 'float32' && shape.length === 4)
  if (images.length !== 1) throw unknown(`it has ${images.length} inputs that could be the image`)
  const others = inputs.filter((value) => value !== images[0])
  const times = others.filter(isTime)
  if (times.length < others.length) {
    throw unknown(
      `'${others.find((value) => !isTime(value))!.name}' is none of these: a file that needs more cannot be used`,
    )
  }
  if (times.length === 0) throw unknown('it has no input for the time')
  if (times.length > 2) throw unknown(`it has ${times.length} inputs that could be the time`)
  const [time, classes] = times.length === 1 ? [times[0], null] : timeAndClass(times, unknown)
  return { image: images[0], time, classes, output: outputOf(file, outputs) }
}

function isTime(value: ForeignValue): value is DenoiserInputs['time'] {
  const { dtype, shape } = value
  const isOne = shape.length < 2 || (shape.length === 2 && (shape[1] === 1 || typeof shape[1] === 'string'))
  return isOne && TIME_TYPES.some((type) => type === dtype)
}

function isClass(value: ForeignValue): value is NonNullable<DenoiserInputs['classes']> {
  return value.shape.length === 1 && CLASS_TYPES.some((type) => type === value.dtype)
}

/** Two candidates: the one named like a class, the one not named like a time, the one of integers beside a float. */
function timeAndClass(
  pair: readonly DenoiserInputs['time'][],
  unknown: (why: string) => Error,
): [DenoiserInputs['time'], NonNullable<DenoiserInputs['classes']>] {
  const rules: readonly ((value: ForeignValue) => boolean)[] = [
    ({ name }) => CLASS_NAME.test(name),
    ({ name }) => !TIME_NAME.test(name),
    isClass,
  ]
  for (const rule of rules) {
    const found = pair.filter((value) => isClass(value) && rule(value))
    const [classes] = found
    if (found.length === 1 && isClass(classes)) return [pair[classes === pair[0] ? 1 : 0], classes]
  }
  throw unknown(`which of '${pair[0].name}' and '${pair[1].name}' is the class cannot be told; name it class_labels`)
}

function outputOf(file: string, outputs: readonly ForeignValue[]): string {
  const images = outputs.filter(({ dtype, shape }) => dtype === 'float32' && shape.length === 4)
  const chosen = images.length === 1 ? images[0] : outputs.length === 1 ? outputs[0] : undefined
  if (chosen) return chosen.name
  const rule = 'give one float32 output of the image size'
  throw inputError('model.outputs', `${file} must ${rule}; its outputs are ${describeValues(outputs)}`)
}
