/** Names of what the first of two programs leaves for the second (`splitGraph`): nothing else reads it, so its layout is theirs to choose. */

const PREFIX = 'bilevel.kept.'

/**
 * First output of a program in a lane that leaves something: no tensor. ONNX Runtime for Node gives a copy of every output, also of those that it
 * wrote where it was told; at one that is no tensor it stops with an error, when all have been written and none has been copied. Half a
 * millisecond of eleven for 32 images of `quick`'s network.
 */
export const NOT_HANDED_OVER = 'bilevel.nothing'

export const keptName = (number: number): string => `${PREFIX}${number}`

export const isKept = (name: string): boolean => name.startsWith(PREFIX)
