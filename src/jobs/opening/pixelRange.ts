/** Which numbers are black and white. */
import { z } from 'zod'

/** A range of pixels, or null; the other way round it would turn images into their negatives. */
export const pixelRange = () =>
  z
    .tuple([z.number(), z.number()])
    .refine(([low, high]) => low < high, {
      error: ({ input }) => `must be two numbers low,high with low < high, got ${String(input)}`,
    })
    .nullable()
