/** How many classes somebody else's ONNX file knows: as it is said, as its one-hot rows are wide, or as far as its table goes, found by asking. */
import { inputError } from '../../base/index.ts'
import type { DenoiserInputs } from './foreignDenoiserInputs.ts'
import { isOneHot } from './foreignDenoiserInputs.ts'

/** What is known of a file's classes. */
export interface ForeignClasses {
  /** Classes that images can be asked for, 0 to n - 1; undefined: not known. */
  readonly classes: number | undefined
  /** What stands for no class; undefined: not known. */
  readonly nullClass: number | undefined
  /** Numbers that the file takes, 0 to n - 1; undefined: not known. */
  readonly rows: number | undefined
}

/** What is said of them. */
export interface StatedClasses {
  readonly classes?: number
  readonly nullClass?: number
}

/** A class that no table has. */
const BEYOND = 2 ** 30
/** Tables that are longer are not measured. */
const MOST_ROWS = 2 ** 20

/**
 * Rows of the table that classes are looked up in: the first number that is refused. Class 0 is known to be taken.
 * @param take a run of the file with this class, rejected where it takes none such
 * @returns null: every number is taken
 */
export async function tableRows(take: (label: number) => Promise<unknown>): Promise<number | null> {
  let said: number | undefined
  const takes = async (label: number): Promise<boolean> => {
    try {
      await take(label)
      return true
    } catch (error) {
      // "indices element out of data bounds, idx=9 must be within the inclusive range [-5,4]"
      const range = /\[-\d+, *(\d+)\]/.exec(String((error as Error).message))
      said ??= range ? Number(range[1]) + 1 : undefined
      return false
    }
  }
  if (await takes(BEYOND)) return null
  if (said !== undefined && said >= 1 && said <= MOST_ROWS && !(await takes(said)) && (await takes(said - 1))) {
    return said
  }
  let [taken, refused] = [0, 1]
  while (await takes(refused)) {
    taken = refused
    refused *= 2
    if (refused > MOST_ROWS) return null
  }
  while (refused - taken > 1) {
    const middle = Math.floor((taken + refused) / 2)
    if (await takes(middle)) taken = middle
    else refused = middle
  }
  return refused
}

/** Width of the one-hot rows; undefined: it takes none. */
export const oneHotWidth = ({ classes }: DenoiserInputs): number | undefined =>
  classes && isOneHot(classes) ? Number(classes.shape[1]) : undefined

/**
 * What is known, of what is said and of what was measured. In one-hot rows the number past the last is a row of zeros, where that is said to be no class.
 * @param rows of the table, where it was measured
 * @throws `model.classes` on what the file does not take
 */
export function knownClasses(
  file: string,
  inputs: DenoiserInputs,
  { classes, nullClass }: StatedClasses,
  rows: number | undefined,
): ForeignClasses {
  const said = Object.entries({ classes, nullClass }).find(([, value]) => value !== undefined)
  if (!inputs.classes) {
    if (!said) return { classes: undefined, nullClass: undefined, rows: undefined }
    throw inputError('model.classes', `${file} takes no class, got ${said[0]} ${said[1]}; leave it out`)
  }
  const width = oneHotWidth(inputs)
  const most = width ?? rows
  const what = width === undefined ? 'its table has so many rows' : 'its one-hot rows are so wide'
  const lastNull = width ?? (most === undefined ? undefined : most - 1)
  if (most !== undefined && classes !== undefined && classes > most) {
    throw inputError('model.classes', `${file} must have classes among ${most}, as ${what}; got classes ${classes}`)
  }
  if (lastNull !== undefined && nullClass !== undefined && nullClass > lastNull) {
    const none = width === undefined ? '' : ` (${width}: a row of zeros)`
    throw inputError(
      'model.classes',
      `${file} must have a null class from 0 to ${lastNull}${none}, as ${what}; got nullClass ${nullClass}`,
    )
  }
  const zeros = width !== undefined && nullClass === width ? 1 : 0
  return {
    classes: classes ?? countOf(most, nullClass, width),
    nullClass,
    rows: most === undefined ? undefined : most + zeros,
  }
}

/** Of one-hot rows all, less a last one that is no class; of a table that only where its last row is said to be no class: else one may be, unsaid. */
function countOf(most: number | undefined, nullClass: number | undefined, width: number | undefined) {
  if (most !== undefined && nullClass === most - 1) return most - 1
  return width
}
