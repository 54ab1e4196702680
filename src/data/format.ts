/**
 * Where images come from: a format is an entry of the table in `formats.ts`, which says of a path whether it is that, and lists what is there. What becomes
 * of the images (sizes, splits, labels, hashes) is the same for all and is done in `readSource.ts`.
 */
import type { Picture } from './pictures/imageFile.ts'

/** A split that the data themselves name. */
export type NamedSplit = 'train' | 'validation' | 'test'

/** A path that was looked at. */
export interface Found {
  readonly path: string
  /** Of a folder: its files that are no pictures, at most 20,000, in order. Of a file: null. */
  readonly names: readonly string[] | null
  /** Of a folder: its sub-folders, as many. */
  readonly folders: readonly string[]
  /** Whether pictures lie in the folder itself. */
  readonly pictures: boolean
  /** The first bytes of a file, some thousands. */
  readonly head: Uint8Array
}

/** One image that a source lists; it is decoded when it is asked for. */
export interface SourceImage {
  /** What errors call it. */
  readonly name: string
  /** Null: of no split in particular. */
  readonly split: NamedSplit | null
  /** Its class, by name or by number; null: none. */
  readonly label: string | number | null
  /** @throws what is wrong with it, with its name */
  decode(): Picture | Promise<Picture>
}

/** Images that are there, listed, and not yet read. */
export interface ImageSource {
  /** How many there are. */
  readonly total: number
  /** How many `read` gives: all, or as many as were asked for. */
  readonly count: number
  /** [channels, height, width] of the first image, where it is known before one is read. */
  readonly shape?: readonly [number, number, number]
  /** Names of the classes, the index being the label; null: what labels there are. */
  readonly classes: readonly string[] | null
  /** What a reader should know, a sentence each; whole when `read` is over. */
  readonly notes: readonly string[]
  read(): AsyncIterable<SourceImage>
  close(): Promise<void>
}

/** The files of a folder that holds nothing but them: beside pictures or sub-folders they are something else. */
export const onlyFiles = ({ names, folders, pictures }: Found): readonly string[] =>
  names === null || pictures || folders.length > 0 ? [] : names

export interface OpenOptions {
  /** Most images that are wanted, a random part of those that there are; null: all. */
  readonly most: number | null
  /** Which numbers of arrays are black and white; null: told by the numbers. */
  readonly range: readonly [number, number] | null
}

export interface DataFormat {
  /** In words. */
  readonly name: string
  /** Whether its pixels are numbers, of which a range may be stated. */
  readonly ofNumbers?: boolean
  recognises(found: Found): boolean | Promise<boolean>
  /** @throws `data.*` naming the file */
  open(found: Found, options: OpenOptions): Promise<ImageSource>
}

/** Words for splits in names of files, folders and arrays. */
const SPLIT_WORDS: Readonly<Record<string, NamedSplit>> = {
  train: 'train',
  training: 'train',
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  dev: 'validation',
  test: 'test',
  testing: 'test',
  t10k: 'test',
}

/** The split that a word names; null: none. */
export function splitNamed(word: string): NamedSplit | null {
  const lower = word.toLowerCase()
  return Object.hasOwn(SPLIT_WORDS, lower) ? SPLIT_WORDS[lower] : null
}

/** The words, for a pattern. */
export const SPLIT_PATTERN = Object.keys(SPLIT_WORDS).join('|')

const SHARD_NAME = new RegExp(`(?:^|[-_.])(${SPLIT_PATTERN})[-_.]`, 'i')

/** The split that a shard is of by its name, `train-00000-of-00002.parquet`, `train-000012.tar`; null: none. */
export const splitOfShard = (name: string): NamedSplit | null => splitNamed(SHARD_NAME.exec(name)?.[1] ?? '')
