/**
 * In how many lanes, and how many images a run, somebody else's file is run: what gives the bytes of the whole batch and, among that, what is
 * fastest. docs/decisions/011 has what was found.
 */
import type { LoadedForeignModel } from '../../runtime/index.ts'
import type { Images } from '../denoiser.ts'

/** How a call is divided. */
export interface Runs {
  /** The file in each lane; run i of a call is the work of lane i modulo their number. */
  readonly models: readonly LoadedForeignModel[]
  /** Images a run; undefined: the whole call is one. */
  readonly images: number | undefined
}

/** Times each candidate is run. Every time all of them are at another told time, so that what depends on a batch has as many chances to show. */
const ROUNDS = 2
/** No candidate is begun that would end later than this, but the first one's second round where one takes no longer: its first was cold. */
const MOST_SECONDS = 2
/** Smaller runs are tried at these sizes: below, the engine's own overhead counts; above, results of layers leave the caches. */
const TRIED = [32, 16, 8] as const

/** The most runs of a whole batch that measuring takes. */
export const MOST_MEASURING_RUNS = ROUNDS * (1 + TRIED.length)

/**
 * Sizes of runs to try for a batch: its lanes' share, and smaller ones that divide that. Multiples of 8, so that vector instructions
 * end where the values of an image do, whatever the size.
 */
export const runSizes = (share: number): readonly number[] => [
  share,
  ...TRIED.filter((images) => images < share && share % images === 0),
]

/** What a candidate is measured with. */
export interface Measuring {
  /** Sizes of runs, the one that is taken without measuring first. */
  readonly sizes: readonly number[]
  /** Prediction of a whole batch in runs of so many images, in round r. */
  predict(images: number, round: number): Promise<Images>
  /** The whole batch in one run, in round 0. */
  readonly whole: Images
  /** Seconds, of any fixed beginning. Default: the machine's. */
  readonly clock?: () => number
}

export interface MeasuredRuns {
  /** Images a run; null: no division gives the bytes of the whole. */
  readonly images: number | null
  /** Of a prediction of the whole batch. */
  readonly seconds: number
  /** Predictions of the whole batch that it took. */
  readonly predictions: number
}

/**
 * The fastest size of those whose bytes are the whole batch's in the first round, and the first size's in the next. What does not agree is out,
 * so which one is fastest decides about no byte of what is predicted.
 */
export async function measureRuns(measuring: Measuring): Promise<MeasuredRuns> {
  const { sizes, predict, whole, clock = () => performance.now() / 1000 } = measuring
  const began = clock()
  const best = new Map<number, number>()
  const out = new Set<number>()
  let predictions = 0
  for (let round = 0; round < ROUNDS; round++) {
    let truth = round === 0 ? whole : null
    for (const images of sizes.filter((size) => !out.has(size))) {
      const first = images === sizes[0]
      const expected = best.get(images) ?? best.get(sizes[0]) ?? 0
      const ends = first ? expected : clock() - began + expected
      if (predictions > 0 && ends > MOST_SECONDS) continue
      const at = clock()
      const predicted = await predict(images, round).catch(() => null)
      const seconds = clock() - at
      predictions++
      truth ??= predicted
      if (!predicted || !truth || !sameBytes(predicted, truth)) {
        // Smaller runs would have to agree with the whole, which the largest does not.
        if (first) return { images: null, seconds, predictions }
        out.add(images)
        best.delete(images)
      } else best.set(images, Math.min(seconds, best.get(images) ?? seconds))
    }
  }
  return chosen(sizes, best, predictions)
}

function chosen(sizes: readonly number[], best: ReadonlyMap<number, number>, predictions: number): MeasuredRuns {
  const [[images, seconds]] = [...best].toSorted(([, a], [, b]) => a - b)
  return { images: images ?? sizes[0], seconds, predictions }
}

const sameBytes = (a: Images, b: Images): boolean =>
  a.data.length === b.data.length && a.data.every((value, i) => Object.is(value, b.data[i]))
