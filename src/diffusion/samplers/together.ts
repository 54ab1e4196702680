/**
 * Sampling of images together and its derivative, whatever the sampler. Forwards, its loop over `predict` with a tape of one state and one prediction
 * per evaluation of the network; backwards, the same loop over `vjp`. Nothing is unrolled.
 */
import { inputError, randomStream, sizeOf, throwIfInterrupted } from '../../base/index.ts'
import type { Denoiser, ImageData, Images, Pullback } from '../denoiser.ts'
import { alphaBarOf } from '../schedules/level.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import type { SolverCotangent } from '../schedules/solverNumbers.ts'
import { namesOfSolver, solverCotangent } from '../schedules/solverNumbers.ts'
import { anyBatch, imagesOf, sum } from './anyBatch.ts'
import type { Chain, Evaluation, ReverseChain } from './chain.ts'
import { dot } from './chain.ts'
import { runClass } from './classSteps.ts'
import { like } from './denoised.ts'
import { afterSteps, requireFiniteImages } from './finite.ts'
import { SAMPLERS, samplerNamed } from './samplers.ts'
import type { Sampling } from './settings.ts'
import { evaluationsBy } from './settings.ts'

/** What decides a batch of samples. */
export interface SampleOptions extends Sampling {
  readonly denoiser: Denoiser
  /** x_T: [n, ...imageShape], of the denoiser's element type; see `startNoise`. */
  readonly start: Images
  /** Seed of the noise of stochastic samplers. */
  readonly seed: number
  /** Item number of the first image; image i has the streams of item `firstItem` + i. Default 0. */
  readonly firstItem?: number
  /** A class per image. */
  readonly condition?: Int32Array
  /** How many of the last steps carry gradient. Default 0: no tape is kept. `all`: N. */
  readonly through?: number | 'all'
  /**
   * Bytes of activations to keep for the derivative, from the first step that carries gradient on; steps beyond them run their
   * forward pass again backwards. Default `KEPT_BYTES`.
   */
  readonly keepBytes?: number
  readonly signal?: AbortSignal
  /** Called after each network call with network evaluations done and to do. */
  readonly onProgress?: (done: number, total: number) => void
}

/** Bytes of activations that are kept by default: 4,000 images and steps of 16x16 digits. */
export const KEPT_BYTES = 2 ** 30

/** Everything the derivative needs, for the last `through` steps. */
export interface Tape {
  readonly options: SampleOptions
  readonly first: number
  /** Of the network, in the steps that carry gradient. */
  readonly evaluations: readonly Evaluation[]
  readonly before: ReadonlyMap<number, ImageData>
  readonly corrected?: ImageData
  /** Of the evaluations whose activations are kept until `release`. */
  readonly pullbacks: ReadonlyMap<Evaluation, Pullback>
  /** Of images that went through their steps in parts: the part's images and its own tape. `evaluations` and `pullbacks` are those of all. */
  readonly parts?: readonly { readonly begin: number; readonly end: number; readonly tape: Tape }[]
  /** Frees the activations: a derivative taken later runs forwards again. */
  release(): void
}

export interface Sampled {
  /** [n, ...imageShape], the element type of `start`. */
  readonly images: Images
  /** Null where `through` is 0. */
  readonly tape: Tape | null
  /** Network evaluations spent, of all images. */
  readonly evaluations: number
}

export interface SampleGradient {
  /** Derivative in log(signal^2/noise^2) of each step's level, noisiest first. */
  readonly dLogSnr: Float64Array
  /** Derivative in each told time; null where the network has none. */
  readonly dTimes: Float64Array | null
  /** Derivative in the numbers of the exponential step, absent ones at their neutral values; 0 with other samplers. */
  readonly dSolver: SolverCotangent
  /** Cotangent of the start noise; null where `through` cut the chain before it. */
  readonly dStart: Images | null
  /** Cotangent of the flat weights, where asked for. */
  readonly dWeights?: ImageData
  /** Network evaluations spent: for each that carries gradient a derivative and a recomputed forward pass (and a derivative in the weights). */
  readonly evaluations: number
}

/** Standard normal start noise: image i is the stream of item `firstItem` + i, whatever the batch. */
export function startNoise(options: {
  readonly imageShape: readonly number[]
  readonly count: number
  readonly seed: number
  readonly firstItem?: number
  readonly dtype?: 'float32' | 'float64'
}): Images {
  const { imageShape, count, seed, firstItem = 0, dtype = 'float32' } = options
  const length = count * sizeOf(imageShape)
  const data = dtype === 'float32' ? new Float32Array(length) : new Float64Array(length)
  fillNoise(data, count, (item) => ({ seed, purpose: 'start', item: firstItem + item }))
  return imagesOf(data, count, imageShape)
}

type NameOfItem = (item: number) => Parameters<typeof randomStream>[0]

function fillNoise(data: ImageData, count: number, nameOf: NameOfItem): void {
  const size = data.length / count
  for (let item = 0; item < count; item++) {
    randomStream(nameOf(item)).normal(data.subarray(item * size, (item + 1) * size))
  }
}

/** As `sample`, of all images side by side: their arithmetic and the calls of the network in turn. */
export async function sampleTogether(given: SampleOptions): Promise<Sampled> {
  const options = withOwnArrays(given)
  const { denoiser, schedule, settings, start, own } = options
  checkTimes(denoiser, schedule)
  checkStart(denoiser, start)
  checkSolver(options)
  checkGuidance(options)
  const count = start.shape[0]
  const steps = schedule.levels.length
  const sampler = samplerNamed(settings.sampler)
  const evaluations = count * evaluationsBy(denoiser, options)
  const first = steps - throughOf(options, steps)
  if (own && first < steps) {
    throw inputError('sampler.derivative', `the steps of ${own.className} have no derivative; take one of the samplers`)
  }
  const kept: Evaluation[] = []
  let remembered: Pick<Tape, 'before' | 'corrected'> = { before: new Map() }
  const callAt = callsOf(options)
  const guides = schedule.solver?.guidance !== undefined
  const pullbacks = new Map<Evaluation, Pullback>()
  let bytesLeft = options.keepBytes ?? KEPT_BYTES
  let done = 0
  const evaluate = async (step: number, at: number, x: ImageData): Promise<ImageData> => {
    const call = callAt(at)
    const here = [imagesOf(x, count, denoiser.imageShape), schedule.times[at], options.condition] as const
    if (step < first) return (await call.predict(...here)).data
    const pullback = bytesLeft > 0 ? await call.pullback?.(...here) : undefined
    const { prediction, direction } = pullback ? keptAlong(pullback, guides) : await predicted(call, guides, ...here)
    const evaluation: Evaluation = { step, at, x, prediction, ...(direction && { direction }) }
    kept.push(evaluation)
    if (!pullback) return prediction
    bytesLeft -= pullback.bytes
    if (bytesLeft >= 0) pullbacks.set(evaluation, pullback)
    else pullback.release()
    return prediction
  }
  const chain: Chain = {
    prediction: denoiser.prediction,
    schedule,
    settings,
    start: start.data,
    async predict(i, x, at = i) {
      throwIfInterrupted(options.signal)
      requireFiniteImages(x, count, options.firstItem ?? 0, afterSteps(schedule, at))
      const prediction = await evaluate(i, at, x)
      done += count * (denoiser.evaluationsEach ?? 1)
      options.onProgress?.(done, evaluations)
      return prediction
    },
    noise: noiseOf(options),
    remember(i, before, corrected) {
      if (i === first) remembered = { before: new Map(before), ...(corrected && { corrected }) }
    },
  }
  const data = await (own ? runClass(own, { ...chain, count }) : sampler.run(chain))
  requireFiniteImages(data, count, options.firstItem ?? 0, afterSteps(schedule, steps))
  const release = () => {
    for (const pullback of pullbacks.values()) pullback.release()
    pullbacks.clear()
  }
  const tape = first < steps ? { options, first, evaluations: kept, ...remembered, pullbacks, release } : null
  return { images: imagesOf(data, count, denoiser.imageShape), tape, evaluations }
}

/** Copies: the caller may fill the arrays anew before the last step. */
const withOwnArrays = ({ start, condition, ...rest }: SampleOptions): SampleOptions => ({
  ...rest,
  start: { ...start, data: start.data.slice() } as Images,
  ...(condition && { condition: condition.slice() }),
})

/** What a derivative of samples is asked for. */
export interface VjpRequest {
  readonly weights?: boolean
  readonly weightsAbove?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/** As `sampleVjp`, of a tape of images side by side. */
export async function vjpTogether(tape: Tape, dImages: Images, request: VjpRequest = {}): Promise<SampleGradient> {
  const { denoiser, schedule, settings, start, condition } = tape.options
  if (!denoiser.differentiable) {
    throw inputError(
      'sampler.derivative',
      'this network has no derivative; use an estimator that needs none: two-point, coordinate',
    )
  }
  const count = start.shape[0]
  const steps = schedule.levels.length
  const callAt = callsOf(tape.options)
  const dLogSnr = new Float64Array(steps)
  const dSolver = solverCotangent(steps)
  let dTimes = hasTimeDerivative(denoiser) ? new Float64Array(steps) : null
  const { weights: inWeights = false, weightsAbove = 0 } = request
  const reachesWeights = ({ at }: Evaluation) =>
    inWeights && (denoiser.prediction !== 'noise' || alphaBarOf(schedule.levels[at]) > weightsAbove)
  const costOf = (evaluation: Evaluation) =>
    count * (denoiser.evaluationsEach ?? 1) * (reachesWeights(evaluation) ? 3 : 2)
  const evaluations = tape.evaluations.reduce((all, evaluation) => all + costOf(evaluation), 0)
  let done = 0
  let dWeights: ImageData | undefined
  const chain: ReverseChain = {
    prediction: denoiser.prediction,
    schedule,
    settings,
    first: tape.first,
    before: tape.before,
    ...(tape.corrected && { corrected: tape.corrected }),
    dLogSnr,
    dSolver,
    step: (i) => tape.evaluations.filter(({ step }) => step === i),
    noise: noiseOf(tape.options),
    async vjp(evaluation, cotangent) {
      throwIfInterrupted(request.signal)
      const { x, at } = evaluation
      const [images, g] = [x, cotangent].map((data) => imagesOf(data, count, denoiser.imageShape))
      const weights = reachesWeights(evaluation)
      const kept = weights ? undefined : tape.pullbacks.get(evaluation)
      const back = await (kept ? kept.vjp(g) : callAt(at).vjp(images, schedule.times[at], condition, g, { weights }))
      // Zeros in the place of what is missing would pass for times that are best as they are.
      if (back.dtime === null) dTimes = null
      if (dTimes && back.dtime !== null) dTimes[at] += back.dtime
      if (evaluation.direction) dSolver.guidance[at] += dot(cotangent, evaluation.direction)
      dWeights = sum(dWeights, back.dweights)
      done += costOf(evaluation)
      request.onProgress?.(done, evaluations)
      return back.dx.data
    },
  }
  const toStart = await samplerNamed(settings.sampler).pullBack(chain, dImages.data)
  const dStart = tape.first === 0 ? imagesOf(toStart, count, denoiser.imageShape) : null
  return { dLogSnr, dTimes, dSolver, dStart, ...(dWeights && { dWeights }), evaluations }
}

/** The denoiser for any number of images, guided as the schedule says it of the step whose time it is told. */
function callsOf({ denoiser, schedule: { solver } }: SampleOptions): (at: number) => Denoiser {
  const call = anyBatch(denoiser)
  const guided = solver?.guidance?.map((scale) => call.atScale?.(scale) ?? call)
  return (at) => guided?.[at] ?? call
}

/** A prediction, with its derivative in the guidance scale where that is wanted. */
type Predicted = Pick<Evaluation, 'prediction' | 'direction'>

const keptAlong = ({ prediction, direction }: Pullback, guides: boolean): Predicted => ({
  prediction: prediction.data,
  ...(guides && direction && { direction: direction().data }),
})

async function predicted(
  call: Denoiser,
  guides: boolean,
  ...asked: Parameters<Denoiser['predict']>
): Promise<Predicted> {
  if (!guides || !call.predictAlong) return { prediction: (await call.predict(...asked)).data }
  const { prediction, direction } = await call.predictAlong(...asked)
  return { prediction: prediction.data, direction: direction.data }
}

/** Noise of step i, the same forwards and backwards. */
function noiseOf({ start, seed, firstItem = 0 }: SampleOptions): (i: number) => ImageData {
  return (i) => stepNoise(like(start.data), { count: start.shape[0], seed, firstItem, step: i })
}

/** Fills `z` with the standard normal noise of a step, one stream per image, and returns it. */
export function stepNoise<T extends ImageData>(
  z: T,
  of: { readonly count: number; readonly seed: number; readonly firstItem: number; readonly step: number },
): T {
  const { count, seed, firstItem, step } = of
  fillNoise(z, count, (item) => ({ seed, purpose: 'sampler', step, item: firstItem + item }))
  return z
}

function throughOf({ through = 0 }: SampleOptions, steps: number): number {
  if (through === 'all') return steps
  if (Number.isInteger(through) && through >= 0 && through <= steps) return through
  throw inputError(
    'sampler.through',
    `through must be an integer from 0 to the ${steps} sampling steps, or all; got ${through}`,
  )
}

/** Whether the derivative of its samples goes on to the told times. */
export const hasTimeDerivative = ({
  times,
  differentiable,
  timeDerivative = true,
}: Pick<Denoiser, 'times' | 'differentiable' | 'timeDerivative'>): boolean =>
  differentiable && times === 'real' && timeDerivative

/** @throws `times.integerOnly` */
export function checkTimes(denoiser: Denoiser, { times }: SamplingSchedule): void {
  const odd = denoiser.times === 'integer' ? times.find((time) => !Number.isInteger(time)) : undefined
  if (odd === undefined) return
  const what = 'this network has a learned table of times and can be told integers only'
  throw inputError(
    'times.integerOnly',
    `${what}, got time ${odd}; learn levels alone, or use a network with real times`,
  )
}

/** @throws `sampler.solver` where the schedule has numbers that the sampler does not take */
function checkSolver({ schedule: { solver }, settings: { sampler } }: SampleOptions): void {
  if (!solver || samplerNamed(sampler).solverNumbers) return
  const owners = SAMPLERS.flatMap(({ name, solverNumbers }) => (solverNumbers ? [name] : [])).join(' or ')
  throw inputError(
    'sampler.solver',
    `a schedule with ${namesOfSolver(solver).join(', ')} is for sampler ${owners}, got ${sampler}; leave sampler out, or use the levels and times alone`,
  )
}

/** @throws `sampler.guidance` where the schedule guides and the denoiser cannot be guided */
function checkGuidance({ denoiser, schedule: { solver } }: SampleOptions): void {
  if (!solver?.guidance || denoiser.atScale) return
  throw inputError(
    'sampler.guidance',
    'a schedule with guidance scales of its own is for a denoiser that is guided towards classes (classifierFree), got one that is not; guide it, or leave them out',
  )
}

function checkStart(denoiser: Denoiser, start: Images): void {
  const dtype = denoiser.dtype ?? 'float32'
  const shape = [start.shape[0], ...denoiser.imageShape]
  if (
    start.dtype !== dtype ||
    start.shape.length !== shape.length ||
    shape.some((n, axis) => n !== start.shape[axis])
  ) {
    const wanted = `${dtype} [n, ${denoiser.imageShape.join(', ')}]`
    throw inputError('sampler.start', `start noise must be ${wanted}, got ${start.dtype} [${start.shape.join(', ')}]`)
  }
}
