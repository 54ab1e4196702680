/**
 * CIFAR-10's and CIFAR-100's binary version (https://www.cs.toronto.edu/~kriz/cifar.html): records of one label, or of a coarse and a fine one, and 32 x 32
 * pixels as planes of red, green and blue. One file, or the folder of all with the names of its classes.
 */
import type { FileHandle } from 'node:fs/promises'
import { open, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { inputError } from '../../base/index.ts'
import type { ArrayPart } from '../arrays/arraySource.ts'
import { arraySource } from '../arrays/arraySource.ts'
import { UINT8 } from '../arrays/numberType.ts'
import type { DataFormat, NamedSplit } from '../format.ts'
import { unreadable } from '../found.ts'

const PIXELS = 3 * 32 * 32

/** A version: how many labels a record begins with, which of them counts, and where its classes are named. */
interface Version {
  readonly name: string
  readonly labels: number
  readonly classes: number
  readonly namesFile: string
}

const VERSIONS: readonly Version[] = [
  { name: 'CIFAR-10', labels: 1, classes: 10, namesFile: 'batches.meta.txt' },
  { name: 'CIFAR-100', labels: 2, classes: 100, namesFile: 'fine_label_names.txt' },
]

/** `data_batch_1.bin`, `test_batch.bin`; `train.bin`, `test.bin`. */
const FILE_NAME = /^(?:data_batch_\d+|(test_batch)|train|(test))\.bin$/

const splitOf = (name: string): NamedSplit => (/^test/.test(name) ? 'test' : 'train')

export const cifarFiles: DataFormat = {
  name: "CIFAR's binary batches",
  ofNumbers: true,
  recognises: ({ path, names }) => (names ?? [basename(path)]).some((name) => FILE_NAME.test(name)),
  async open({ path, names }, options) {
    const files = names === null ? [path] : names.filter((name) => FILE_NAME.test(name)).map((name) => join(path, name))
    const handles: FileHandle[] = []
    const close = async () => {
      for (const handle of handles) await handle.close()
    }
    try {
      const parts: ArrayPart[] = []
      let version: Version | null = null
      for (const file of files) {
        version ??= await versionOf(file)
        const handle = await open(file).catch((cause) => {
          throw unreadable(file, cause)
        })
        handles.push(handle)
        parts.push(await partOf(file, handle, version, names === null ? null : splitOf(basename(file))))
      }
      const classes = version && (await namesOf(version, names === null ? join(path, '..') : path))
      const notes = version?.labels === 2 ? [`of the labels of ${path} the fine ones are taken`] : []
      return arraySource(parts, { ...options, classes, notes, close })
    } catch (error) {
      await close()
      throw error
    }
  },
}

/** The version whose records fill the file. @throws `data.cifar` */
async function versionOf(file: string): Promise<Version> {
  const { size } = await stat(file)
  const fitting = VERSIONS.find(({ labels }) => size > 0 && size % (labels + PIXELS) === 0)
  if (fitting) return fitting
  const records = VERSIONS.map(({ name, labels }) => `${labels + PIXELS} bytes (${name})`).join(' or ')
  throw inputError(
    'data.cifar',
    `${file} must be records of ${records}, got ${size} bytes; it is cut short, or no batch of CIFAR: fetch it again`,
  )
}

async function partOf(
  file: string,
  handle: FileHandle,
  { labels, classes, name }: Version,
  split: NamedSplit | null,
): Promise<ArrayPart> {
  const size = labels + PIXELS
  const count = (await handle.stat()).size / size
  const bytesAt = async (record: number, from: number, length: number) =>
    (await handle.read(Buffer.alloc(length), 0, length, record * size + from)).buffer
  const read: number[] = []
  for (let record = 0; record < count; record++) {
    const label = (await bytesAt(record, labels - 1, 1))[0]
    if (label >= classes) {
      throw inputError(
        'data.cifar',
        `record ${record} of ${file} must have a label from 0 to ${classes - 1}, as ${name} has, got ${label}; fetch it again`,
      )
    }
    read.push(label)
  }
  const images = {
    name: file,
    shape: [count, 3, 32, 32],
    type: UINT8,
    channelsFirst: true,
    row: (record: number) => bytesAt(record, labels, PIXELS),
  }
  return { split, images, labels: read, labelsName: file }
}

async function namesOf({ namesFile, classes }: Version, folder: string): Promise<readonly string[] | null> {
  const text = await readFile(join(folder, namesFile), 'utf8').catch(() => '')
  const names = text.split('\n').flatMap((line) => line.trim() || [])
  return names.length === classes ? names : Array.from({ length: classes }, (_, label) => String(label))
}
