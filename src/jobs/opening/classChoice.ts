/** Which class each image is asked to be: by number or name, of a model that takes one. */
import { didYouMean, inputError } from '../../base/index.ts'
import type { OpenedModel } from './openedModel.ts'

/** A class per image; undefined: the model takes none, or gets its null class. Or what is wrong with the wanted one, and what to do. */
export type ClassChoice =
  | { readonly classOf: ((item: number) => number) | undefined }
  | { readonly wrong: string; readonly fix?: string }

/** What a class is chosen by. */
type Classes = Pick<OpenedModel, 'conditional' | 'classes' | 'nullClass' | 'classRows' | 'classNames'>

/** What a class is named by. */
type Named = Pick<OpenedModel, 'classNames'>

/**
 * A model with names of its classes: its own, else those of data with as many, where they are more than numbers.
 * @param names of the classes of the data; undefined: there are none
 */
export function withClassNames<M extends Pick<OpenedModel, 'classNames' | 'classes' | 'conditional'>>(
  model: M,
  names: readonly string[] | undefined,
): M {
  if (!model.conditional || model.classNames || !names?.some((name) => /\D/.test(name))) return model
  return model.classes === undefined || model.classes === names.length ? { ...model, classNames: names } : model
}

/**
 * Which class each image is asked to be.
 * @param asked     of all images
 * @param ofTheData number of classes of the data, where a file does not say how many it was trained with
 */
export function classChoice(
  { conditional, classes, nullClass, classRows, classNames }: Classes,
  asked: AskedClass,
  ofTheData?: number,
): ClassChoice {
  if (!conditional) {
    if (asked === null || asked === 'unconditional') return { classOf: undefined }
    return { wrong: `this model knows no classes, got class ${asked}`, fix: 'leave it out' }
  }
  const wanted = classNumber({ classNames }, asked)
  if (wanted === 'unconditional' && nullClass !== undefined) return { classOf: undefined }
  const most = classes ?? classRows
  if (typeof wanted === 'number' && (most === undefined || wanted < most)) return { classOf: () => wanted }
  const turn = classes ?? ofTheData
  if (turn && wanted === null) return { classOf: (item) => item % turn }
  const range = rangeText(classes, classRows)
  const why =
    wanted === 'unconditional' && classes !== undefined
      ? ', but it has no null class, so no image of it is unconditional: give a class, or none for the classes in turn (--class none)'
      : ''
  return { wrong: `this model takes a class, ${range}; got ${wanted ?? 'none'}${why}` }
}

/** Numbers that a class may have, and what to do where it is not known how many of them are classes. */
function rangeText(classes: number | undefined, rows: number | undefined): string {
  if (classes !== undefined) return `0 to ${classes - 1}`
  const give = 'give one with --class, or say how many there are with --model-classes'
  return rows === undefined
    ? `${give}, since an ONNX file does not say it`
    : `0 to ${rows - 1}, as its file has ${rows} rows for them, of which one may stand for none; ${give}`
}

/** The same, where a wrong one is an error. @throws `sample.class` */
export function classOfImage(...asked: Parameters<typeof classChoice>): ((item: number) => number) | undefined {
  const choice = classChoice(...asked)
  if ('classOf' in choice) return choice.classOf
  const { wrong, fix } = choice
  throw inputError('sample.class', fix === undefined ? wrong : `${wrong}; ${fix}`)
}

/** What may be asked for of the class of all images: by its number, by its name, `unconditional`; null: the classes in turn. */
export type AskedClass = number | string | null

/** The same, by number. */
export type WantedClass = number | 'unconditional' | null

/** A class by number, where it was asked for by its name. @throws `sample.class` on a name that is none of them */
export function classNumber({ classNames }: Named, asked: AskedClass): WantedClass {
  if (typeof asked !== 'string' || asked === 'unconditional') return asked
  const index = classNames?.indexOf(asked) ?? -1
  if (index >= 0) return index
  const names = classNames
    ? `one of its names (${classNames.slice(0, MOST_NAMED).join(', ')}${classNames.length > MOST_NAMED ? ', …' : ''})`
    : 'a number, as nothing here names the classes'
  const near = classNames ? didYouMean(asked, classNames) : ''
  throw inputError('sample.class', `a class is ${names}, or 'unconditional'; got '${asked}'${near}`)
}

/** Names that an error tells. */
const MOST_NAMED = 20
