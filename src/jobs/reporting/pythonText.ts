/** Values as Python writes them. */

/** A path within the run. */
export const within = (path: string): string => (path === '' ? 'run' : `f"{run}/${path}"`)

export const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`

/** A string: JSON's escapes are Python's. */
export const text = (value: string): string => JSON.stringify(value)
