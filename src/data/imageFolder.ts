/** A folder of PNG and JPEG images; the sub-folder an image lies in is its class. Grey if every image is grey, else RGB. */
import type { Dirent } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { inputError } from '../base/index.ts'
import type { Dataset, Pictures } from './dataset.ts'
import { assemble, contentHash, fromOne } from './dataset.ts'
import type { LoadOptions } from './idxImages.ts'
import type { Picture } from './imageFile.ts'
import { decodeImage } from './imageFile.ts'
import { requireDataSize } from './imageLimits.ts'
import type { Pixels, Resizing } from './resize.ts'
import { resized, resizing } from './resize.ts'
import { DEFAULT_NEEDS, requireEnough, SPLIT_CYCLES, splitByContent } from './split.ts'

const IMAGE_NAME = /\.(png|jpe?g)$/i
const WHOLE_NUMBER = /^\d+$/

/** Image files of a folder: directly in it (`label` null) or one level down (`label` into `classes`). */
export interface ImageFiles {
  readonly files: readonly { readonly path: string; readonly label: number | null }[]
  /** Names of the sub-folders that hold images: by number if all are numbers, else by character code. */
  readonly classes: readonly string[]
}

/** Lists the image files of a folder, hidden ones left out. @throws `data.emptyFolder`, `data.layout`, `data.unreadable` */
export async function listImages(folder: string): Promise<ImageFiles> {
  const { images, folders } = await listFolder(folder)
  const below = await Promise.all(folders.map((name) => listFolder(join(folder, name))))
  const classes = folders.filter((_, i) => below[i].images.length > 0).sort(byNumberOrCode(folders))
  const deep = folders.find((_, i) => below[i].folders.length > 0)
  if (deep !== undefined) {
    throw inputError(
      'data.layout',
      `${folder}: images lie in the folder itself or in one sub-folder per class, but ${deep}/ has sub-folders of its own; give the folder right above the classes`,
    )
  }
  if (images.length > 0 && classes.length > 0) {
    throw inputError(
      'data.layout',
      `${folder}: images lie in the folder itself (no classes) or in sub-folders (their classes), got both: ${images[0]} and ${classes[0]}/`,
    )
  }
  if (images.length === 0 && classes.length === 0) {
    throw inputError('data.emptyFolder', `${folder} holds no PNG or JPEG images, neither in itself nor in sub-folders`)
  }
  const files = classes.flatMap((name, label) =>
    below[folders.indexOf(name)].images.map((file) => ({ path: join(folder, name, file), label })),
  )
  return { files: [...images.map((file) => ({ path: join(folder, file), label: null })), ...files], classes }
}

function byNumberOrCode(names: readonly string[]): (a: string, b: string) => number {
  const numbers = names.every((name) => WHOLE_NUMBER.test(name))
  return (a, b) => (numbers ? Number(a) - Number(b) : 0) || (a < b ? -1 : 1)
}

async function listFolder(folder: string): Promise<{ images: string[]; folders: string[] }> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: Error) => {
    throw inputError('data.unreadable', `${folder} cannot be read: ${cause.message}`, { cause })
  })
  const shown = entries.filter(({ name }) => !name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1))
  const isFolder = await Promise.all(shown.map((entry) => leadsToFolder(folder, entry)))
  return {
    images: shown.filter(({ name }, i) => !isFolder[i] && IMAGE_NAME.test(name)).map(({ name }) => name),
    folders: shown.filter((_, i) => isFolder[i]).map(({ name }) => name),
  }
}

/** Whether an entry is a folder, or a link to one; a dangling link is a file that fails when it is read. */
async function leadsToFolder(folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  return await stat(join(folder, entry.name)).then(
    (target) => target.isDirectory(),
    () => false,
  )
}

async function readPicture(path: string): Promise<Picture> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw inputError('data.unreadable', `${path} cannot be read: ${cause.message}`, { cause })
  })
  return await decodeImage(bytes, path)
}

/** A grey image as RGB. */
function inColour<P extends Pixels>(pixels: P): P {
  const colour = new (pixels.constructor as new (length: number) => P)(3 * pixels.length)
  for (let c = 0; c < 3; c++) colour.set(pixels, c * pixels.length)
  return colour
}

/** What is kept of a picture once it has been read: at the size wanted, so that large ones are in memory one at a time. */
interface Kept {
  readonly channels: 1 | 3
  readonly pixels: Pixels
  /** Content hash before any resizing, as it is and in colour. */
  readonly hash: string
  readonly hashInColour: string
}

function kept({ channels, pixels }: Picture, change: Resizing | null): Kept {
  const hash = contentHash(pixels)
  return {
    channels,
    pixels: change ? resized(pixels, channels, change) : pixels,
    hash,
    hashInColour: channels === 3 ? hash : contentHash(inColour(pixels)),
  }
}

interface ReadFolder {
  readonly pictures: Pictures
  /** Of how many pictures some pixels let white through. */
  readonly transparent: number
}

/** @param size side wanted; undefined: as the pictures are */
async function readAll({ files, classes }: ImageFiles, size: number | undefined, folder: string): Promise<ReadFolder> {
  const images: Kept[] = []
  let first: Picture | null = null
  let change: Resizing | null = null
  let transparent = 0
  for (const { path } of files) {
    const picture = await readPicture(path)
    if (first === null) {
      first = { ...picture, pixels: new Uint8Array(0) }
      change = size === undefined ? null : resizing(picture.height, picture.width, size)
      const { height, width } = change ? { height: change.size, width: change.size } : picture
      requireDataSize(files.length, picture.channels * height * width, folder)
    }
    if (picture.height !== first.height || picture.width !== first.width) {
      throw inputError(
        'data.mixedSizes',
        `all images must have one size: ${files[0].path} is ${first.width}x${first.height}, ${path} is ${picture.width}x${picture.height}`,
      )
    }
    if (picture.transparent) transparent++
    images.push(kept(picture, change))
  }
  const colour = images.some(({ channels }) => channels === 3)
  const { height, width } = change ? { height: change.size, width: change.size } : first!
  const pictures = {
    channels: colour ? 3 : 1,
    height,
    width,
    images: images.map(({ channels, pixels }) => (colour && channels === 1 ? inColour(pixels) : pixels)),
    labels: classes.length > 0 ? Int32Array.from(files, ({ label }) => label ?? 0) : null,
    hashes: images.map(({ hash, hashInColour }) => (colour ? hashInColour : hash)),
  }
  return { pictures, transparent }
}

/**
 * A dataset from a folder of images, split 3 : 1 : 1 by content.
 * @throws `data.emptyFolder`, `data.layout`, `data.image`, `data.mixedSizes`, `data.size`, `data.tooLarge`, `data.tooFew`
 */
export async function loadImageFolder(folder: string, options: LoadOptions = {}): Promise<Dataset> {
  const listed = await listImages(folder)
  const { pictures, transparent } = await readAll(listed, options.size, folder)
  const { cycle, rule } = SPLIT_CYCLES.whole
  const rows = splitByContent(pictures.hashes, pictures.labels, cycle)
  const train = rows.train.filter((row) => !options.exclude?.has(pictures.hashes[row]))
  const counts = { train: train.length, tuning: rows.tuning.length, heldOut: rows.heldOut.length }
  requireEnough(counts, { ...DEFAULT_NEEDS, ...options.needs }, cycle, folder)
  const { classes } = listed
  const sources = fromOne(pictures, { ...rows, train })
  const dataset = assemble(sources, { name: basename(folder), source: folder, rule, classes, size: options.size })
  const which = `${transparent} of the ${listed.files.length} images of ${folder}`
  return transparent === 0 ? dataset : { ...dataset, notes: [`${which} have transparent pixels: laid over white`] }
}
