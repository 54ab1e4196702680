/**
 * Somebody else's ONNX file as a `Denoiser`: run as it is, with a stated schedule and no derivative. Told times are its own
 * training times 0..T-1 (0 = least noise), given in whatever element type and shape the file takes.
 */
import type { Shape, Tensor } from '../../base/index.ts'
import { BilevelError, fileName, filled, inputError, MOST, sameShape, sizeOf, tensor } from '../../base/index.ts'
import type { DeviceOptions, ForeignModel, ForeignValue } from '../../runtime/index.ts'
import { openModel } from '../../runtime/index.ts'
import type { Denoiser, Images, Prediction } from '../denoiser.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { ClassType, DenoiserInputs, TimeType } from './foreignDenoiserInputs.ts'
import { describeValues, recogniseInputs } from './foreignDenoiserInputs.ts'

export interface ForeignDenoiserOptions extends DeviceOptions {
  /** Path of an `.onnx` file, or its bytes. */
  readonly model: string | Uint8Array
  /** The schedule it was trained with: how many times there are. */
  readonly noiseSchedule: Pick<NoiseSchedule, 'timesteps'>
  /** Images per run where the file leaves the batch open. Default: any number. */
  readonly batch?: number
  /** [channels, height, width], needed where the file leaves them open. */
  readonly imageShape?: Shape
  /** What the network predicts. Default `noise`. */
  readonly prediction?: Prediction
  /** The file is told `timeScale` x time: 1/T for one that takes a fraction. Default 1; files with float times only. */
  readonly timeScale?: number
}

/** A `Denoiser` without derivative over a loaded file. */
export interface ForeignDenoiser extends Denoiser {
  readonly differentiable: false
  /** Whether it takes a class, which must then be given: nobody but its author knows a null class. */
  readonly conditional: boolean
  /** Its inputs and output, for those who call the file elsewhere. */
  readonly inputs: DenoiserInputs
  /** Frees the model. */
  dispose(): Promise<void>
}

/** Images of the trial run where the file leaves the batch open: with one alone, a batch that is no batch would go unnoticed. */
const TRIAL_BATCH = 2

/**
 * Opens a file, recognises its inputs and runs it once, at time T-1.
 * @throws `onnx.open`; `model.inputs`, `model.outputs` listing what the file has; `model.batch`, `model.imageShape`,
 * `model.timeScale` where the options do not fit it; `model.run` if it does not run so
 * @example
 * const { schedule } = await loadScheduler('scheduler_config.json')
 * const denoiser = await openForeignDenoiser({ model: 'unet.onnx', noiseSchedule: schedule, batch: 64 })
 */
export async function openForeignDenoiser(options: ForeignDenoiserOptions): Promise<ForeignDenoiser> {
  const { model: source, device, threads } = options
  const model = await openModel(source, { ...(device && { device }), ...(threads && { threads }) })
  const file = typeof source === 'string' ? fileName(source) : 'the model'
  try {
    const denoiser = new FileDenoiser(file, model, options)
    await denoiser.trial()
    return denoiser
  } catch (error) {
    await model.dispose()
    throw error
  }
}

class FileDenoiser implements ForeignDenoiser {
  readonly differentiable = false
  readonly prediction: Prediction
  readonly times: 'integer' | 'real'
  readonly imageShape: Shape
  readonly conditional: boolean
  readonly inputs: DenoiserInputs
  readonly batch?: number
  readonly #file: string
  readonly #model: ForeignModel
  readonly #timesteps: number
  readonly #timeScale: number

  constructor(file: string, model: ForeignModel, options: ForeignDenoiserOptions) {
    const inputs = recogniseInputs(file, model)
    const { prediction = 'noise', timeScale = 1, noiseSchedule } = options
    this.#file = file
    this.#model = model
    this.inputs = inputs
    this.#timesteps = noiseSchedule.timesteps
    this.#timeScale = timeScale
    this.prediction = prediction
    this.times = inputs.time.dtype.startsWith('int') ? 'integer' : 'real'
    this.conditional = inputs.classes !== null
    this.imageShape = imageShapeOf(file, inputs.image, options.imageShape)
    const batch = batchOf(file, inputs, options.batch)
    if (batch !== undefined) this.batch = batch
    if (this.times === 'integer' && timeScale !== 1) {
      const fix = 'leave timeScale out'
      throw inputError('model.timeScale', `${file} takes integer times, which have no scale, got ${timeScale}; ${fix}`)
    }
  }

  /** Runs once on zeros, so that what does not fit is said at once: the sizes, and a table of times shorter than the schedule. */
  async trial(): Promise<void> {
    const count = this.batch ?? TRIAL_BATCH
    const time = this.#timesteps - 1
    const classes = this.conditional ? new Int32Array(count) : undefined
    try {
      await this.predict(filled([count, ...this.imageShape]), time, classes)
    } catch (cause) {
      if (cause instanceof BilevelError && cause.kind === 'input') throw cause
      const came = `${count} images of [${this.imageShape}] at time ${time}, the last of the schedule`
      const why = `${(cause as Error).message}; its inputs are ${describeValues(this.#model.inputs)}`
      const fix = 'check the schedule, the image size and the batch'
      throw inputError('model.run', `${this.#file} must run on ${came}: ${why}; ${fix}`, { cause })
    }
  }

  async predict(x: Images, time: number, condition?: Int32Array): Promise<Images> {
    const count = x.shape[0]
    this.#check(x, time, condition)
    const { image, time: timeInput, classes, output } = this.inputs
    const result = await this.#model.run({
      // A copy: the engine reads it later, and the caller may fill it anew at once.
      [image.name]: tensor('float32', x.shape, Float32Array.from(x.data)),
      [timeInput.name]: repeated(timeInput.dtype, shapeFor(timeInput, count), time * this.#timeScale),
      ...(classes && condition && { [classes.name]: integers(classes.dtype, condition) }),
    })
    const out = result[output]
    if (out.dtype === 'float32' && sameShape(out.shape, x.shape)) return out as Images
    const twice =
      out.shape[1] === 2 * x.shape[1] ? ' (it seems to predict variances too: export the first half alone)' : ''
    const came = `${out.dtype}[${out.shape}] for [${x.shape}]${twice}`
    throw inputError('model.outputs', `the output '${output}' of ${this.#file} must be as its images are, got ${came}`)
  }

  async vjp(): Promise<never> {
    const fix = 'use an estimator that needs none: two-point, one-point or coordinate'
    throw inputError('denoiser.derivative', `${this.#file}, an ONNX file, has no derivative; ${fix}`)
  }

  dispose(): Promise<void> {
    return this.#model.dispose()
  }

  #check(x: Images, time: number, condition: Int32Array | undefined): void {
    const [count, ...image] = x.shape
    if (!sameShape(image, this.imageShape) || (this.batch !== undefined && count !== this.batch)) {
      const wanted = `[${this.batch ?? 'any number'},${this.imageShape}]`
      throw inputError('model.imageShape', `${this.#file} takes images ${wanted}, got [${x.shape}]`)
    }
    if (!(time >= 0 && time <= this.#timesteps - 1)) {
      const range = `[0, ${this.#timesteps - 1}]`
      throw inputError('schedule.time', `a time of ${this.#file}'s schedule must lie in ${range}, got ${time}`)
    }
    if (this.times === 'integer' && !Number.isInteger(time)) {
      throw inputError('times.integerOnly', `${this.#file} takes integer times, got ${time}`)
    }
    if (this.conditional ? condition?.length === count : condition === undefined) return
    const wanted = this.conditional
      ? `one class per image (${count}): its null class, if any, is not known`
      : 'no class'
    throw inputError('model.condition', `${this.#file} takes ${wanted}, got ${condition?.length ?? 'none'}`)
  }
}

/** The batch that a file is made for, or the one wanted where it is made for any. */
function batchOf(
  file: string,
  { image, time, classes }: DenoiserInputs,
  wanted: number | undefined,
): number | undefined {
  const declared = [image, time, ...(classes ? [classes] : [])].map(({ shape }) => shape[0])
  // A time [1] may be one time for all; an image or class [1] is one image.
  const fixed = declared.find((extent, i) => typeof extent === 'number' && (i !== 1 || extent > 1))
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 1)) {
    throw inputError('model.batch', `the batch must be an integer of at least 1, got ${wanted}`)
  }
  if (typeof fixed !== 'number') return wanted
  if (wanted === undefined || wanted === fixed) return fixed
  throw inputError('model.batch', `${file} is made for ${fixed} images a run, got ${wanted}; leave the batch out`)
}

function imageShapeOf(file: string, { name, shape }: ForeignValue, wanted: Shape | undefined): Shape {
  const declared = shape.slice(1)
  if (
    wanted &&
    (wanted.length !== 3 || declared.some((extent, i) => typeof extent === 'number' && extent !== wanted[i]))
  ) {
    throw inputError('model.imageShape', `${file} takes images '${name}' [${declared}], got imageShape [${wanted}]`)
  }
  const known = declared.map((extent, i) => (typeof extent === 'number' ? extent : wanted?.[i]))
  if (known.some((extent) => extent !== undefined && !(extent >= 1 && extent <= MOST.side))) {
    const rule = `channels, height and width from 1 to ${MOST.side}`
    throw inputError('model.imageShape', `${file} must take images of ${rule}, got '${name}' [${known}]`)
  }
  if (known.every((extent) => extent !== undefined)) return known
  const came = declared.map((extent) => extent || '?')
  throw inputError('model.imageShape', `${file} leaves its image size open ('${name}' [${came}]); give imageShape`)
}

/** The shape of the time for `count` images: an open axis is the batch, [b,1]'s second one is 1. */
const shapeFor = ({ shape }: ForeignValue, count: number): number[] =>
  shape.map((extent, axis) => (typeof extent === 'number' ? extent : axis === 0 ? count : 1))

function repeated(dtype: TimeType, shape: Shape, value: number): Tensor {
  const size = sizeOf(shape)
  if (dtype === 'float32') return filled(shape, value)
  if (dtype === 'float64') return tensor('float64', shape, new Float64Array(size).fill(value))
  return integers(dtype, new Int32Array(size).fill(value), shape)
}

function integers(dtype: ClassType, values: Int32Array, shape: Shape = [values.length]): Tensor {
  return dtype === 'int32'
    ? tensor('int32', shape, values.slice())
    : tensor('int64', shape, BigInt64Array.from(values, BigInt))
}
