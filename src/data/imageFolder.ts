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
import type { Pixels } from './resize.ts'
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
  return decodeImage(bytes, path)
}

/** A grey image as RGB. */
function inColour({ channels, pixels }: Picture): Pixels {
  if (channels === 3) return pixels
  const colour = pixels instanceof Uint8Array ? new Uint8Array(3 * pixels.length) : new Float32Array(3 * pixels.length)
  for (let c = 0; c < 3; c++) colour.set(pixels, c * pixels.length)
  return colour
}

async function readAll({ files, classes }: ImageFiles): Promise<Pictures> {
  const pictures: Picture[] = []
  for (const { path } of files) {
    const picture = await readPicture(path)
    const first = pictures[0] ?? picture
    if (picture.height !== first.height || picture.width !== first.width) {
      throw inputError(
        'data.mixedSizes',
        `all images must have one size: ${files[0].path} is ${first.width}x${first.height}, ${path} is ${picture.width}x${picture.height}`,
      )
    }
    pictures.push(picture)
  }
  const channels = pictures.some((picture) => picture.channels === 3) ? 3 : 1
  const images = pictures.map((picture) => (channels === 3 ? inColour(picture) : picture.pixels))
  const labels = classes.length > 0 ? Int32Array.from(files, ({ label }) => label ?? 0) : null
  const { height, width } = pictures[0]
  return { channels, height, width, images, labels, hashes: images.map(contentHash) }
}

/**
 * A dataset from a folder of images, split 3 : 1 : 1 by content.
 * @throws `data.emptyFolder`, `data.layout`, `data.image`, `data.mixedSizes`, `data.size`, `data.tooFew`
 */
export async function loadImageFolder(folder: string, options: LoadOptions = {}): Promise<Dataset> {
  const listed = await listImages(folder)
  const pictures = await readAll(listed)
  const { cycle, rule } = SPLIT_CYCLES.whole
  const rows = splitByContent(pictures.hashes, pictures.labels, cycle)
  const train = rows.train.filter((row) => !options.exclude?.has(pictures.hashes[row]))
  const counts = { train: train.length, tuning: rows.tuning.length, heldOut: rows.heldOut.length }
  requireEnough(counts, { ...DEFAULT_NEEDS, ...options.needs }, cycle, folder)
  const { classes } = listed
  const sources = fromOne(pictures, { ...rows, train })
  return assemble(sources, { name: basename(folder), source: folder, rule, classes, size: options.size })
}
