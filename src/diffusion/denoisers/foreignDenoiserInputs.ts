/**
 * Which input of somebody else's ONNX file is which, by rank and element type, by name only where those leave a choice, or as it is named:
 * the image is the one float input of rank 4; the time a number per image, [b], [b,1], [b,1,1,1], or one for all, [1], []; a class,
 * where the file takes one, integers [b] or [b,1], or a row of them, one-hot, [b,classes]. Every further input is given a constant.
 */
import { didYouMean, inputError, requireRoom } from '../../base/index.ts'
import type { ForeignModel, ForeignValue } from '../../runtime/index.ts'

/** The inputs of a denoising network in a file, and its output. */
export interface DenoiserInputs {
  readonly image: ForeignValue
  readonly time: ForeignValue & { readonly dtype: TimeType }
  /** Null: unconditional. */
  readonly classes: (ForeignValue & { readonly dtype: TimeType }) | null
  readonly output: string
  /** Where its images, in and out, have their channels. Default first, [b,c,h,w]. */
  readonly layout?: ImageLayout
  /** Further inputs, and the number that each is filled with. Default none. */
  readonly constants?: readonly FilledInput[]
}

export const IMAGE_LAYOUTS = ['nchw', 'nhwc'] as const
/** [b,c,h,w] or [b,h,w,c]. */
export type ImageLayout = (typeof IMAGE_LAYOUTS)[number]

export interface FilledInput {
  readonly input: ForeignValue
  readonly value: number
}

/** What is said of a file's inputs and outputs; what is absent is recognised. */
export interface NamedInputs {
  readonly image?: string
  readonly time?: string
  readonly class?: string
  /** Its prediction, of several outputs. */
  readonly output?: string
  readonly layout?: ImageLayout
  /** Numbers for further inputs, by name. */
  readonly constants?: Readonly<Record<string, number>>
}

const CLASS_TYPES = ['int64', 'int32'] as const
const IMAGE_TYPES = ['float32', 'float16', 'float64'] as const
const NUMBER_TYPES = [...CLASS_TYPES, ...IMAGE_TYPES] as const
const FILLED_TYPES: readonly string[] = [...NUMBER_TYPES, 'bool']

/** Element types of a time, and of classes in one-hot rows. */
export type TimeType = (typeof NUMBER_TYPES)[number]

const CLASS_NAME = /class|label|^y$/i
const TIME_NAME = /time|step|sigma|^ts?$/i

/** Most channels of an image, to tell where they are: of colours with transparency, and of the usual latent spaces. */
const MOST_CHANNELS = 4

/** "'x' float32[batch,1,28,28], 't' int64[batch]" */
export function describeValues(values: readonly ForeignValue[]): string {
  const one = ({ name, dtype, shape }: ForeignValue) => `'${name}' ${dtype}[${shape.map((extent) => extent || '?')}]`
  return values.map(one).join(', ')
}

/**
 * Recognises the inputs and the output of a denoising file.
 * @param file what to call it in errors
 * @param named what is said of them
 * @throws `model.inputs` listing the inputs, `model.outputs` listing the outputs
 */
export function recogniseInputs(
  file: string,
  { inputs, outputs }: Pick<ForeignModel, 'inputs' | 'outputs'>,
  named: NamedInputs = {},
): DenoiserInputs {
  const unknown: Unknown = (why, fix) => {
    const rule =
      'one image [b,c,h,w] or [b,h,w,c] of floats, one time [b], [b,1], [b,1,1,1], [1] or [] and at most one class, integers [b] or one-hot [b,classes]'
    return inputError(
      'model.inputs',
      `${file} must take ${rule}; ${why}; its inputs are ${describeValues(inputs)}${fix ? `; ${fix}` : ''}`,
    )
  }
  const constants = constantsOf(file, inputs, named, unknown)
  const filled = new Set(constants.map(({ input }) => input))
  const free = inputs.filter((value) => !filled.has(value))
  const image = imageOf(free, named, unknown)
  const others = free.filter((value) => value !== image)
  const { time, classes } = timeAndClassOf(others, named, unknown)
  const surplus = others.filter((value) => value !== time && value !== classes)
  if (surplus.length > 0) {
    const names = surplus.map(({ name }) => `'${name}'`).join(', ')
    const fix = `give what is left a number, --input ${surplus.map(({ name }) => `${name}=NUMBER`).join(',')}, or say which input is which (${FLAGS})`
    throw unknown(`${names} ${surplus.length === 1 ? 'is' : 'are'} none of these`, fix)
  }
  const output = outputOf(file, outputs, named.output)
  const layout = named.layout ?? layoutOf(image, output)
  return {
    image,
    time,
    classes,
    output: output.name,
    ...(layout === 'nhwc' && { layout }),
    ...(constants.length > 0 && { constants }),
  }
}

type Unknown = (why: string, fix?: string) => Error

const FLAGS = '--input-image, --input-time, --input-class'

/** The input that is named so. @throws `model.inputs` where there is none, or it cannot be that */
function namedAs<T extends ForeignValue>(
  among: readonly ForeignValue[],
  name: string,
  what: string,
  can: (value: ForeignValue) => value is T,
  unknown: Unknown,
): T {
  const found = among.find((value) => value.name === name)
  const known = among.map((value) => value.name)
  if (!found) throw unknown(`it has no input '${name}' for the ${what}${didYouMean(name, known)}`)
  if (!can(found)) throw unknown(`'${name}' cannot be the ${what}`)
  return found
}

function constantsOf(
  file: string,
  inputs: readonly ForeignValue[],
  { constants = {} }: NamedInputs,
  unknown: Unknown,
): FilledInput[] {
  return Object.entries(constants).map(([name, value]) => {
    const input = namedAs(inputs, name, 'constant', isFillable, unknown)
    const whole = !IMAGE_TYPES.some((type) => type === input.dtype)
    if (whole && !Number.isInteger(value)) throw unknown(`'${name}' takes whole numbers, got ${value}`)
    const values = input.shape.reduce<number>((size, extent) => size * (typeof extent === 'number' ? extent : 1), 1)
    requireRoom({ code: 'model.inputs', what: `the input '${name}' of ${file}`, values })
    return { input, value }
  })
}

const isFillable = (value: ForeignValue): value is ForeignValue => FILLED_TYPES.includes(value.dtype)

function isImage(value: ForeignValue): value is ForeignValue {
  return value.shape.length === 4 && IMAGE_TYPES.some((type) => type === value.dtype) && !isNumberEach(value.shape)
}

/** [b,1,1,1]: one number an image. */
const isNumberEach = ([, ...rest]: ForeignValue['shape']): boolean => rest.every((extent) => extent === 1)

function imageOf(free: readonly ForeignValue[], { image: name }: NamedInputs, unknown: Unknown): ForeignValue {
  if (name !== undefined) return namedAs(free, name, 'image', isImage, unknown)
  const images = free.filter(isImage)
  if (images.length === 1) return images[0]
  const fix =
    images.length > 1 ? 'name it with --input-image, and give the others a number, --input NAME=NUMBER' : undefined
  throw unknown(`it has ${images.length} inputs that could be the image`, fix)
}

function isTime(value: ForeignValue): value is DenoiserInputs['time'] {
  const { dtype, shape } = value
  const [, ...rest] = shape
  const isOne = isNumberEach(shape) || (rest.length === 1 && typeof rest[0] === 'string')
  return isOne && NUMBER_TYPES.some((type) => type === dtype)
}

type ClassInput = NonNullable<DenoiserInputs['classes']>

/** Integers, one an image, or rows of a fixed number of classes. */
function isClass(value: ForeignValue): value is ClassInput {
  const { dtype, shape } = value
  const [, ...rest] = shape
  return (
    isOneHot(value) || (shape.length > 0 && isNumberEach([1, ...rest]) && CLASS_TYPES.some((type) => type === dtype))
  )
}

/** Where a class is said to be, it may be a float too. */
const canBeClass = (value: ForeignValue): value is ClassInput =>
  isOneHot(value) || (isTime(value) && value.shape.length > 0)

/** [b,classes] */
export function isOneHot({ dtype, shape }: ForeignValue): boolean {
  const [, classes] = shape
  return shape.length === 2 && typeof classes === 'number' && classes > 1 && NUMBER_TYPES.some((type) => type === dtype)
}

/**
 * The time and the class among inputs. Of two numbers an image the class is found by name or type, the time is the other one; of more both are by
 * their names.
 */
function timeAndClassOf(
  others: readonly ForeignValue[],
  named: NamedInputs,
  unknown: Unknown,
): Pick<DenoiserInputs, 'time' | 'classes'> {
  const time = named.time === undefined ? null : namedAs(others, named.time, 'time', isTime, unknown)
  const classes = named.class === undefined ? null : namedAs(others, named.class, 'class', canBeClass, unknown)
  const left = others.filter((value) => value !== time && value !== classes)
  const rows = left.filter((value) => isOneHot(value) && isClass(value))
  const found = classes ?? (rows.length === 1 ? (rows[0] as ClassInput) : null)
  const numbers = left.filter(isTime)
  if (time) {
    const more = found ?? onlyOne(numbers.filter(isClass), ({ name }) => CLASS_NAME.test(name), left.length === 1)
    return { time, classes: more ?? null }
  }
  if (numbers.length === 0) throw unknown('it has no input for the time')
  if (found) return { time: timeAmong(numbers, unknown), classes: found }
  if (numbers.length === 1) return { time: numbers[0], classes: null }
  if (numbers.length === 2 && left.length === 2) return pairOf(numbers, unknown)
  const byName = onlyOne(numbers.filter(isClass), ({ name }) => CLASS_NAME.test(name), false) ?? null
  return {
    time: timeAmong(
      numbers.filter((value) => value.name !== byName?.name),
      unknown,
    ),
    classes: byName,
  }
}

/** The one of a kind; where there is no choice, whatever its name is. */
const onlyOne = <T extends ForeignValue>(
  values: readonly T[],
  isIt: (value: T) => boolean,
  alone: boolean,
): T | undefined => {
  if (alone && values.length === 1) return values[0]
  const found = values.filter(isIt)
  return found.length === 1 ? found[0] : undefined
}

function timeAmong(numbers: readonly DenoiserInputs['time'][], unknown: Unknown): DenoiserInputs['time'] {
  const time = onlyOne(numbers, ({ name }) => TIME_NAME.test(name), numbers.length === 1)
  if (time) return time
  throw unknown(
    `it has ${numbers.length} inputs that could be the time`,
    `name it with --input-time, and give the others a number, --input NAME=NUMBER`,
  )
}

/** Two candidates: the one named like a class, the one not named like a time, the one of integers beside a float. */
function pairOf(pair: readonly DenoiserInputs['time'][], unknown: Unknown): Pick<DenoiserInputs, 'time' | 'classes'> {
  const rules: readonly ((value: ForeignValue) => boolean)[] = [
    ({ name }) => CLASS_NAME.test(name),
    ({ name }) => !TIME_NAME.test(name),
    isClass,
  ]
  for (const rule of rules) {
    const found = pair.filter((value) => isClass(value) && rule(value))
    const [classes] = found
    if (found.length === 1 && isClass(classes)) return { time: pair[classes === pair[0] ? 1 : 0], classes }
  }
  throw unknown(
    `which of '${pair[0].name}' and '${pair[1].name}' is the class cannot be told`,
    'say it with --input-class, or the time with --input-time',
  )
}

/** @throws `model.outputs` */
function outputOf(file: string, outputs: readonly ForeignValue[], named: string | undefined): ForeignValue {
  const images = outputs.filter(isImage)
  if (named !== undefined) {
    const found = outputs.find(({ name }) => name === named)
    if (found) return found
    const known = outputs.map(({ name }) => name)
    throw inputError(
      'model.outputs',
      `${file} has no output '${named}'${didYouMean(named, known)}; its outputs are ${describeValues(outputs)}`,
    )
  }
  const chosen = images.length === 1 ? images[0] : outputs.length === 1 ? outputs[0] : undefined
  if (chosen) return chosen
  const rule = 'must give one output of the image size, or be told which'
  const fix = images.length > 1 ? '; name its prediction with --model-output' : ''
  throw inputError('model.outputs', `${file} ${rule}; its outputs are ${describeValues(outputs)}${fix}`)
}

/** Channels last, where that alone makes it an image: few of them there, and not few in the place of channels first. */
function layoutOf(image: ForeignValue, output: ForeignValue): ImageLayout {
  const few = (extent: number | string | undefined) => typeof extent === 'number' && extent <= MOST_CHANNELS
  const shapes = [image.shape, ...(output.shape.length === 4 ? [output.shape] : [])]
  const last = shapes.some(({ 3: extent }) => few(extent))
  const first = shapes.some(({ 1: extent }) => few(extent))
  return last && !first ? 'nhwc' : 'nchw'
}
