/**
 * Somebody else's ONNX file as a `Denoiser`: run as it is, with a stated schedule; its derivative by the graph in it, where all of that is known here.
 * Told times are its own training times 0..T-1 (0 = least noise), given in whatever element type and shape the file takes.
 */
import type { Shape, Tensor } from '../../base/index.ts'
import { BilevelError, fileName, inputError, randomStream, sameShape, sizeOf, tensor } from '../../base/index.ts'
import type { DeviceOptions, ForeignModel, ForeignValue, LoadedForeignModel } from '../../runtime/index.ts'
import { lanesFor, mostLanes, openModel } from '../../runtime/index.ts'
import { slopeAt } from '../conventions/slope.ts'
import type { Denoiser, DenoiserGradient, Images, PictureDecoder, Prediction, Pullback } from '../denoiser.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { ForeignClasses, StatedClasses } from './foreignClasses.ts'
import { knownClasses, oneHotWidth, tableRows } from './foreignClasses.ts'
import type { DenoiserInputs, NamedInputs } from './foreignDenoiserInputs.ts'
import { describeValues, recogniseInputs } from './foreignDenoiserInputs.ts'
import type { WantedShape } from './foreignDenoiserShape.ts'
import { ambiguousChannels, batchOf, imageShapesOf } from './foreignDenoiserShape.ts'
import type { DerivativeCall, ForeignDerivative, FoundDerivative } from './foreignDerivative.ts'
import { findDerivative } from './foreignDerivative.ts'
import { feedsFor, imagesFrom } from './foreignFeeds.ts'
import { dependenceNote, dependenceOf, relativeDifference } from './foreignIndependence.ts'
import type { Runs } from './foreignRuns.ts'
import { measureRuns, runSizes } from './foreignRuns.ts'
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
  /** Bytes that programs for calls of so many images work with; null: not known, as the network in the file could not be read. */
  bytes(images: number): ProgramBytes | null
  /** Frees the model. */
  dispose(): Promise<void>
}

/** Rounding of float16 between operators, and far below what another network would give. */
const MOST_DISAGREEMENT = 0.02

/** Images of the trial run where the file leaves the batch open: with one alone, a batch that is no batch would go unnoticed. */
const TRIAL_BATCH = 2

/**
 * Opens a file, recognises its inputs and runs it once, at time T-1. An image alone and among others must be predicted alike, else images are run one
 * by one. A batch is run in lanes and in runs of fewer images, as many as are measured
 * to be fastest (in 2 seconds, and the time of two batches, at most), where that gives the bytes of one run.
 * @throws `onnx.open`; `model.inputs`, `model.outputs` listing what the file has; `model.batch`, `model.imageShape`, `model.classes`,
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
    const inputs = recogniseInputs(file, model, options.inputs)
    const { batch, fixed } = batchOf(inputs, options.batch)
    const output = model.outputs.find(({ name }) => name === inputs.output)
    const shapes = imageShapesOf(file, inputs, output, options.imageShape)
    const classes = knownClasses(file, inputs, options.classes ?? {}, undefined)
    const notes = fixed === undefined ? [] : [batchNote(file, fixed)]
    const parts = {
      file,
      declared: model.inputs,
      inputs,
      batch,
      options,
      classes,
      notes,
      derivative: NONE_YET,
      together: fixed,
    }
    const open = (imageShape: Shape) => new FileDenoiser({ ...parts, imageShape }, { models: [model], images: fixed })
    const found = await theOneThatRuns(shapes.map(open), () => ambiguousChannels(file, inputs.image))
    const { imageShape } = found.denoiser
    const derivative = await findDerivative(model, {
      ...engine,
      file,
      inputs,
      imageShape,
      images: fixed ?? batch ?? TRIAL_BATCH,
    })
    const { denoiser, trial, together } = await found.denoiser.measured({
      model,
      fixed,
      trial: found.trial,
      derivative,
    })
    const decoder = await options.decoder?.(imageShape)
    const decoding = (opened: FileDenoiser) => Object.assign(opened, decoder && { decoder })
    if (batch === undefined) return decoding(denoiser)
    const lanes = together === undefined ? lanesFor(batch, engine) : Math.min(mostLanes(engine), batch / together)
    const sizes = together === undefined ? runSizes(batch / lanes) : [together]
    return decoding((await denoiser.inRuns(model, { lanes, sizes }, trial)) ?? denoiser.asWhole(batch))
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

/** What a file is measured with: what it predicted when it was tried, and its derivative. */
interface Measured {
  readonly model: ForeignModel
  readonly fixed: number | undefined
  readonly trial: Images
  readonly derivative: FoundDerivative
}

/** A denoiser, and what it predicted when it was tried. */
interface Tried {
  readonly denoiser: FileDenoiser
  readonly trial: Images
}

/** Said of a file that is made for some number of images. */
const batchNote = (file: string, images: number): string =>
  images === 1
    ? `${file} is made for one image a run: images are run one by one`
    : `${file} is made for ${images} images a run: images are run in parts of ${images}, the last part filled up`

/** What a file is run on. */
interface FileParts {
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

/** Before it is looked for. */
const NONE_YET: FoundDerivative = { derivative: null, missing: '' }

/** Of each image the first half of its channels. */
function firstHalf({ data }: Tensor<'float32'>, shape: Shape): Tensor<'float32'> {
  const size = sizeOf(shape) / shape[0]
  const half = new Float32Array(sizeOf(shape))
  for (let i = 0; i < shape[0]; i++) half.set(data.subarray(2 * i * size, (2 * i + 1) * size), i * size)
  return tensor('float32', shape, half)
}

class FileDenoiser implements ForeignDenoiser {
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
  readonly #parts: FileParts
  readonly #runs: Runs
  readonly #timesteps: number
  readonly #told: (time: number) => number

  constructor(parts: FileParts, runs: Runs) {
    const { file, inputs, batch, imageShape, options, notes } = parts
    const { classes, nullClass, rows } = parts.classes
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
    this.notes = notes
    const { derivative, missing } = parts.derivative
    this.differentiable = derivative !== null
    this.timeDerivative = derivative?.inTime ?? false
    this.missingDerivative = missing
    if (derivative) this.pullback = (...asked) => this.#pullback(derivative, ...asked)
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

  /**
   * The same with what was found out by running it: how many classes its table has, and, where an image's prediction depends on the others of a run, that
   * images are run one by one (a file made for more takes them together, which is said).
   */
  async measured({
    model,
    fixed,
    trial,
    derivative,
  }: Measured): Promise<Tried & { readonly together: number | undefined }> {
    const classes = await this.#classesFound()
    // A file that does not run on other numbers of images than it was tried with says nothing of them.
    const early = Math.floor((this.#timesteps - 1) / 4)
    const asked = (x: Images) => this.#ask(x, early)
    const difference = fixed === 1 ? 0 : await dependenceOf(asked, this.imageShape, fixed).catch(() => 0)
    const apart = dependenceNote(this.#parts.file, difference, fixed)
    const together = apart !== null && fixed === undefined ? 1 : fixed
    const notes = apart === null ? this.notes : [...this.notes, apart]
    const denoiser = new FileDenoiser(
      { ...this.#parts, classes, notes, derivative, together },
      { models: [model], images: together },
    )
    Object.assign(denoiser, { evaluations: this.evaluations, secondsPerEvaluation: this.secondsPerEvaluation })
    return { denoiser, trial: together === fixed ? trial : await denoiser.trial(), together }
  }

  /** @throws `model.classes` on classes that are said and not there */
  async #classesFound(): Promise<ForeignClasses> {
    const { file, inputs, options } = this.#parts
    const { classes } = inputs
    if (!classes || oneHotWidth(inputs) !== undefined || !classes.dtype.startsWith('int')) return this.#parts.classes
    const { x, time } = this.#asked(0)
    const some = itemsOf(x, 0, this.#runs.images ?? 1)
    const rows = await tableRows((label) => this.#ask(some, time, label))
    return knownClasses(file, inputs, options.classes ?? {}, rows ?? undefined)
  }

  /** One run, all images of one class where it takes one. */
  async #ask(x: Images, time: number, label = 0): Promise<Images> {
    const [count] = x.shape
    const classes = this.conditional ? new Int32Array(count).fill(label) : undefined
    const prediction = await this.#run(this.#runs.models[0], x, this.#told(time), classes)
    this.evaluations += count
    return prediction
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
      if (models !== this.#runs.models) await disposeAll(models)
      return null
    }
    if (models !== this.#runs.models) await disposeAll(this.#runs.models)
    return Object.assign(inRunsOf(images), { evaluations, secondsPerEvaluation: seconds / count })
  }

  /** The same, of whole batches alone: its runs are not to be divided. */
  asWhole(batch: number): FileDenoiser {
    const whole = new FileDenoiser({ ...this.#parts, together: batch }, this.#runs)
    const { evaluations, secondsPerEvaluation } = this
    return Object.assign(whole, { evaluations, secondsPerEvaluation })
  }

  async predict(x: Images, time: number, condition?: Int32Array): Promise<Images> {
    this.#check(x, time)
    return this.#inParts(x, this.#told(time), this.#labels(condition, x.shape[0]), this.#runs.images)
  }

  async predictTold(x: Images, told: number, condition?: Int32Array): Promise<Images> {
    const { images } = this.#runs
    const divides = images !== undefined && x.shape[0] % images === 0
    return this.#inParts(x, told, this.#labels(condition, x.shape[0]), divides ? images : undefined)
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

  bytes(images: number): ProgramBytes | null {
    const { derivative } = this.#parts.derivative
    const { images: run, models } = this.#runs
    return derivative?.bytes(images, run !== undefined && run < images ? run : undefined, models.length) ?? null
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
    if (isTwice && this.#parts.options.learnedVariance) return firstHalf(out, x.shape)
    const fix =
      'name its variance_type, learned or learned_range, in the scheduler file, or export the first half alone'
    const twice = isTwice ? ` (it seems to predict variances too: ${fix})` : ''
    const came = `${result.dtype}[${result.shape}] for [${x.shape}]${twice}`
    const rule = `the output '${output}' of ${this.#parts.file} must be as its images are`
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
    const { derivative, missing } = this.#parts.derivative
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
    return { x: copied(x), told, condition: classes, images: this.#parts.together }
  }

  /** The derivative in the time of that in what is told. */
  #inTime({ dx, dtime }: DenoiserGradient, time: number): DenoiserGradient {
    return { dx, dtime: dtime === null ? null : dtime * slopeAt(this.#told, time, this.#timesteps - 1) }
  }

  /** The first time: a derivative of something else than the file would lead astray. @throws `denoiser.derivative` */
  async #requireAgreement({ x, told, condition, images }: DerivativeCall, { data }: Images): Promise<void> {
    if (this.#agrees) return
    const own = await this.#inParts(x, told, condition, images ?? this.#runs.images)
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
    return inputError('denoiser.derivative', `${this.#parts.file}, an ONNX file, has ${what}; ${fix}`)
  }

  async dispose(): Promise<void> {
    const { derivative } = this.#parts.derivative
    await disposeAll([...this.#runs.models, ...(derivative ? [derivative] : [])])
  }

  #check(x: Images, time: number): void {
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
  }

  /** A class per image, the null class where none are given; undefined: the file takes none. @throws `model.condition` */
  #labels(condition: Int32Array | undefined, count: number): Int32Array | undefined {
    const { classes, nullClass, classRows: rows, conditional } = this
    const { file } = this.#parts
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
const itemsOf = ({ dtype, shape: [, ...item], data }: Images, i: number, count: number): Images => {
  const size = count * sizeOf(item)
  return { dtype, shape: [count, ...item], data: data.subarray(i * size, (i + 1) * size) } as Images
}

const copied = (images: Images): Images => ({ ...images, data: images.data.slice() }) as Images

const disposeAll = (parts: readonly { dispose(): Promise<void> }[]) => Promise.all(parts.map((part) => part.dispose()))
