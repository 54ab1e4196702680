/** Files below something: a folder, a zip, tar archives. They are listed one by one and read as they are asked for, so that no more than one is in memory. */
import { inputError } from '../../base/index.ts'
import type { NamedSplit } from '../format.ts'
import { isHidden } from '../found.ts'

export interface TreeFile {
  /** Names it among all files of the tree. */
  readonly id: string
  /** Below the top, with `/` between folders. */
  readonly path: string
  /** The split that the archive it is in is named after; null: none. */
  readonly split: NamedSplit | null
  /** Of archives that are read from end to end: what is in it, until the next file is asked for. @throws as `ReadFile.bytes` */
  readonly passing?: () => Promise<Uint8Array>
}

export interface ReadFile {
  readonly id: string
  /** To be called before the next file is asked for. @throws `data.image` where it is too large, `data.unreadable` */
  bytes(): Promise<Uint8Array>
}

export interface FileTree {
  /** The path that was given. */
  readonly source: string
  /** Whether it is packed, mostly with a top folder of its own. */
  readonly packed: boolean
  /** Every file, in no order. @throws `data.unreadable`, `data.archive` */
  files(): AsyncIterable<TreeFile>
  /** Those that are there of some files, in the order that is cheapest. */
  read(ids: ReadonlySet<string>): AsyncIterable<ReadFile>
  /** What errors call a file. */
  nameOf(id: string): string
  close(): Promise<void>
}

/** Most bytes of a file that is read: a picture of as many pixels as are read, in 16 bits with alpha, unpacked. */
export const MOST_FILE_BYTES = 2 ** 28

/** @throws `data.image` where a file is larger than that */
export function requireFileBytes(length: number, name: string): void {
  if (length <= MOST_FILE_BYTES) return
  const rule = `a file of pictures or labels may have ${MOST_FILE_BYTES} bytes`
  throw inputError('data.image', `${rule}, ${name} has ${length}; make it smaller, or remove it`)
}

/** Whether a path has a hidden part. */
export const hasHidden = (path: string): boolean => path.split('/').some(isHidden)

/** Why an archive cannot be read: it is not there, or not whole. */
export function archiveError(source: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause)
  const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
  const rule = isMissing
    ? `an archive must be a readable file, '${source}' is not there`
    : `${source} is not a whole archive (${why}); fetch it again`
  return inputError('data.archive', rule, { cause })
}
