/** JSON that came from a file, held to bounds: what nests deeper, is longer or holds a number beyond doubles is damaged or hostile. */

/** Characters: the largest file of ours, a run's state without its tensors, has a hundredth. The engine takes some 30 bytes for each number. */
const MOST_CHARACTERS = 2 ** 26
/** Levels: ours have ten. Whatever walks data by calling itself ends at some thousands. */
const MOST_LEVELS = 64

export interface BoundedOptions {
  /** Whether numbers may be beyond range, where the reader knows what infinity means. Default false. */
  readonly infinities?: boolean
}

/** @throws an error without a code, which says what is wrong with the text, for the reader of the file to name the file in */
export function parseJson(text: string, options: BoundedOptions = {}): unknown {
  requireLength(text)
  const value: unknown = JSON.parse(text)
  requireBounded(value, options)
  return value
}

/** @throws an error without a code if a text is longer than JSON and settings are */
export function requireLength(text: string): void {
  if (text.length <= MOST_CHARACTERS) return
  throw new Error(`it has ${text.length} characters, at most ${MOST_CHARACTERS} are read`)
}

/** @throws an error without a code if parsed data nest too deep, or hold a number that is none (1e999) */
export function requireBounded(value: unknown, { infinities = false }: BoundedOptions = {}): void {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MOST_LEVELS) throw new Error(`it nests deeper than ${MOST_LEVELS} levels`)
    const below: unknown[] = []
    for (const item of level) {
      if (!infinities && typeof item === 'number' && !Number.isFinite(item))
        throw new Error(`it holds a number beyond range (${item})`)
      if (typeof item !== 'object' || item === null) continue
      for (const inner of Object.values(item)) below.push(inner)
    }
    level = below
  }
}
