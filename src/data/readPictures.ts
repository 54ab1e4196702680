/** Reads what a source lists: one image at a time, each brought to the size that is wanted, so that large ones are in memory one at a time. */
import { BilevelError, inputError } from '../base/index.ts'
import type { Pictures } from './dataset.ts'
import { contentHash } from './dataset.ts'
import type { ImageSource, NamedSplit, SourceImage } from './format.ts'
import { labelled } from './labelled.ts'
import type { LoadOptions } from './loadOptions.ts'
import type { Picture } from './pictures/imageFile.ts'
import { requireDataSize } from './pictures/imageLimits.ts'
import type { Pixels } from './pictures/resize.ts'
import type { SizeChange } from './pictures/sizeChange.ts'
import { requireSizeFor, sizeChange } from './pictures/sizeChange.ts'

/** What was read. */
export interface ReadPictures {
  readonly pictures: Pictures
  /** Of each of them. */
  readonly splits: readonly (NamedSplit | null)[]
  readonly classes: readonly string[]
  readonly notes: readonly string[]
  /** [height, width] of the first one. */
  readonly readAs: readonly [number, number]
}

/** Pictures none of which is as bright as this of 255, a quarter of white, may be masks, or of fewer levels than they are read in. */
const DARK = 64

/** What is kept of a picture. */
interface Kept {
  readonly channels: 1 | 3
  readonly pixels: Pixels
  /** Content hash before any resizing, as it is and in colour. */
  readonly hash: string
  readonly hashInColour: string
  readonly split: NamedSplit | null
  readonly label: string | number | null
}

/** How many pictures something holds of. */
interface Counts {
  transparent: number
  turned: number
  borders: number
  cuts: number
  enlarges: number
  resampled: number
}

/** The shape that all have to have. */
interface First {
  readonly name: string
  readonly height: number
  readonly width: number
  readonly change: SizeChange
}

/**
 * @param path what errors call the source
 * @throws `data.image`, `data.unreadable`, `data.mixedSizes`, `data.size`, `data.tooLarge`, `data.labels`
 */
export async function readPictures(source: ImageSource, path: string, options: LoadOptions): Promise<ReadPictures> {
  requireSizeFor(options)
  const counts: Counts = { transparent: 0, turned: 0, borders: 0, cuts: 0, enlarges: 0, resampled: 0 }
  const bad: BilevelError[] = []
  const all: Kept[] = []
  let brightest = 0
  let first = null as First | null
  if (source.shape) requireRoomFor(source, source.shape, path, options)
  for await (const image of source.read()) {
    const picture = await decoded(image, options, bad)
    if (picture === null) continue
    const { height, width, channels } = picture
    const isSame: boolean = first?.height === height && first.width === width
    if (first !== null && !isSame && (options.resize ?? null) === null) throw mixedSizes(first, image.name, picture)
    const change = first !== null && isSame ? first.change : sizeChange(height, width, options)
    if (first === null) {
      first = { name: image.name, height, width, change }
      requireRoomFor(source, [channels, height, width], path, options)
    }
    count(counts, picture, change, options)
    if (brightest < DARK) for (const value of picture.pixels) brightest = Math.max(brightest, value)
    all.push(kept(picture, change, image))
  }
  if (first === null) throw bad[0] ?? inputError('data.emptyFolder', `${path} holds no images`)
  const { labels, classes } = labelled(all, source.classes, path)
  const colour = all.some(({ channels }) => channels === 3)
  const pictures: Pictures = {
    channels: colour ? 3 : 1,
    height: first.change.height,
    width: first.change.width,
    images: all.map(({ channels, pixels }) => (colour && channels === 1 ? inColour(pixels) : pixels)),
    labels,
    hashes: all.map(({ hash, hashInColour }) => (colour ? hashInColour : hash)),
  }
  const notes = [
    ...source.notes,
    ...(brightest < DARK ? [`no pixel of the images of ${path} is brighter than ${Math.round(brightest)} of 255`] : []),
    ...notesOf(counts, all.length, source, path, options),
    ...badNotes(bad, source.count, path),
  ]
  const readAs = [first.height, first.width] as const
  return { pictures, splits: all.map(({ split }) => split), classes, notes, readAs }
}

/** @throws `data.tooLarge`, `data.size` */
function requireRoomFor(
  { count }: ImageSource,
  [channels, ...size]: readonly [number, number, number],
  path: string,
  options: LoadOptions,
): void {
  const { height, width } = sizeChange(...size, options)
  requireDataSize(count, channels * height * width, path)
}

/** Null where it is left out. */
async function decoded(image: SourceImage, { onBad }: LoadOptions, bad: BilevelError[]): Promise<Picture | null> {
  try {
    return await image.decode()
  } catch (cause) {
    const ofImage = cause instanceof BilevelError && ['data.image', 'data.unreadable'].includes(cause.code)
    if (!ofImage) throw cause
    if (onBad !== 'skip')
      throw inputError(cause.code, `${cause.message} (--on-bad skip leaves such files out)`, { cause })
    bad.push(cause)
    return null
  }
}

/** Averages of blocks would be of other scales. */
const mixedSizes = (first: First, name: string, { height, width }: Picture): Error =>
  inputError(
    'data.mixedSizes',
    `all images must have one size: ${first.name} is ${first.width}x${first.height}, ${name} is ${width}x${height}; ` +
      'bring them to one: --size N with --resize crop (the middle square) or --resize fit (the whole, with black borders)',
  )

function kept({ channels, pixels }: Picture, change: SizeChange, { split, label }: SourceImage): Kept {
  const hash = contentHash(pixels)
  return {
    channels,
    pixels: change.of(pixels, channels),
    hash,
    hashInColour: channels === 3 ? hash : contentHash(inColour(pixels)),
    split,
    label,
  }
}

/** A grey image as RGB. */
function inColour<P extends Pixels>(pixels: P): P {
  const colour = new (pixels.constructor as new (length: number) => P)(3 * pixels.length)
  for (let c = 0; c < 3; c++) colour.set(pixels, c * pixels.length)
  return colour
}

function count(counts: Counts, picture: Picture, change: SizeChange, { resize = null }: LoadOptions): void {
  const { height, width, transparent, turned } = picture
  if (transparent) counts.transparent++
  if (turned) counts.turned++
  if (resize === null) return
  if (height !== change.height || width !== change.width) counts.resampled++
  if (change.borders) counts.borders++
  if (change.cuts) counts.cuts++
  if (change.enlarges) counts.enlarges++
}

function notesOf(
  counts: Counts,
  read: number,
  source: ImageSource,
  path: string,
  { size, resize }: LoadOptions,
): string[] {
  const of = (number: number) => `${number} of the ${read} images of ${path}`
  const notes: string[] = []
  if (source.count < source.total)
    notes.push(`${source.count} of the ${source.total} images of ${path} are read, a random part`)
  if (counts.transparent > 0) notes.push(`${of(counts.transparent)} have transparent pixels: laid over white`)
  if (counts.turned > 0) notes.push(`${of(counts.turned)} are turned as their EXIF orientation says`)
  if (counts.resampled > 0) {
    const parts = [
      ...(counts.borders > 0 ? [`${counts.borders} with black borders`] : []),
      ...(counts.cuts > 0 ? [`${counts.cuts} cut to their middle square`] : []),
      ...(counts.enlarges > 0 ? [`${counts.enlarges} enlarged, which shows nothing new`] : []),
    ]
    const more = parts.length > 0 ? `: ${parts.join(', ')}` : ''
    notes.push(`${of(counts.resampled)} are brought to ${size}x${size} (resize ${resize}, bicubic)${more}`)
  }
  return notes
}

/** Bad ones that are named. */
const MOST_NAMED = 3

function badNotes(bad: readonly BilevelError[], count: number, path: string): string[] {
  if (bad.length === 0) return []
  const named = bad.slice(0, MOST_NAMED).map(({ message }) => message.replace(/; [^;)]*$/, ''))
  const more = bad.length > MOST_NAMED ? `, and ${bad.length - MOST_NAMED} more` : ''
  return [
    `${bad.length} of the ${count} images of ${path} are left out, as they cannot be read: ${named.join('; ')}${more}`,
  ]
}
