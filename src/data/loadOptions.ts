/** What may be said of reading data. */
import type { WantedSize } from './pictures/sizeChange.ts'
import type { SplitNeeds } from './split.ts'

/** What becomes of an image that cannot be read. */
export const ON_BAD = ['stop', 'skip'] as const

/** Options of every source of images. */
export interface LoadOptions extends WantedSize {
  /** Fewest images per split; default 1 train, 2 tuning, 2 held-out. */
  readonly needs?: Partial<SplitNeeds>
  /** Content hashes that must not be in `train` (see `digitsKeptOut`). */
  readonly exclude?: ReadonlySet<string>
  /** Most images that are read, a random part of those that there are, the same each time; null, the default: all. */
  readonly most?: number | null
  /** Which number is black and which is white, where images are arrays of numbers; null, the default: told by the numbers, and said. */
  readonly range?: readonly [number, number] | null
  /** Whether splits that the data name count for nothing, so that no copy is left out between them; default no. */
  readonly together?: boolean
  /** An image that cannot be read: `stop`, the default, is an error that names it; `skip` leaves it out, which a note says. */
  readonly onBad?: (typeof ON_BAD)[number]
}
