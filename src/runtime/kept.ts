/** Names of what the first of two programs leaves for the second (`splitGraph`): nothing else reads it, so its layout is theirs to choose. */

const PREFIX = 'bilevel.kept.'

export const keptName = (number: number): string => `${PREFIX}${number}`

export const isKept = (name: string): boolean => name.startsWith(PREFIX)
