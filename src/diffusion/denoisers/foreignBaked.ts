/**
 * What somebody else's file was exported with and does not say: exporters trace a network at one batch and one time, and may keep either as a constant though
 * the input that stands for it is there, or its axis declared open. Found by two numbers of images and two times.
 */
import { relativeDifference } from '../../base/index.ts'
import type { ForeignValue } from '../../runtime/index.ts'

/** Numbers of images that people export with. */
const TRIED = [1, 2, 4, 8, 16, 32, 64]

/** Numbers of images to try a file with that does not run on those it was asked for: first that which its output declares. */
export function bakedBatches(output: ForeignValue | undefined, asked: number): readonly number[] {
  const [declared] = output?.shape ?? []
  const first = typeof declared === 'number' && declared >= 1 ? [declared] : []
  return [...new Set([...first, ...TRIED])].filter((images) => images !== asked)
}

/** Said of a file with an open batch that runs on some number of images alone. */
export const bakedBatchNote = (file: string, images: number): string =>
  `${file} declares any number of images and runs on ${images} at once alone, the number that it was exported with: images are run ${
    images === 1 ? 'one by one' : `in parts of ${images}, the last part filled up`
  } (exported from two or more example images its batch is open)`

/** Below what another time changes, above what rounding in another batch does. */
const SAME = 1e-5

/**
 * What is said of a file that predicts the same of an image at two times; null: it does not.
 * @param predictions of the same image, at each of the times
 */
export function bakedTimeNote(
  file: string,
  times: readonly [number, number],
  predictions: readonly [ArrayLike<number>, ArrayLike<number>],
): string | null {
  if (times[0] === times[1] || !(relativeDifference(...predictions) <= SAME)) return null
  return (
    `${file} predicts the same at the times ${times[0]} and ${times[1]}: the time that it is told changes nothing, as of a network that was exported with a number for its time; ` +
    'export it with the time as a tensor'
  )
}
