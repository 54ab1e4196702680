/**
 * Sampling in a few parts that go through their steps side by side. The steps of a sampler are arithmetic of the host between calls of the
 * network: while one part is at it, the network has another to do. Images do not depend on each other, so they are the same; derivatives in what all
 * share are sums over the parts, in their order.
 */
import { sizeOf } from '../../base/index.ts'
import type { ImageData, Images } from '../denoiser.ts'
import type { SolverCotangent } from '../schedules/solverNumbers.ts'
import { imagesOf, sum } from './anyBatch.ts'
import type { Sampled, SampleGradient, SampleOptions, Tape, VjpRequest } from './together.ts'
import { KEPT_BYTES, sampleTogether, vjpTogether } from './together.ts'

/** Parts at most: as many as leave the network without a pause. */
const PARTS = 4

interface Part {
  readonly begin: number
  readonly end: number
}

/** Consecutive images, in whole batches of the network; one part where it takes any number of images, or all at once. */
export function partsOf(count: number, batch: number | undefined): readonly Part[] {
  const batches = batch === undefined ? 1 : Math.max(1, Math.ceil(count / batch))
  const parts = Math.min(PARTS, batches)
  const each = Math.ceil(batches / parts) * (batch ?? count)
  return Array.from({ length: count === 0 ? 1 : Math.ceil(count / each) }, (_, i) => ({
    begin: i * each,
    end: Math.min(count, (i + 1) * each),
  }))
}

/** The images of a part: a view. */
function imagesIn({ data, shape: [, ...imageShape] }: Images, { begin, end }: Part): Images {
  const size = sizeOf(imageShape)
  return imagesOf(data.subarray(begin * size, end * size), end - begin, imageShape)
}

function joined(parts: readonly Images[]): Images {
  const [{ data, shape }] = parts
  const length = parts.reduce((total, part) => total + part.data.length, 0)
  const whole: ImageData = data instanceof Float32Array ? new Float32Array(length) : new Float64Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part.data, at)
    at += part.data.length
  }
  const count = parts.reduce((total, part) => total + part.shape[0], 0)
  return imagesOf(whole, count, shape.slice(1))
}

/** All results, or the error of the first part that has one, when none goes on any more. */
async function allOf<T>(runs: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(runs)
  return Promise.all(runs)
}

type Progress = (done: number, total: number) => void

/** Progress of one part each, told of all together. */
function progressOf(parts: readonly Part[], onProgress: Progress | undefined): (part: number) => Progress | undefined {
  if (!onProgress) return () => undefined
  const count = parts[parts.length - 1].end
  const done = parts.map(() => 0)
  return (part) => (now, total) => {
    done[part] = now
    const { begin, end } = parts[part]
    onProgress(
      done.reduce((all, one) => all + one, 0),
      (total / (end - begin)) * count,
    )
  }
}

/** As `sample`, of several parts. */
export async function sampleInParts(options: SampleOptions, parts: readonly Part[]): Promise<Sampled> {
  const { start, condition, firstItem = 0, keepBytes = KEPT_BYTES } = options
  const progress = progressOf(parts, options.onProgress)
  const sampled = await allOf(
    parts.map((part, i) => {
      const onProgress = progress(i)
      return sampleTogether({
        ...options,
        start: imagesIn(start, part),
        firstItem: firstItem + part.begin,
        keepBytes: keepBytes / parts.length,
        ...(condition && { condition: condition.subarray(part.begin, part.end) }),
        ...(onProgress && { onProgress }),
      })
    }),
  )
  const tapes = sampled.flatMap(({ tape }) => tape ?? [])
  return {
    images: joined(sampled.map(({ images }) => images)),
    tape: tapes.length === parts.length ? tapeOf(options, parts, tapes) : null,
    evaluations: sampled.reduce((total, { evaluations }) => total + evaluations, 0),
  }
}

function tapeOf(options: SampleOptions, parts: readonly Part[], tapes: readonly Tape[]): Tape {
  const [{ first, before, corrected }] = tapes
  return {
    options,
    first,
    evaluations: tapes.flatMap(({ evaluations }) => evaluations),
    before,
    ...(corrected && { corrected }),
    pullbacks: new Map(tapes.flatMap(({ pullbacks }) => [...pullbacks])),
    parts: tapes.map((tape, i) => ({ ...parts[i], tape })),
    release: () => {
      for (const tape of tapes) tape.release()
    },
  }
}

/** As `sampleVjp`, of a tape of several parts. */
export async function vjpInParts(
  parts: NonNullable<Tape['parts']>,
  dImages: Images,
  request: VjpRequest,
): Promise<SampleGradient> {
  const progress = progressOf(parts, request.onProgress)
  const gradients = await allOf(
    parts.map((part, i) => {
      const onProgress = progress(i)
      return vjpTogether(part.tape, imagesIn(dImages, part), { ...request, ...(onProgress && { onProgress }) })
    }),
  )
  const starts = gradients.flatMap(({ dStart }) => dStart ?? [])
  const times = gradients.flatMap(({ dTimes }) => dTimes ?? [])
  const dWeights = gradients.reduce<ImageData | undefined>((total, one) => sum(total, one.dWeights), undefined)
  return {
    dLogSnr: added(gradients.map(({ dLogSnr }) => dLogSnr)),
    dTimes: times.length === parts.length ? added(times) : null,
    dSolver: solverOf(gradients.map(({ dSolver }) => dSolver)),
    dStart: starts.length === parts.length ? joined(starts) : null,
    ...(dWeights && { dWeights }),
    evaluations: gradients.reduce((total, { evaluations }) => total + evaluations, 0),
  }
}

const added = (parts: readonly Float64Array[]): Float64Array =>
  parts[0].map((_, i) => parts.reduce((total, part) => total + part[i], 0))

function solverOf(parts: readonly SolverCotangent[]): SolverCotangent {
  const of = (name: Exclude<keyof SolverCotangent, 'history'>) => added(parts.map((part) => part[name]))
  return {
    tau: of('tau'),
    weight: of('weight'),
    scale: of('scale'),
    clipBounds: of('clipBounds'),
    output: of('output'),
    history: parts[0].history.map((_, i) => added(parts.map(({ history }) => history[i]))),
    guidance: of('guidance'),
  }
}
