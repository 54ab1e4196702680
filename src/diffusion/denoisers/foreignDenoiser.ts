/**
 * Somebody else's ONNX file as a `Denoiser`: run as it is, with a stated schedule; its derivative by the graph in it, where all of that is known here.
 * Told times are its own training times 0..T-1 (0 = least noise), given in whatever element type and shape the file takes.
 */
import type { Shape, Tensor } from '../../base/index.ts'
import { inputError, relativeDifference, sameShape, sizeOf, tensor } from '../../base/index.ts'
import type { DeviceOptions, ForeignValue, LoadedForeignModel } from '../../runtime/index.ts'
import { slopeAt } from '../conventions/slope.ts'
import type { Denoiser, DenoiserGradient, Images, PictureDecoder, Prediction, Pullback } from '../denoiser.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { ForeignClasses, StatedClasses } from './foreignClasses.ts'
import type { DenoiserInputs, NamedInputs } from './foreignDenoiserInputs.ts'
import type { WantedShape } from './foreignDenoiserShape.ts'
import type { DerivativeCall, ForeignDerivative, FoundDerivative } from './foreignDerivative.ts'
import { feedsFor, imagesFrom } from './foreignFeeds.ts'
import type { Runs } from './foreignRuns.ts'
import type { GradientCheckpointing } from './gradientCheckpointing.ts'
import type { ProgramBytes } from './programCost.ts'

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
  /** Which input and output is which, and numbers for further inputs, where that is not to be recognised. */
  readonly inputs?: NamedInputs
  /** Opens what makes pictures of its images [channels, height, width], where these are latents; freed by its owner. */
  readonly decoder?: (latentShape: Shape) => Promise<PictureDecoder>
  /** How many classes it knows, and what stands for no class, where its file does not say so. */
  readonly classes?: StatedClasses
  /** Whether its derivative computes activations again. Default `auto`. */
  readonly gradientCheckpointing?: GradientCheckpointing
}

/** A `Denoiser` over a loaded file. */
export interface ForeignDenoiser extends Denoiser {
  /** What keeps it from having a derivative, its operators named; null: nothing does. */
  readonly missingDerivative: string | null
  /** Whether it takes a class, which must then be given unless its null class is said. */
  readonly conditional: boolean
  /** What stands for no class; undefined: nothing is known to. */
  readonly nullClass?: number
  /** Numbers that it takes for classes, 0 to n - 1; undefined: not known. */
  readonly classRows?: number
  /** What a reader must know of how it is run, a sentence each. */
  readonly notes: readonly string[]
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
  /** The derivative of `predictTold`, `dtime` being that in what it is told. @throws `denoiser.derivative` */
  vjpTold(x: Images, told: number, condition: Int32Array | undefined, cotangent: Images): Promise<DenoiserGradient>
  /** Bytes that programs for calls of so many images work with; null: not known, as the network in the file could not be read. @param checkpoints default as it is used */
  bytes(images: number, checkpoints?: boolean): ProgramBytes | null
  /** Frees the model. */
  dispose(): Promise<void>
}

/** Rounding of float16 between operators, and far below what another network would give. */
const MOST_DISAGREEMENT = 0.02

/** What a file is run on. */
export interface FileParts {
  readonly file: string
  /** All inputs, in the file's order. */
  readonly declared: readonly ForeignValue[]
  readonly inputs: DenoiserInputs
  readonly batch: number | undefined
  readonly imageShape: Shape
  readonly options: ForeignDenoiserOptions
  readonly classes: ForeignClasses
  readonly notes: readonly string[]
  readonly derivative: FoundDerivative
  /** Images of a run that a derivative is to be taken in; undefined: any number. */
  readonly together: number | undefined
}

/** Of each image the first half of its channels. */
function firstHalf({ data }: Tensor<'float32'>, shape: Shape): Tensor<'float32'> {
  const size = sizeOf(shape) / shape[0]
  const half = new Float32Array(sizeOf(shape))
  for (let i = 0; i < shape[0]; i++) half.set(data.subarray(2 * i * size, (2 * i + 1) * size), i * size)
  return tensor('float32', shape, half)
}

/** A file that is run on what is known of it so far; made by `openForeignDenoiser`. */
export class FileDenoiser implements ForeignDenoiser {
  readonly differentiable: boolean
  readonly timeDerivative: boolean
  readonly missingDerivative: string | null
  readonly prediction: Prediction
  readonly times: 'integer' | 'real'
  readonly imageShape: Shape
  readonly conditional: boolean
  readonly classes?: number
  readonly nullClass?: number
  readonly classRows?: number
  readonly notes: readonly string[]
  readonly inputs: DenoiserInputs
  readonly batch?: number
  readonly batchStep?: number
  decoder?: PictureDecoder
  evaluations = 0
  secondsPerEvaluation = 0
  readonly pullback?: Denoiser['pullback']
  /** Whether the derivative's network was seen to predict what the file does. */
  #agrees = false
  readonly parts: FileParts
  readonly runs: Runs
  readonly timesteps: number
  readonly #told: (time: number) => number

  constructor(parts: FileParts, runs: Runs) {
    const { file, inputs, batch, imageShape, options, notes } = parts
    const { classes, nullClass, rows } = parts.classes
    const { prediction = 'noise', timeScale = 1, noiseSchedule } = options
    this.parts = parts
    this.runs = runs
    this.inputs = inputs
    this.timesteps = noiseSchedule.timesteps
    this.#told = options.told ?? ((time) => time * timeScale)
    this.prediction = prediction
    this.times = inputs.time.dtype.startsWith('int') ? 'integer' : 'real'
    this.conditional = inputs.classes !== null
    this.imageShape = imageShape
    this.notes = notes
    const { derivative, missing } = parts.derivative
    this.differentiable = derivative !== null
    this.timeDerivative = derivative?.inTime ?? false
    this.missingDerivative = missing
    if (derivative && !derivative.checkpointed) this.pullback = (...asked) => this.#pullback(derivative, ...asked)
    if (classes !== undefined) this.classes = classes
    if (nullClass !== undefined) this.nullClass = nullClass
    if (rows !== undefined) this.classRows = rows
    if (batch !== undefined) this.batch = batch
    if (batch !== undefined && runs.images !== undefined) this.batchStep = runs.images
    if (this.times === 'integer' && timeScale !== 1) {
      const fix = 'leave timeScale out'
      throw inputError('model.timeScale', `${file} takes integer times, which have no scale, got ${timeScale}; ${fix}`)
    }
  }

  /** One run at one of its times, all images of one class where it takes one, whether or not it is known to have that. */
  async ask(x: Images, time: number, label = 0): Promise<Images> {
    const [count] = x.shape
    const classes = this.conditional ? new Int32Array(count).fill(label) : undefined
    const prediction = await this.#run(this.runs.models[0], x, this.#told(time), classes)
    this.evaluations += count
    return prediction
  }

  /** The same file with other parts and in other runs; what it took so far is kept. */
  with(parts: Partial<FileParts>, runs: Runs = this.runs): FileDenoiser {
    const { evaluations, secondsPerEvaluation } = this
    return Object.assign(new FileDenoiser({ ...this.parts, ...parts }, runs), { evaluations, secondsPerEvaluation })
  }

  async predict(x: Images, time: number, condition?: Int32Array): Promise<Images> {
    this.#check(x, time)
    return this.#inParts(x, this.#told(time), this.#labels(condition, x.shape[0]), this.runs.images)
  }

  async predictTold(x: Images, told: number, condition?: Int32Array): Promise<Images> {
    const { images } = this.runs
    const divides = images !== undefined && x.shape[0] % images === 0
    return this.#inParts(x, told, this.#labels(condition, x.shape[0]), divides ? images : undefined)
  }

  async #inParts(x: Images, told: number, condition: Int32Array | undefined, images = x.shape[0]): Promise<Images> {
    const { models } = this.runs
    if (images === x.shape[0]) return this.#run(models[0], x, told, condition)
    const parts = Array.from({ length: x.shape[0] / images }, (_, i) => {
      const classes = condition?.subarray(i * images, (i + 1) * images)
      return this.#run(models[i % models.length], itemsOf(x, i, images), told, classes)
    })
    const all = new Float32Array(x.data.length)
    for (const [i, { data }] of (await Promise.all(parts)).entries()) all.set(data, i * data.length)
    return tensor('float32', x.shape, all)
  }

  bytes(images: number, checkpoints?: boolean): ProgramBytes | null {
    const { derivative } = this.parts.derivative
    const { images: run, models } = this.runs
    const together = run !== undefined && run < images ? run : undefined
    return derivative?.bytes(images, together, models.length, checkpoints) ?? null
  }

  /** Reads its arrays before it returns. */
  async #run(model: LoadedForeignModel, x: Images, told: number, condition?: Int32Array): Promise<Images> {
    const { output, layout } = this.inputs
    const feeds = feedsFor(this.inputs, { x, told, condition })
    const result = (await model.run(feeds, [output]))[output]
    const out = imagesFrom(result, layout)
    if (out && sameShape(out.shape, x.shape)) return out
    const [count, channels, ...size] = x.shape
    const isTwice = out !== null && sameShape(out.shape, [count, 2 * channels, ...size])
    if (isTwice && this.parts.options.learnedVariance) return firstHalf(out, x.shape)
    const fix =
      'name its variance_type, learned or learned_range, in the scheduler file, or export the first half alone'
    const twice = isTwice ? ` (it seems to predict variances too: ${fix})` : ''
    const came = `${result.dtype}[${result.shape}] for [${x.shape}]${twice}`
    const rule = `the output '${output}' of ${this.parts.file} must be as its images are`
    throw inputError('model.outputs', `${rule}, got ${came}`)
  }

  async vjp(
    x: Images,
    time: number,
    condition: Int32Array | undefined,
    cotangent: Images,
    { weights = false }: { readonly weights?: boolean } = {},
  ): Promise<DenoiserGradient> {
    this.#check(x, time)
    if (weights) throw this.#underivable('no derivative in its weights')
    return this.#inTime(await this.vjpTold(x, this.#told(time), condition, cotangent), time)
  }

  async vjpTold(x: Images, told: number, condition: Int32Array | undefined, cotangent: Images) {
    const { derivative, missing } = this.parts.derivative
    if (!derivative) throw this.#underivable(`no derivative here: ${missing}`)
    const call = this.#callOf(x, told, condition)
    const gradient = await derivative.vjp(call, copied(cotangent))
    await this.#requireAgreement(call, gradient.prediction)
    return gradient
  }

  async #pullback(derivative: ForeignDerivative, x: Images, time: number, condition?: Int32Array): Promise<Pullback> {
    this.#check(x, time)
    const call = this.#callOf(x, this.#told(time), condition)
    const pullback = await derivative.pullback(call)
    await this.#requireAgreement(call, pullback.prediction)
    return { ...pullback, vjp: async (cotangent) => this.#inTime(await pullback.vjp(cotangent), time) }
  }

  /** What is asked, in arrays of its own: they are read later. */
  #callOf(x: Images, told: number, condition: Int32Array | undefined) {
    const classes = this.#labels(condition, x.shape[0])?.slice()
    return { x: copied(x), told, condition: classes, images: this.parts.together }
  }

  /** The derivative in the time of that in what is told. */
  #inTime({ dx, dtime }: DenoiserGradient, time: number): DenoiserGradient {
    return { dx, dtime: dtime === null ? null : dtime * slopeAt(this.#told, time, this.timesteps - 1) }
  }

  /** The first time: a derivative of something else than the file would lead astray. @throws `denoiser.derivative` */
  async #requireAgreement({ x, told, condition, images }: DerivativeCall, { data }: Images): Promise<void> {
    if (this.#agrees) return
    const own = await this.#inParts(x, told, condition, images ?? this.runs.images)
    const difference = relativeDifference(data, own.data)
    if (!(difference <= MOST_DISAGREEMENT)) {
      throw this.#underivable(
        `no derivative here: its network, as it is read here, predicts what is off by ${Number((100 * difference).toPrecision(2))} % from what ONNX Runtime gives`,
      )
    }
    this.#agrees = true
  }

  #underivable(what: string): Error {
    const fix = 'use an estimator that needs none: two-point, one-point or coordinate'
    return inputError('denoiser.derivative', `${this.parts.file}, an ONNX file, has ${what}; ${fix}`)
  }

  async dispose(): Promise<void> {
    const { derivative } = this.parts.derivative
    await disposeAll([...this.runs.models, ...(derivative ? [derivative] : [])])
  }

  #check(x: Images, time: number): void {
    const [count, ...image] = x.shape
    const { batch, batchStep = batch } = this
    const fits = batch === undefined || batchStep === undefined || (count <= batch && count % batchStep === 0)
    if (!sameShape(image, this.imageShape) || !fits) {
      const some = batch === batchStep ? batch : `${batchStep} to ${batch} by ${batchStep}`
      const wanted = `[${some ?? 'any number'},${this.imageShape}]`
      throw inputError('model.imageShape', `${this.parts.file} takes images ${wanted}, got [${x.shape}]`)
    }
    if (!(time >= 0 && time <= this.timesteps - 1)) {
      const range = `[0, ${this.timesteps - 1}]`
      throw inputError('schedule.time', `a time of ${this.parts.file}'s schedule must lie in ${range}, got ${time}`)
    }
    if (this.times === 'integer' && !Number.isInteger(time)) {
      throw inputError('times.integerOnly', `${this.parts.file} takes integer times, got ${time}`)
    }
  }

  /** A class per image, the null class where none are given; undefined: the file takes none. @throws `model.condition` */
  #labels(condition: Int32Array | undefined, count: number): Int32Array | undefined {
    const { classes, nullClass, classRows: rows, conditional } = this
    const { file } = this.parts
    if (!conditional) {
      if (condition === undefined) return undefined
      throw inputError('model.condition', `${file} takes no class, got ${condition.length}`)
    }
    if (condition === undefined && nullClass !== undefined) return new Int32Array(count).fill(nullClass)
    if (condition?.length !== count) {
      const why = nullClass === undefined ? ': its null class, if any, is not known (--null-class N)' : ''
      const came = condition?.length ?? 'none'
      throw inputError('model.condition', `${file} takes one class per image (${count})${why}, got ${came}`)
    }
    const most = classes ?? rows ?? Number.POSITIVE_INFINITY
    const odd = condition.find((label) => !(label >= 0 && (label < most || label === nullClass)))
    if (odd === undefined) return condition
    const none = nullClass === undefined ? '' : `, or the null class ${nullClass}`
    const range = most === Number.POSITIVE_INFINITY ? 'from 0 on' : `0 to ${most - 1}`
    throw inputError('model.condition', `${file} takes classes ${range}${none}, got ${odd}; give one of those`)
  }
}

/** Items from i * count on, in the same memory. */
export const itemsOf = ({ dtype, shape: [, ...item], data }: Images, i: number, count: number): Images => {
  const size = count * sizeOf(item)
  return { dtype, shape: [count, ...item], data: data.subarray(i * size, (i + 1) * size) } as Images
}

const copied = (images: Images): Images => ({ ...images, data: images.data.slice() }) as Images

export const disposeAll = (parts: readonly { dispose(): Promise<void> }[]) =>
  Promise.all(parts.map((part) => part.dispose()))
