/**
 * The most of what a setting or a file may ask for, with the reason. They are far above what anybody uses and far below what ends a process:
 * a number beyond them is a slip or a damaged file, and is refused before anything of its size is made.
 */
import { inputError } from './errors.ts'
import { machine } from './machine.ts'

export const MOST = {
  /** Training times T: tables of doubles, which some step lists look through once a step. Models have 1,000, a few 4,000. */
  timesteps: 100_000,
  /** Side of an image in pixels, of a network or wanted. */
  side: 8192,
  /** Levels of a network: each halves the image, and 16 of them end a side of 65,536. */
  levels: 16,
  /** Channels of a layer: a convolution between two layers of as many has 2.4 billion weights. */
  channels: 16_384,
  /** Residual blocks of a level: the graph grows with each, and what plans its memory faster than that. */
  layersPerBlock: 16,
  /** Classes of a network. */
  classes: 1_000_000,
  /** Images of one program run: the engine holds every activation of all of them. */
  batch: 65_536,
  /** Images drawn for one purpose. The customary 50,000, and room. */
  images: 10_000_000,
  /** Steps of training or tuning: a week of milliseconds. */
  steps: 1_000_000_000,
  /** Network evaluations of a job. */
  evaluations: 1e12,
  /** Entries of a list of seeds: each is sampled, measured and kept. */
  seeds: 10_000,
  /** Entries of any other list of settings. */
  entries: 1000,
} as const

/** Deflate makes at most this many bytes out of one. */
export const MOST_INFLATION = 1032

/** Most elements of one typed array in the oldest engine. */
const MOST_VALUES = 2 ** 32 - 1

/** An array that is about to be made. */
export interface Room {
  /** The code of the error. */
  readonly code: string
  /** What it is for, as the subject of the error: `100 images of [1,16,16]`. */
  readonly what: string
  readonly values: number
  /** Default 4: float32. */
  readonly bytesPerValue?: number
}

/** @throws `code` if an array could not be held in this machine's memory */
export function requireRoom({ code, what, values, bytesPerValue = 4 }: Room): void {
  const bytes = values * bytesPerValue
  if (values <= MOST_VALUES && bytes <= machine().memoryBytes()) return
  const [needed, there] = [bytes, machine().memoryBytes()].map((size) => (size / 2 ** 30).toFixed(1))
  const rule = `an array holds at most ${MOST_VALUES} values, and all of this machine's memory is ${there} GiB`
  throw inputError(code, `${what} need ${needed} GiB for ${values} values; ${rule}; ask for fewer or smaller ones`)
}
