/**
 * Opening somebody else's ONNX file as a `Denoiser`: what its inputs are, whether it runs, how many classes it knows, whether images depend on each other in it, and in what
 * runs it is fastest.
 */
import type { Shape } from '../../base/index.ts'
import { BilevelError, fileName, inputError, randomStream, sizeOf, tensor } from '../../base/index.ts'
import type { ForeignModel, ForeignValue } from '../../runtime/index.ts'
import { lanesFor, mostLanes, openModel } from '../../runtime/index.ts'
import type { Images } from '../denoiser.ts'
import { bakedBatches, bakedBatchNote, bakedTimeNote } from './foreignBaked.ts'
import type { ForeignClasses } from './foreignClasses.ts'
import { knownClasses, oneHotWidth, tableRows } from './foreignClasses.ts'
import type { ForeignDenoiser, ForeignDenoiserOptions } from './foreignDenoiser.ts'
import { disposeAll, FileDenoiser, itemsOf } from './foreignDenoiser.ts'
import { describeValues, recogniseInputs } from './foreignDenoiserInputs.ts'
import { ambiguousChannels, batchOf, imageShapesOf } from './foreignDenoiserShape.ts'
import type { FoundDerivative } from './foreignDerivative.ts'
import { findDerivative } from './foreignDerivative.ts'
import { dependenceNote, dependenceOf } from './foreignIndependence.ts'
import { measureRuns, runSizes } from './foreignRuns.ts'
import { checkpointNote } from './gradientCheckpointing.ts'

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
    const asked = batchOf(inputs, options.batch)
    const output = model.outputs.find(({ name }) => name === inputs.output)
    const shapes = imageShapesOf(file, inputs, output, options.imageShape)
    const classes = knownClasses(file, inputs, options.classes ?? {}, undefined)
    const parts = { file, declared: model.inputs, inputs, options, classes, derivative: NONE_YET }
    const tried = ({ batch, fixed, notes }: Batch) => {
      const some = { ...parts, batch, notes, together: fixed }
      const open = (imageShape: Shape) => new FileDenoiser({ ...some, imageShape }, { models: [model], images: fixed })
      return theOneThatRuns(shapes.map(open), () => ambiguousChannels(file, inputs.image))
    }
    const notes = asked.fixed === undefined ? [] : [batchNote(file, asked.fixed)]
    const { batch, fixed, found } = await withItsBatch(
      { ...asked, notes },
      { file, output, wanted: options.batch },
      tried,
    )
    const { imageShape } = found.denoiser
    const derivative = await findDerivative(model, {
      ...engine,
      file,
      inputs,
      imageShape,
      images: fixed ?? batch ?? TRIAL_BATCH,
      gradientCheckpointing: options.gradientCheckpointing ?? 'auto',
    })
    const measured = { model, fixed, trial: found.trial, derivative }
    const { denoiser, trial, together } = await withWhatIsFound(found.denoiser, measured)
    const decoder = await options.decoder?.(denoiser.imageShape)
    const decoding = (opened: FileDenoiser) => Object.assign(opened, decoder && { decoder })
    if (batch === undefined) return decoding(denoiser)
    const lanes = together === undefined ? lanesFor(batch, engine) : Math.min(mostLanes(engine), batch / together)
    const sizes = together === undefined ? runSizes(batch / lanes) : [together]
    return decoding((await inRuns(denoiser, model, { lanes, sizes }, trial)) ?? denoiser.with({ together: batch }))
  } catch (error) {
    await model.dispose()
    throw error
  }
}

/** Images a call, and of a run where the file is made for some number. */
interface Batch {
  readonly batch: number | undefined
  readonly fixed: number | undefined
  readonly notes: readonly string[]
}

/**
 * A file with an open batch may run on one number of images alone: then it is one made for that number.
 * @throws as the trial with what was asked for, where it runs on none
 */
async function withItsBatch(
  asked: Batch,
  {
    file,
    output,
    wanted,
  }: { readonly file: string; readonly output: ForeignValue | undefined; readonly wanted: number | undefined },
  tried: (batch: Batch) => Promise<Tried>,
): Promise<Batch & { readonly found: Tried }> {
  try {
    return { ...asked, found: await tried(asked) }
  } catch (error) {
    const doesNotRun = error instanceof BilevelError && error.code === 'model.run'
    if (!doesNotRun || asked.fixed !== undefined) throw error
    for (const fixed of bakedBatches(output, asked.batch ?? TRIAL_BATCH)) {
      const batch = fixed * Math.max(1, Math.floor((wanted ?? fixed) / fixed))
      const baked = { batch, fixed, notes: [bakedBatchNote(file, fixed)] }
      const found = await tried(baked).catch(() => null)
      if (found) return { ...baked, found }
    }
    throw error
  }
}

/** @throws as the trial of the first where none runs, `ambiguous` where several do */
async function theOneThatRuns(denoisers: readonly FileDenoiser[], ambiguous: () => Error): Promise<Tried> {
  const trials = await Promise.allSettled(
    denoisers.map(async (denoiser) => ({ denoiser, trial: await trialOf(denoiser) })),
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

/** Before it is looked for. */
const NONE_YET: FoundDerivative = { derivative: null, missing: '' }

/** Of a trial: the images; the last time of the schedule, in later rounds half of the one before; the first class. */
function askedOf({ batch, imageShape, conditional, timesteps }: FileDenoiser, round: number) {
  const shape = [batch ?? TRIAL_BATCH, ...imageShape]
  const noise = randomStream({ seed: 0, purpose: 'trial' }).normal(new Float32Array(sizeOf(shape)))
  const classes = conditional ? new Int32Array(shape[0]) : undefined
  return { x: tensor('float32', shape, noise), time: Math.floor((timesteps - 1) / 2 ** round), classes }
}

/** Runs it once on noise, so that what does not fit is said at once: the sizes, and a table of times shorter than the schedule. */
async function trialOf(denoiser: FileDenoiser): Promise<Images> {
  const { x, time, classes } = askedOf(denoiser, 0)
  const [count] = x.shape
  try {
    const began = performance.now()
    const prediction = await denoiser.predict(x, time, classes)
    denoiser.secondsPerEvaluation = (performance.now() - began) / 1000 / count
    denoiser.evaluations += count
    return prediction
  } catch (cause) {
    if (cause instanceof BilevelError && cause.kind === 'input') throw cause
    const came = `${count} images of [${denoiser.imageShape}] at time ${time}, the last of the schedule`
    const { file, declared } = denoiser.parts
    const why = `${(cause as Error).message}; its inputs are ${describeValues(declared)}`
    const fix = 'check the schedule, the image size and the batch'
    throw inputError('model.run', `${file} must run on ${came}: ${why}; ${fix}`, { cause })
  }
}

/**
 * The same with what is found out by running it: how many classes its table has, and, where an image's prediction depends on the others of a run, that
 * images are run one by one (a file made for more takes them together, which is said).
 */
async function withWhatIsFound(
  tried: FileDenoiser,
  { model, fixed, trial, derivative }: Measured,
): Promise<Tried & { readonly together: number | undefined }> {
  const classes = await classesOf(tried)
  const early = Math.floor((tried.timesteps - 1) / 4)
  const ask = (x: Images) => tried.ask(x, early)
  const { x } = askedOf(tried, 0)
  const found =
    fixed === 1
      ? { difference: 0, alone: (await ask(itemsOf(x, 0, 1))).data }
      : await dependenceOf(ask, tried.imageShape, fixed).catch(() => null)
  const { file } = tried.parts
  const apart = found && dependenceNote(file, found.difference, fixed)
  const baked = found || fixed !== undefined ? undefined : x.shape[0]
  const together = apart !== null && fixed === undefined ? 1 : (fixed ?? baked)
  const size = sizeOf(tried.imageShape)
  const atOnce = found && bakedTimeNote(file, [tried.timesteps - 1, early], [found.alone, trial.data.subarray(0, size)])
  const notes = [tried.notes, apart, baked === undefined ? null : bakedBatchNote(file, baked), atOnce].flat()
  const { gradientCheckpointing = 'auto' } = tried.parts.options
  const chosen = gradientCheckpointing === 'auto' && derivative.derivative?.checkpointed
  const told = [...notes.filter((note) => note !== null), ...(chosen ? [checkpointNote(file)] : [])]
  const denoiser = tried.with(
    { classes, notes: told, derivative, together, ...(baked !== undefined && { batch: baked }) },
    { models: [model], images: together },
  )
  return { denoiser, trial: together === fixed || baked !== undefined ? trial : await trialOf(denoiser), together }
}

/** @throws `model.classes` on classes that are said and not there */
async function classesOf(denoiser: FileDenoiser): Promise<ForeignClasses> {
  const { file, inputs, options, classes } = denoiser.parts
  const declared = inputs.classes
  if (!declared || oneHotWidth(inputs) !== undefined || !declared.dtype.startsWith('int')) return classes
  const { x, time } = askedOf(denoiser, 0)
  const some = itemsOf(x, 0, denoiser.runs.images ?? 1)
  const rows = await tableRows((label) => denoiser.ask(some, time, label))
  return knownClasses(file, inputs, options.classes ?? {}, rows ?? undefined)
}

/**
 * The same in lanes and runs of the fastest of some sizes, with its own model freed where there is more than one lane; null where no size gives the
 * trial's bytes (a file whose images depend on each other, one made for one batch that does not say so).
 */
async function inRuns(
  denoiser: FileDenoiser,
  model: ForeignModel,
  { lanes, sizes }: { readonly lanes: number; readonly sizes: readonly number[] },
  trial: Images,
): Promise<FileDenoiser | null> {
  const own = denoiser.runs.models
  const models = lanes > 1 ? await model.inLanes(lanes) : own
  const { images, seconds, predictions } = await measureRuns({
    sizes,
    whole: trial,
    predict: (size, round) => {
      const { x, time, classes } = askedOf(denoiser, round)
      return denoiser.with({}, { models, images: size }).predict(x, time, classes)
    },
  })
  const [count] = trial.shape
  denoiser.evaluations += predictions * count
  if (models !== own) await disposeAll(images === null ? models : own)
  if (images === null) return null
  return Object.assign(denoiser.with({}, { models, images }), { secondsPerEvaluation: seconds / count })
}
