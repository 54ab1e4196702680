/** What decoders of picture files give. */

/** Interleaved samples: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA, each 0 to `white`. */
export interface Samples {
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly data: ArrayLike<number>
  readonly white: number
  /** A colour that stands for transparent (PNG's tRNS). */
  readonly transparent?: ArrayLike<number>
  /** How the stored rows are to be turned (EXIF, 1 to 8); absent: they stand upright. */
  readonly orientation?: number
}
