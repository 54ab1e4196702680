/** Values as Python writes them. */

/** A path within the run, or within another folder that the code has a name for. */
export const within = (path: string, folder: 'run' | 'model' = 'run'): string =>
  path === '' ? folder : `f"{${folder}}/${path}"`

export const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`

/** A string: JSON's escapes are Python's. */
export const text = (value: string): string => JSON.stringify(value)
