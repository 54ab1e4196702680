/**
 * Measures which convention a network keeps. Real pictures are noised as a candidate says, to signal²/noise² of about 4, 1 and 1/4 (at 1 alone a cosine or a
 * flow is its own reversal), the network is told what the candidate says, and what comes out, turned into a prediction of the samplers, is compared with what it
 * should be. The figure is the mean over the three of rms(prediction - what it should be).
 */
import type { Shape } from '../../base/index.ts'
import { randomStream, sizeOf, tensor } from '../../base/index.ts'
import type { Images } from '../denoiser.ts'
import { anyBatch } from '../samplers/anyBatch.ts'
import type { Level } from '../schedules/level.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import type { ToldTimes } from '../schedules/samplingSchedule.ts'
import { timeOfLogSnr } from '../schedules/sigmaSpacing.ts'
import { roundHalfEven } from '../schedules/stepList.ts'
import type { Candidate } from './candidates.ts'
import type { ConventionScalars, ToldNetwork } from './conventionDenoiser.ts'
import { predictionFor, scalarsAt, scheduleFor } from './conventionDenoiser.ts'
import { toldAt } from './toldTime.ts'

/** Signal-to-noise ratios that pictures are noised to. */
const RATIOS = [1, 4, 1 / 4] as const

/**
 * A figure says something of the network only below this share of what it is with each picture's output exchanged for another's: pixels in [0, 255] divide an output by
 * 127, and what is left is the same black picture for any network.
 */
const SAYS_SOMETHING = 0.8

/** Figures this close are of conventions that cannot be told apart. */
export const SAME_CLASS = 0.05

/** Pictures to measure on. */
export interface MeasuringPictures {
  /** Real images in [-1, 1], [count, ...imageShape]. */
  readonly images: Images
  /** A class per picture, where the network takes one. */
  readonly classes?: Int32Array
}

/** A candidate with its figure. */
export interface Figure extends Candidate {
  /** Mean over the ratios of the rms error; infinite where the network fails so; of one that was given up, so far at least. */
  readonly figure: number
  /** It was worse than the best by so much that it was not measured to the end. */
  readonly atLeast: boolean
  /** Whether what comes out depends on what went in so far that the figure is the network's. */
  readonly says: boolean
}

export interface MeasureOptions {
  /** Whether candidates that are worse than the best are measured to the end all the same. Default false. */
  readonly all?: boolean
}

/**
 * The figures of candidates, in their order. The first one is always measured to the end.
 * @param network told any number, at any number of images
 */
export async function measureConventions(
  network: ToldNetwork,
  candidates: readonly Candidate[],
  { images, classes }: MeasuringPictures,
  { all = false }: MeasureOptions = {},
): Promise<readonly Figure[]> {
  const asked = new Asked(network, images, classes)
  const sums = candidates.map(() => ({ sum: 0, exchanged: 0, rounds: 0 }))
  const measure = async (i: number, round: number) => {
    const { own, exchanged } = await asked.errors(candidates[i], RATIOS[round])
    sums[i].sum += own
    sums[i].exchanged += exchanged
    sums[i].rounds++
  }
  const says = (i: number) => sums[i].sum <= SAYS_SOMETHING * sums[i].exchanged
  for (const round of RATIOS.keys()) await measure(0, round)
  let best = sums[0].sum
  for (const [i] of candidates.entries()) {
    const bound = () => Math.max(best, 0) + RATIOS.length * SAME_CLASS
    for (let round = 0; i > 0 && round < RATIOS.length && (all || sums[i].sum <= bound()); round++)
      await measure(i, round)
    if (sums[i].rounds === RATIOS.length && says(i)) best = Math.min(best, sums[i].sum)
  }
  return candidates.map((candidate, i) => ({
    ...candidate,
    figure: sums[i].sum / RATIOS.length,
    atLeast: sums[i].rounds < RATIOS.length && sums[i].sum < Number.POSITIVE_INFINITY,
    says: says(i),
  }))
}

/** Where a candidate puts pictures, and what it tells the network there. */
interface Question {
  readonly level: Level
  readonly scalars: ConventionScalars
  readonly told: number
  /** The same for questions of one answer. */
  readonly key: string
}

/** What a candidate asks at about a signal-to-noise ratio. */
function questionOf({ convention, trained }: Candidate, ratio: number, times: ToldTimes): Question {
  const schedule = scheduleFor(convention, trained)
  const t = timeAt(schedule, Math.log(ratio), times)
  const level = schedule.level(t)
  const scalars = scalarsAt(convention, trained, t)
  const told = toldAt(convention, trained, t)
  return { level, scalars, told, key: [level.signal, level.noise, scalars.inX, scalars.inOne, told].join() }
}

/** Predictions of the pictures that measuring candidates takes at most, where none is given up: candidates that differ in what is predicted alone ask the same. */
export function mostPredictions(candidates: readonly Candidate[], times: ToldTimes): number {
  return new Set(candidates.flatMap((one) => RATIOS.map((ratio) => questionOf(one, ratio, times).key))).size
}

/** What the network said, each once. */
class Asked {
  readonly #outputs = new Map<string, Promise<{ own: Images; output: Images } | null>>()
  readonly #network: ReturnType<typeof anyBatch>
  readonly #images: Images
  readonly #noise: Images
  readonly #classes: Int32Array | undefined

  constructor(network: ToldNetwork, images: Images, classes: Int32Array | undefined) {
    this.#network = anyBatch({ ...network, prediction: 'noise' })
    this.#images = images
    this.#noise = noiseLike(images.shape)
    this.#classes = classes
  }

  /** rms of what a candidate's prediction is off by, at about a signal-to-noise ratio, and with each picture's output exchanged for the next one's. */
  async errors(candidate: Candidate, ratio: number): Promise<{ own: number; exchanged: number }> {
    const question = questionOf(candidate, ratio, this.#network.times)
    const said = await this.#ask(question)
    if (!said) return { own: Number.POSITIVE_INFINITY, exchanged: 0 }
    const { own, output } = said
    const { level, scalars } = question
    const kind = predictionFor(candidate.convention)
    const [x0, eps] = [this.#images.data, this.#noise.data]
    const [toNoise, toImage] =
      kind === 'noise'
        ? [1, 0]
        : kind === 'sample'
          ? [0, 1]
          : level.path === 'flow'
            ? [1, -1]
            : [level.signal, -level.noise]
    // A single picture is exchanged for its other half.
    const [count] = own.shape
    const next = count > 1 ? x0.length / count : x0.length >> 1
    const rms = (moved: number) => {
      let sum = 0
      for (let i = 0; i < x0.length; i++) {
        const given = output.data[(i + moved) % x0.length]
        const predicted = scalars.outX * own.data[i] + scalars.outP * given + scalars.outOne
        sum += (predicted - toNoise * eps[i] - toImage * x0[i]) ** 2
      }
      const error = Math.sqrt(sum / x0.length)
      return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error
    }
    return { own: rms(0), exchanged: rms(next) }
  }

  #ask({ level: { signal, noise }, scalars: { inX, inOne }, told, key }: Question) {
    const before = this.#outputs.get(key)
    if (before) return before
    const [x0, eps] = [this.#images.data, this.#noise.data]
    const own = tensor(
      'float32',
      this.#images.shape,
      Float32Array.from(x0, (value, i) => inX * (signal * value + noise * eps[i]) + inOne),
    )
    // A table of times may be shorter than what a candidate tells.
    const answer = this.#network.predict(own, told, this.#classes).then(
      (output) => ({ own, output }),
      () => null,
    )
    this.#outputs.set(key, answer)
    return answer
  }
}

/** The time of a schedule whose level is nearest to a log-SNR: whole, unless it is a flow told real ones, which has every time. */
function timeAt(schedule: NoiseSchedule, logSnr: number, times: ToldTimes): number {
  const t = timeOfLogSnr(schedule, logSnr)
  return times === 'integer' || schedule.path !== 'flow' ? roundHalfEven(t) : t
}

const noiseLike = (shape: Shape): Images =>
  tensor('float32', shape, randomStream({ seed: 0, purpose: 'convention' }).normal(new Float32Array(sizeOf(shape))))

/** Whether a network runs at both ends of a candidate's times: a table of times may be shorter. */
export async function runsThroughout(network: ToldNetwork, { convention, trained }: Candidate): Promise<boolean> {
  const any = anyBatch({ ...network, prediction: 'noise' })
  const condition = network.conditional ? new Int32Array(1) : undefined
  const image = noiseLike([1, ...network.imageShape])
  const ends = [0, trained.timesteps - 1].map((t) => any.predict(image, toldAt(convention, trained, t), condition))
  return (await Promise.allSettled(ends)).every(({ status }) => status === 'fulfilled')
}

/**
 * How much of noise alone, at the noisiest time, a network gives back: about 1 where it predicts the noise or a flow, about 0 where it predicts the image or a
 * velocity, about -1 for a flow to data. What can be told without pictures.
 */
export async function noiseGivenBack(
  network: ToldNetwork,
  candidate: Candidate,
  condition?: Int32Array,
): Promise<number> {
  const { convention, trained } = candidate
  const count = condition?.length ?? 2
  const t = trained.timesteps - 1
  const noise = noiseLike([count, ...network.imageShape])
  const { inX, inOne } = scalarsAt(convention, trained, t)
  const own = tensor(
    'float32',
    noise.shape,
    Float32Array.from(noise.data, (value) => inX * value + inOne),
  )
  const any = anyBatch({ ...network, prediction: 'noise' })
  const output = await any.predict(own, toldAt(convention, trained, t), condition)
  let [given, square] = [0, 0]
  for (let i = 0; i < noise.data.length; i++) {
    given += output.data[i] * noise.data[i]
    square += noise.data[i] ** 2
  }
  return given / square
}
