/**
 * NumPy's files: a `.npz` (MedMNIST's `train_images`, Keras' `x_train`, `arr_0` of samples), a `.npy` with the labels beside it, a folder of them. Arrays
 * that are stored as they are are read row by row, others whole.
 */
import type { FileHandle } from 'node:fs/promises'
import { open, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Entry } from 'yauzl'
import { inputError, MOST, sizeOf } from '../../base/index.ts'
import { requireArrayRoom } from '../arrays/arrayImages.ts'
import type { ArrayPart } from '../arrays/arraySource.ts'
import { arraySource } from '../arrays/arraySource.ts'
import type { NpyHeader } from '../arrays/npy.ts'
import { isNpy, NPY_HEAD_BYTES, npyHeader, npyLength, requireNpyLength, rowsInMemory } from '../arrays/npy.ts'
import type { NumberRows } from '../arrays/numberType.ts'
import { labelsIn, namesIn } from '../arrays/numberType.ts'
import type { DataFormat, Found, NamedSplit } from '../format.ts'
import { onlyFiles, SPLIT_PATTERN, splitNamed } from '../format.ts'
import { lookAt, unreadable } from '../found.ts'
import { isZip, Zip } from '../trees/zipFile.ts'

/** An array that is there, by its key; opened when it is needed. */
interface NamedArray {
  readonly key: string
  /** @param texts whether it may hold texts */
  open(texts?: boolean): Promise<NumberRows>
}

interface Arrays {
  readonly arrays: readonly NamedArray[]
  close(): Promise<void>
}

export const numpyFiles: DataFormat = {
  name: 'NumPy arrays (.npz, .npy)',
  ofNumbers: true,
  async recognises(found) {
    if (found.names !== null) return onlyFiles(found).some((name) => /\.np[yz]$/i.test(name))
    const { path, head } = found
    return isNpy(head) || (isZip(head) && (/\.npz$/i.test(path) || (await isNpz(path))))
  },
  async open(found, options) {
    const { arrays, close } = await arraysOf(found)
    try {
      const notes: string[] = []
      const { parts, classes } = await partsOf(found.path, arrays, notes)
      if (classes !== null) return arraySource(parts, { ...options, classes, notes, close })
      const from1 = parts.every(({ labels }) => labels?.every((label) => label >= 1))
      const highest = parts.reduce((most, { labels }) => labels?.reduce((a, b) => Math.max(a, b), most) ?? most, 0)
      if (from1) notes.push(`the labels of ${found.path} run from 1: class 0 is the label 1`)
      const shifted = parts.map((part) => ({ ...part, labels: part.labels?.map((label) => label - 1) ?? null }))
      return arraySource(from1 ? shifted : parts, {
        ...options,
        classes: from1 ? Array.from({ length: highest }, (_, i) => String(i + 1)) : null,
        notes,
        close,
      })
    } catch (error) {
      await close()
      throw error
    }
  },
}

/** Whether a zip of another name holds arrays: its first file tells. */
async function isNpz(path: string): Promise<boolean> {
  // One that cannot be listed is named by who reads zips.
  const zip = await Zip.open(path).catch(() => null)
  if (zip === null) return false
  try {
    for await (const { fileName } of zip.entries()) return fileName.endsWith('.npy')
    return false
  } finally {
    zip.close()
  }
}

async function arraysOf({ path, names, head }: Found): Promise<Arrays> {
  if (names === null) return isZip(head) ? await arraysInZip(path, (key) => key) : await arraysBeside(path)
  const opened: Arrays[] = []
  for (const name of names) {
    const stem = name.replace(/\.np[yz]$/i, '')
    if (/\.npy$/i.test(name)) opened.push(await oneArray(join(path, name), stem))
    // Of `kmnist-train-imgs.npz` with its `arr_0` the file says what it is.
    if (/\.npz$/i.test(name)) opened.push(await arraysInZip(join(path, name), (key) => (key === 'arr_0' ? stem : key)))
  }
  return { arrays: opened.flatMap(({ arrays }) => arrays), close: () => closeAll(opened) }
}

async function closeAll(opened: readonly Arrays[]): Promise<void> {
  for (const { close } of opened) await close()
}

/** A `.npy` of images, and the one beside it that has their labels, if there is. */
async function arraysBeside(path: string): Promise<Arrays> {
  const stem = basename(path).replace(/\.npy$/i, '')
  const own = roleOf(stem)
  const { names } = await lookAt(dirname(path))
  const labels = (names ?? []).filter((name) => {
    const role = roleOf(name.replace(/\.npy$/i, ''))
    return /\.npy$/i.test(name) && role?.what === 'labels' && role.split === own?.split
  })
  const like = labels.find((name) => stem === '' || commonLength(name, stem) > 0) ?? labels[0]
  const beside = like === undefined || own?.what === 'labels' ? [] : [like]
  const opened = [await oneArray(path, 'images')]
  for (const name of beside) opened.push(await oneArray(join(dirname(path), name), 'labels'))
  return { arrays: opened.flatMap(({ arrays }) => arrays), close: () => closeAll(opened) }
}

const commonLength = (a: string, b: string): number => {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return length
}

async function oneArray(path: string, key: string): Promise<Arrays> {
  const handle = await open(path).catch((cause) => {
    throw unreadable(path, cause)
  })
  const array = {
    key,
    async open(texts?: boolean) {
      const head = await bytesAt(handle, 0, NPY_HEAD_BYTES, path)
      const header = npyHeader(head, path, texts)
      requireNpyLength(header, (await stat(path)).size, path)
      return header.columnMajor ? await wholeFile(path, header) : rowsAt(handle, 0, header, path)
    },
  }
  return { arrays: [array], close: () => handle.close() }
}

async function wholeFile(path: string, header: NpyHeader): Promise<NumberRows> {
  requireArrayRoom(npyLength(header), path)
  const bytes = await readFile(path).catch((cause) => {
    throw unreadable(path, cause)
  })
  return rowsInMemory(path, header, bytes.subarray(header.start))
}

async function bytesAt(handle: FileHandle, position: number, length: number, name: string): Promise<Uint8Array> {
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position)
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    throw unreadable(name, cause)
  }
}

/** Rows read where they lie. */
function rowsAt(handle: FileHandle, from: number, { shape, type, start }: NpyHeader, name: string): NumberRows {
  const size = sizeOf(shape.slice(1)) * type.bytes
  return { name, shape, type, row: (index) => bytesAt(handle, from + start + index * size, size, name) }
}

/** The arrays of a `.npz`. */
async function arraysInZip(path: string, keyOf: (key: string) => string): Promise<Arrays> {
  const zip = await Zip.open(path)
  const handle = await open(path)
  const arrays: NamedArray[] = []
  const close = async () => {
    zip.close()
    await handle.close()
  }
  try {
    for await (const entry of zip.entries()) {
      if (!entry.fileName.endsWith('.npy')) continue
      const key = entry.fileName.slice(0, -'.npy'.length)
      arrays.push({ key: keyOf(key), open: (texts) => arrayInZip(zip, handle, entry, `${path}: ${key}`, texts) })
    }
  } catch (error) {
    await close()
    throw error
  }
  return { arrays, close }
}

async function arrayInZip(
  zip: Zip,
  handle: FileHandle,
  entry: Entry,
  name: string,
  texts?: boolean,
): Promise<NumberRows> {
  const header = npyHeader(await zip.bytesOf(entry, NPY_HEAD_BYTES), name, texts)
  requireNpyLength(header, entry.uncompressedSize, name)
  const place = await zip.placeOf(entry)
  if (place !== null && !header.columnMajor) return rowsAt(handle, place, header, name)
  requireArrayRoom(npyLength(header), name)
  return rowsInMemory(name, header, (await zip.bytesOf(entry)).subarray(header.start))
}

interface Role {
  readonly what: 'images' | 'labels'
  readonly split: NamedSplit | null
}

const IMAGE_WORDS = 'images?|imgs?|x|data|samples|arr_0'
const LABEL_WORDS = 'labels?|y|targets?|classes|class|arr_1'
const ROLES = [IMAGE_WORDS, LABEL_WORDS].map((words) => ({
  before: new RegExp(`^(?:.*_)?(?:(${SPLIT_PATTERN})_)?(?:${words})$`),
  after: new RegExp(`^(?:${words})_(${SPLIT_PATTERN})$`),
}))

/** What an array is by its key: `train_images`, `x_train`, `y`, `arr_0`. Null: nothing that is known. */
function roleOf(key: string): Role | null {
  const plain = key.toLowerCase().replace(/[-. ]/g, '_')
  const whats = ['images', 'labels'] as const
  for (const [i, { before, after }] of ROLES.entries()) {
    const match = after.exec(plain) ?? before.exec(plain)
    if (match) return { what: whats[i], split: splitNamed(splitIn(plain) ?? match[1] ?? '') }
  }
  const split = splitNamed(plain)
  return split === null ? null : { what: 'images', split }
}

const splitIn = (plain: string): string | undefined => plain.split('_').find((word) => splitNamed(word) !== null)

interface Parts {
  readonly parts: readonly ArrayPart[]
  /** Names of the classes where the labels are texts, sorted; null: they are numbers, or there are none. */
  readonly classes: readonly string[] | null
}

/** @throws `data.arrays` where no array is known to hold images */
async function partsOf(source: string, arrays: readonly NamedArray[], notes: string[]): Promise<Parts> {
  const known = arrays.flatMap((array) => {
    const role = roleOf(array.key)
    return role ? [{ ...role, array }] : []
  })
  const images = known.filter(({ what }) => what === 'images')
  const alone =
    images.length === 0 && arrays.length === 1 ? [{ what: 'images', split: null, array: arrays[0] } as const] : []
  const all = [...images, ...alone]
  const keys = arrays.map(({ key }) => key)
  if (['mu', 'sigma'].every((key) => keys.includes(key))) {
    throw inputError(
      'data.arrays',
      `${source} holds statistics of images (mu, sigma), not images; compare with them by bilevel fid, and give the images here`,
    )
  }
  if (all.length === 0 || new Set(all.map(({ split }) => split)).size < all.length) {
    throw inputError(
      'data.arrays',
      `${source}: one array must hold the images, or one a split, named such as images, x_train or train_images, got ${keys.join(', ') || 'none'}; ` +
        'save it anew under such names',
    )
  }
  const parts: ArrayPart[] = []
  const named: (readonly string[] | null)[] = []
  for (const { split, array } of all) {
    const labels = known.find((one) => one.what === 'labels' && one.split === split)?.array
    const rows = await labels?.open(true)
    const names = rows?.type.text ? await namesIn(rows) : null
    const read = rows && names === null ? await labelsIn(rows) : null
    if (rows && names === null && read === null) {
      notes.push(`${rows.name} is [${rows.shape}], several labels an image: the images are read without classes`)
    }
    named.push(names)
    parts.push({ split, images: await array.open(), labels: read, labelsName: rows?.name ?? '' })
  }
  return withNames(source, parts, named)
}

/** Labels that are texts become the places of their names among all, sorted. @throws `data.labels` where one split has texts and another numbers */
function withNames(source: string, parts: readonly ArrayPart[], named: readonly (readonly string[] | null)[]): Parts {
  if (named.every((names) => names === null)) return { parts, classes: null }
  if (parts.some(({ labels }) => labels !== null)) {
    throw inputError('data.labels', `${source}: labels must be texts in every split or in none; save them alike`)
  }
  const classes = [...new Set(named.flatMap((names) => names ?? []))].sort()
  if (classes.length > MOST.classes) {
    throw inputError(
      'data.labels',
      `${source}: labels must name at most ${MOST.classes} classes, got ${classes.length}`,
    )
  }
  const place = new Map(classes.map((name, i) => [name, i]))
  return {
    parts: parts.map((part, i) => ({ ...part, labels: named[i]?.map((name) => place.get(name) as number) ?? null })),
    classes,
  }
}
