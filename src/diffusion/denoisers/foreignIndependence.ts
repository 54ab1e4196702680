/**
 * Whether somebody else's file predicts an image alike alone and among others. Dynamically quantised (int8) files do not: they scale activations over
 * the whole run; nor do networks exported in training mode, whose batch normalisation takes means over it.
 */

/** Root mean square of a - b, relative to b's. */
export function relativeDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, size] = [0, 0]
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2
    size += b[i] ** 2
  }
  return difference === 0 ? 0 : Math.sqrt(difference / size)
}

/** Above what rounding of float32 in another order gives, below what eight bits do. */
const MOST_DIFFERENCE = 1e-3

/**
 * What is said of a file whose prediction of an image changes by `difference` among others; null: it does not.
 * @param fixed images of a run, where it is made for some number
 */
export function dependenceNote(file: string, difference: number, fixed: number | undefined): string | null {
  if (!(difference > MOST_DIFFERENCE)) return null
  const why = `what ${file} predicts for an image changes by ${Number((100 * difference).toPrecision(2))} % with the other images of a run, as of dynamically quantised (int8) files and of networks exported in training mode`
  return fixed === undefined
    ? `${why}: images are run one by one`
    : `${why}: it is made for ${fixed} images a run, so an image depends on those that it is drawn with`
}
