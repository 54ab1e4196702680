/**
 * Somebody else's ONNX file as a `Denoiser`: run as it is, with a stated schedule and no derivative. Told times are its own
 * training times 0..T-1 (0 = least noise), given in whatever element type and shape the file takes.
 */
import type { Shape, Tensor } from '../../base/index.ts'
import {
  BilevelError,
  fileName,
  filled,
  inputError,
  randomStream,
  sameShape,
  sizeOf,
  tensor,
} from '../../base/index.ts'
import type { DeviceOptions, ForeignModel, ForeignValue, LoadedForeignModel } from '../../runtime/index.ts'
import { lanesFor, mostLanes, openModel } from '../../runtime/index.ts'
import type { Denoiser, Images, Prediction } from '../denoiser.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { ClassType, DenoiserInputs, TimeType } from './foreignDenoiserInputs.ts'
import { describeValues, recogniseInputs } from './foreignDenoiserInputs.ts'
import type { WantedShape } from './foreignDenoiserShape.ts'
import { ambiguousChannels, batchOf, imageShapesOf } from './foreignDenoiserShape.ts'
import type { Runs } from './foreignRuns.ts'
import { measureRuns, runSizes } from './foreignRuns.ts'

export interface ForeignDenoiserOptions extends DeviceOptions {
  /** Path of an `.onnx` file, or its bytes. */
  readonly model: string | Uint8Array
  /** The schedule it was trained with: how many times there are. */
  readonly noiseSchedule: Pick<NoiseSchedule, 'timesteps'>
  /**
   * Images per call. Default: any number, or the file's own where it is made for one; such a file is called with the largest multiple
   * of its own in `batch`. How many of them are one run is measured.
   */
  readonly batch?: number
  /**
   * [channels, height, width], needed where the file leaves its sides open; null: as the file has it. Channels that it leaves open are those
   * of its output or, where that leaves them open too, 1 or 3, whichever its weights take.
   */
  readonly imageShape?: WantedShape
  /** What the network predicts. Default `noise`. */
  readonly prediction?: Prediction
  /** Where its output has twice the channels of an image, the second half is a learned variance, which is left out. Default false: refused. */
  readonly learnedVariance?: boolean
  /** The file is told `timeScale` x time: 1/T for one that takes a fraction. Default 1; files with float times only. */
  readonly timeScale?: number
  /** What the file is told at a time, where that is no multiple of it. Default `timeScale` x time. */
  readonly told?: (time: number) => number
}

/** A `Denoiser` without derivative over a loaded file. */
export interface ForeignDenoiser extends Denoiser {
  readonly differentiable: false
  /** Whether it takes a class, which must then be given: nobody but its author knows a null class. */
  readonly conditional: boolean
  /** Its inputs and output, for those who call the file elsewhere. */
  readonly inputs: DenoiserInputs
  /** Network evaluations that opening it took. */
  readonly evaluations: number
  /** Seconds that an evaluation of one image takes in a whole batch, measured when it was opened. */
  readonly secondsPerEvaluation: number
  /**
   * Its output where it is told any number, whatever times its schedule has: what a convention is measured by. Images: any number, or a multiple of its own
   * where the file is made for one.
   */
  predictTold(x: Images, told: number, condition?: Int32Array): Promise<Images>
  /** Frees the model. */
  dispose(): Promise<void>
}

/** Images of the trial run where the file leaves the batch open: with one alone, a batch that is no batch would go unnoticed. */
const TRIAL_BATCH = 2

/**
 * Opens a file, recognises its inputs and runs it once, at time T-1. A batch is run in lanes and in runs of fewer images, as many as are measured
 * to be fastest (in 2 seconds, and the time of two batches, at most), where that gives the bytes of one run.
 * @throws `onnx.open`; `model.inputs`, `model.outputs` listing what the file has; `model.batch`, `model.imageShape`,
 * `model.timeScale` where the options do not fit it; `model.run` if it does not run so
 * @example
 * const { schedule } = await loadScheduler('scheduler_config.json')
 * const denoiser = await openForeignDenoiser({ model: 'unet.onnx', noiseSchedule: schedule, batch: 64 })
 */
export async function openForeignDenoiser(options: ForeignDenoiserOptions): Promise<ForeignDenoiser> {
  const { model: source, device, threads } = options
  const engine = { ...(device && { device }), ...(threads && { threads }) }
  const model = await openModel(source, engine)
  const file = typeof source === 'string' ? fileName(source) : 'the model'
  try {
    const inputs = recogniseInputs(file, model)
    const { batch, fixed } = batchOf(inputs, options.batch)
    const output = model.outputs.find(({ name }) => name === inputs.output)
    const shapes = imageShapesOf(file, inputs.image, output, options.imageShape)
    const runs: Runs = { models: [model], images: fixed }
    const open = (imageShape: Shape) =>
      new FileDenoiser({ file, declared: model.inputs, inputs, batch, imageShape, options }, runs)
    const { denoiser, trial } = await theOneThatRuns(shapes.map(open), () => ambiguousChannels(file, inputs.image))
    if (batch === undefined) return denoiser
    const lanes = fixed === undefined ? lanesFor(batch, engine) : Math.min(mostLanes(engine), batch / fixed)
    const sizes = fixed === undefined ? runSizes(batch / lanes) : [fixed]
    return (await denoiser.inRuns(model, { lanes, sizes }, trial)) ?? denoiser
  } catch (error) {
    await model.dispose()
    throw error
  }
}

/** @throws as the trial of the first where none runs, `ambiguous` where several do */
async function theOneThatRuns(denoisers: readonly FileDenoiser[], ambiguous: () => Error): Promise<Tried> {
  const trials = await Promise.allSettled(
    denoisers.map(async (denoiser) => ({ denoiser, trial: await denoiser.trial() })),
  )
  const running = trials.filter((trial) => trial.status === 'fulfilled')
  if (running.length > 1) throw ambiguous()
  if (running.length === 1) return running[0].value
  throw (trials[0] as PromiseRejectedResult).reason
}

/** A denoiser, and what it predicted when it was tried. */
interface Tried {
  readonly denoiser: FileDenoiser
  readonly trial: Images
}

/** What a file is run on. */
interface FileParts {
  readonly file: string
  /** All inputs, in the file's order. */
  readonly declared: readonly ForeignValue[]
  readonly inputs: DenoiserInputs
  readonly batch: number | undefined
  readonly imageShape: Shape
  readonly options: ForeignDenoiserOptions
}

/** Of each image the first half of its channels. */
function firstHalf({ data }: Tensor<'float32'>, shape: Shape): Tensor<'float32'> {
  const size = sizeOf(shape) / shape[0]
  const half = new Float32Array(sizeOf(shape))
  for (let i = 0; i < shape[0]; i++) half.set(data.subarray(2 * i * size, (2 * i + 1) * size), i * size)
  return tensor('float32', shape, half)
}

class FileDenoiser implements ForeignDenoiser {
  readonly differentiable = false
  readonly prediction: Prediction
  readonly times: 'integer' | 'real'
  readonly imageShape: Shape
  readonly conditional: boolean
  readonly inputs: DenoiserInputs
  readonly batch?: number
  readonly batchStep?: number
  evaluations = 0
  secondsPerEvaluation = 0
  readonly #parts: FileParts
  readonly #runs: Runs
  readonly #timesteps: number
  readonly #told: (time: number) => number

  constructor(parts: FileParts, runs: Runs) {
    const { file, inputs, batch, imageShape, options } = parts
    const { prediction = 'noise', timeScale = 1, noiseSchedule } = options
    this.#parts = parts
    this.#runs = runs
    this.inputs = inputs
    this.#timesteps = noiseSchedule.timesteps
    this.#told = options.told ?? ((time) => time * timeScale)
    this.prediction = prediction
    this.times = inputs.time.dtype.startsWith('int') ? 'integer' : 'real'
    this.conditional = inputs.classes !== null
    this.imageShape = imageShape
    if (batch !== undefined) this.batch = batch
    if (batch !== undefined && runs.images !== undefined) this.batchStep = runs.images
    if (this.times === 'integer' && timeScale !== 1) {
      const fix = 'leave timeScale out'
      throw inputError('model.timeScale', `${file} takes integer times, which have no scale, got ${timeScale}; ${fix}`)
    }
  }

  /** Runs once on noise, so that what does not fit is said at once: the sizes, and a table of times shorter than the schedule. */
  async trial(): Promise<Images> {
    const { x, time, classes } = this.#asked(0)
    const [count] = x.shape
    try {
      const began = performance.now()
      const prediction = await this.predict(x, time, classes)
      this.secondsPerEvaluation = (performance.now() - began) / 1000 / count
      this.evaluations += count
      return prediction
    } catch (cause) {
      if (cause instanceof BilevelError && cause.kind === 'input') throw cause
      const came = `${count} images of [${this.imageShape}] at time ${time}, the last of the schedule`
      const { file, declared } = this.#parts
      const why = `${(cause as Error).message}; its inputs are ${describeValues(declared)}`
      const fix = 'check the schedule, the image size and the batch'
      throw inputError('model.run', `${file} must run on ${came}: ${why}; ${fix}`, { cause })
    }
  }

  /** Of the trial: the images; the last time of the schedule, in later rounds half of the one before; the first class. */
  #asked(round: number) {
    const shape = [this.batch ?? TRIAL_BATCH, ...this.imageShape]
    const noise = randomStream({ seed: 0, purpose: 'trial' }).normal(new Float32Array(sizeOf(shape)))
    const classes = this.conditional ? new Int32Array(shape[0]) : undefined
    return { x: tensor('float32', shape, noise), time: Math.floor((this.#timesteps - 1) / 2 ** round), classes }
  }

  /**
   * The same in lanes and runs of the fastest of some sizes, with this one's model freed where there is more than one lane; null where no size gives the
   * trial's bytes (a file whose images depend on each other, one made for one batch that does not say so).
   */
  async inRuns(
    model: ForeignModel,
    { lanes, sizes }: { readonly lanes: number; readonly sizes: readonly number[] },
    trial: Images,
  ): Promise<FileDenoiser | null> {
    const models = lanes > 1 ? await model.inLanes(lanes) : this.#runs.models
    const inRunsOf = (images: number) => new FileDenoiser(this.#parts, { models, images })
    const { images, seconds, predictions } = await measureRuns({
      sizes,
      whole: trial,
      predict: (size, round) => {
        const { x, time, classes } = this.#asked(round)
        return inRunsOf(size).predict(x, time, classes)
      },
    })
    const [count] = trial.shape
    const evaluations = this.evaluations + predictions * count
    if (images === null) {
      this.evaluations = evaluations
      if (models !== this.#runs.models) await Promise.all(models.map((lane) => lane.dispose()))
      return null
    }
    if (models !== this.#runs.models) await this.dispose()
    return Object.assign(inRunsOf(images), { evaluations, secondsPerEvaluation: seconds / count })
  }

  async predict(x: Images, time: number, condition?: Int32Array): Promise<Images> {
    this.#check(x, time, condition)
    return this.#inParts(x, this.#told(time), condition, this.#runs.images)
  }

  async predictTold(x: Images, told: number, condition?: Int32Array): Promise<Images> {
    const { images } = this.#runs
    const divides = images !== undefined && x.shape[0] % images === 0
    return this.#inParts(x, told, condition, divides ? images : undefined)
  }

  async #inParts(x: Images, told: number, condition: Int32Array | undefined, images = x.shape[0]): Promise<Images> {
    const { models } = this.#runs
    if (images === x.shape[0]) return this.#run(models[0], x, told, condition)
    const parts = Array.from({ length: x.shape[0] / images }, (_, i) => {
      const classes = condition?.subarray(i * images, (i + 1) * images)
      return this.#run(models[i % models.length], itemsOf(x, i, images), told, classes)
    })
    const all = new Float32Array(x.data.length)
    for (const [i, { data }] of (await Promise.all(parts)).entries()) all.set(data, i * data.length)
    return tensor('float32', x.shape, all)
  }

  /** Reads its arrays before it returns. */
  async #run(model: LoadedForeignModel, x: Images, told: number, condition?: Int32Array): Promise<Images> {
    const { image, time: timeInput, classes, output } = this.inputs
    const result = await model.run({
      // A copy: the engine reads it later, and the caller may fill it anew at once.
      [image.name]: tensor('float32', x.shape, Float32Array.from(x.data)),
      [timeInput.name]: repeated(timeInput.dtype, shapeFor(timeInput, x.shape[0]), told),
      ...(classes && condition && { [classes.name]: integers(classes.dtype, condition) }),
    })
    const out = result[output]
    if (out.dtype === 'float32' && sameShape(out.shape, x.shape)) return out as Images
    const [count, channels, ...size] = x.shape
    const isTwice = out.dtype === 'float32' && sameShape(out.shape, [count, 2 * channels, ...size])
    if (isTwice && this.#parts.options.learnedVariance) return firstHalf(out as Tensor<'float32'>, x.shape)
    const fix =
      'name its variance_type, learned or learned_range, in the scheduler file, or export the first half alone'
    const twice = out.shape[1] === 2 * channels ? ` (it seems to predict variances too: ${fix})` : ''
    const came = `${out.dtype}[${out.shape}] for [${x.shape}]${twice}`
    const rule = `the output '${output}' of ${this.#parts.file} must be as its images are`
    throw inputError('model.outputs', `${rule}, got ${came}`)
  }

  async vjp(): Promise<never> {
    const fix = 'use an estimator that needs none: two-point, one-point or coordinate'
    throw inputError('denoiser.derivative', `${this.#parts.file}, an ONNX file, has no derivative; ${fix}`)
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#runs.models.map((model) => model.dispose()))
  }

  #check(x: Images, time: number, condition: Int32Array | undefined): void {
    const [count, ...image] = x.shape
    const { batch, batchStep = batch } = this
    const fits = batch === undefined || batchStep === undefined || (count <= batch && count % batchStep === 0)
    if (!sameShape(image, this.imageShape) || !fits) {
      const some = batch === batchStep ? batch : `${batchStep} to ${batch} by ${batchStep}`
      const wanted = `[${some ?? 'any number'},${this.imageShape}]`
      throw inputError('model.imageShape', `${this.#parts.file} takes images ${wanted}, got [${x.shape}]`)
    }
    if (!(time >= 0 && time <= this.#timesteps - 1)) {
      const range = `[0, ${this.#timesteps - 1}]`
      throw inputError('schedule.time', `a time of ${this.#parts.file}'s schedule must lie in ${range}, got ${time}`)
    }
    if (this.times === 'integer' && !Number.isInteger(time)) {
      throw inputError('times.integerOnly', `${this.#parts.file} takes integer times, got ${time}`)
    }
    if (this.conditional ? condition?.length === count : condition === undefined) return
    const wanted = this.conditional
      ? `one class per image (${count}): its null class, if any, is not known`
      : 'no class'
    throw inputError('model.condition', `${this.#parts.file} takes ${wanted}, got ${condition?.length ?? 'none'}`)
  }
}

/** Items from i * count on, in the same memory. */
const itemsOf = ({ dtype, shape: [, ...item], data }: Images, i: number, count: number): Images => {
  const size = count * sizeOf(item)
  return { dtype, shape: [count, ...item], data: data.subarray(i * size, (i + 1) * size) } as Images
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
