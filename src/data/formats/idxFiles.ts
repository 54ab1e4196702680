/**
 * IDX files, under all the names that they are published with: MNIST's (Fashion-MNIST, KMNIST), EMNIST's, whose rows are columns, QMNIST's, whose labels
 * are the first of eight numbers. A folder of them, or one file with the labels beside it.
 */
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { inputError } from '../../base/index.ts'
import type { ArrayPart } from '../arrays/arraySource.ts'
import { arraySource } from '../arrays/arraySource.ts'
import type { Idx } from '../arrays/idx.ts'
import { isIdx, readIdx } from '../arrays/idx.ts'
import type { NumberRows } from '../arrays/numberType.ts'
import { labelsIn, UINT8 } from '../arrays/numberType.ts'
import type { DataFormat, Found, NamedSplit } from '../format.ts'
import { splitNamed } from '../format.ts'
import { inflatedHead } from '../trees/tarTree.ts'

/** `emnist-letters-train-images-idx3-ubyte.gz`: set, split, what, and that it is gzipped. */
const IDX_NAME = /^(.*?)(?:(train|t10k|test|val)-)?(images|labels)[-.]idx\d(?:-[a-z]+\d*)?(\.gz)?$/

interface NamedFile {
  readonly name: string
  readonly set: string
  readonly split: NamedSplit | null
  readonly what: string
  readonly gzipped: boolean
}

function namedFile(name: string): NamedFile | null {
  const match = IDX_NAME.exec(name)
  if (!match) return null
  const [, set, split = '', what, gz] = match
  return { name, set, split: splitNamed(split), what, gzipped: gz !== undefined }
}

const filesAmong = (names: readonly string[]): NamedFile[] =>
  names.flatMap((name) => namedFile(name) ?? []).sort((a, b) => Number(a.gzipped) - Number(b.gzipped))

export const idxFiles: DataFormat = {
  name: "IDX files (MNIST's)",
  ofNumbers: true,
  recognises({ names, head }) {
    if (names === null) return isIdx(inflatedHead(head))
    return filesAmong(names).some(({ what }) => what === 'images')
  },
  async open(found, options) {
    const files = found.names === null ? await alone(found) : chosen(found)
    const parts: ArrayPart[] = []
    for (const { images, labels, split } of files) parts.push(await partOf(images, labels, split))
    requireEvenLabels(parts, found.path)
    const emnist = /^emnist/i.test(basename(files[0].images))
    const letters = emnist && /letters/i.test(basename(files[0].images))
    const shifted = letters && parts.every(({ labels }) => labels?.every((label) => label >= 1))
    const classes = emnist ? await mappedNames(files[0].images, shifted) : null
    const notes = [
      ...(emnist ? [`the rows of ${found.path} are stored as columns, as EMNIST's are: they are turned upright`] : []),
      ...(shifted
        ? [`the labels of ${found.path} run from 1, as those of EMNIST's letters do: class 0 is the first of them`]
        : []),
    ]
    const less = shifted
      ? parts.map((part) => ({ ...part, labels: part.labels?.map((label) => label - 1) ?? null }))
      : parts
    return arraySource(less, { ...options, classes, notes, transposed: emnist })
  },
}

interface Paths {
  readonly images: string
  readonly labels: string | undefined
  readonly split: NamedSplit | null
}

/** The files of a folder. @throws `data.several` where they are of several sets */
function chosen({ path, names }: Found): Paths[] {
  const files = filesAmong(names ?? [])
  const sets = [...new Set(files.flatMap(({ set, what }) => (what === 'images' ? [set] : [])))].sort()
  if (sets.length > 1) {
    const all = sets.map((set) => join(path, set.replace(/[-.]$/, '') || 'train-images-idx3-ubyte'))
    throw inputError('data.several', `${path} holds ${sets.length} data sets; name one of them: ${all.join(', ')}`)
  }
  const paths: Paths[] = []
  for (const { name, split, what } of files) {
    if (what !== 'images' || paths.some((known) => known.split === split)) continue
    const labels = files.find((file) => file.what === 'labels' && file.split === split)
    paths.push({ images: join(path, name), labels: labels && join(path, labels.name), split })
  }
  return paths
}

/** A file, with the labels beside it: `…images…idx3…` and `…labels…idx1…`, plain or gzipped. */
async function alone({ path }: Found): Promise<Paths[]> {
  const name = basename(path)
  const entries = await readdir(dirname(path))
  const stem = name.replace('images', 'labels').replace('idx3', 'idx1').replace(/\.gz$/, '')
  const own = namedFile(name)
  const like = filesAmong(entries).find(
    (file) => file.what === 'labels' && own?.what === 'images' && file.set === own.set && file.split === own.split,
  )?.name
  const labels = [stem, `${stem}.gz`].find((one) => one !== name && entries.includes(one)) ?? like
  return [{ images: path, labels: labels && join(dirname(path), labels), split: null }]
}

/** @throws `data.idxShape`, and what reading throws */
async function partOf(images: string, labels: string | undefined, split: NamedSplit | null): Promise<ArrayPart> {
  const idx = await readIdx(images)
  const rank = idx.shape.length
  if ((rank !== 3 && rank !== 4) || (rank === 4 && ![1, 3].includes(idx.shape[1]))) {
    throw inputError(
      'data.idxShape',
      `${images} must hold images [n, rows, columns] or [n, 1 or 3, rows, columns], got [${idx.shape}]`,
    )
  }
  const read = labels === undefined ? null : await readLabels(labels)
  return { split, images: rowsOf(images, idx), labels: read, labelsName: labels ?? '' }
}

async function readLabels(path: string): Promise<readonly number[]> {
  const idx = await readIdx(path)
  // QMNIST's rows: class, then writer and place in NIST's database.
  const isQmnist = idx.shape.length === 2 && idx.shape[1] === QMNIST_COLUMNS
  if (idx.shape.length !== 1 && !isQmnist) {
    throw inputError('data.idxShape', `${path} must hold one label per image, [n], got [${idx.shape}]`)
  }
  const rows = rowsOf(path, idx)
  const firsts = isQmnist
    ? { ...rows, shape: [idx.shape[0]], row: (index: number) => rows.row(index).subarray(0, rows.type.bytes) }
    : rows
  return (await labelsIn(firsts)) ?? []
}

const QMNIST_COLUMNS = 8

function rowsOf(
  name: string,
  { shape, data, type = UINT8 }: Idx,
): Omit<NumberRows, 'row'> & { row(index: number): Uint8Array } {
  const size = data.length / shape[0]
  return { name, shape, type, channelsFirst: true, row: (index) => data.subarray(index * size, (index + 1) * size) }
}

/** @throws `data.labels` where one part has labels and the other has none */
function requireEvenLabels(parts: readonly ArrayPart[], source: string): void {
  const labelled = parts.filter(({ labels }) => labels !== null).length
  if (labelled === 0 || labelled === parts.length) return
  throw inputError(
    'data.labels',
    `${source} must have labels for both its training and its test images, or for neither`,
  )
}

/** Names from `emnist-letters-mapping.txt` beside the images: a line for each label, with the codes of its characters. */
async function mappedNames(images: string, shifted: boolean): Promise<readonly string[] | null> {
  const set = namedFile(basename(images))?.set ?? ''
  const text = await readFile(join(dirname(images), `${set}mapping.txt`), 'utf8').catch(() => null)
  if (text === null) return null
  const names: string[] = []
  for (const line of text.trim().split('\n')) {
    const [label, code] = line.trim().split(/\s+/).map(Number)
    if (!(Number.isInteger(label) && Number.isInteger(code) && code > 0 && code < 0x110000)) return null
    names[label - Number(shifted)] = String.fromCodePoint(code)
  }
  return Object.keys(names).length === names.length ? names : null
}
