/**
 * Parquet files of images as Hugging Face's hub has them: a column of `{bytes, path}` (or of bytes) and one of labels, whose names the file holds
 * (`ClassLabel`). One file, or a folder of shards named after their split; read row group by row group.
 */
import { open, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { AsyncBuffer, FileMetaData, SchemaTree } from 'hyparquet'
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { inputError, requireRoom } from '../../base/index.ts'
import type { DataFormat, ImageSource, NamedSplit, OpenOptions, SourceImage } from '../format.ts'
import { onlyFiles, splitOfShard } from '../format.ts'
import { unreadable } from '../found.ts'
import { LABEL_COLUMNS } from '../labelled.ts'
import { decodeImage } from '../pictures/imageFile.ts'
import { sampledRows } from '../sampled.ts'

const MAGIC = 'PAR1'

export const parquetFiles: DataFormat = {
  name: 'Parquet files of images',
  recognises(found) {
    if (found.names !== null) return onlyFiles(found).some((name) => /\.parquet$/i.test(name))
    return String.fromCharCode(...found.head.subarray(0, MAGIC.length)) === MAGIC
  },
  async open({ path, names }, options) {
    const files =
      names === null ? [path] : names.filter((name) => /\.parquet$/i.test(name)).map((name) => join(path, name))
    const shards: Shard[] = []
    for (const file of files) shards.push(await openShard(file, files.length > 1))
    return sourceOf(shards, options)
  },
}

interface Shard {
  readonly file: string
  readonly buffer: AsyncBuffer
  readonly metadata: FileMetaData
  readonly split: NamedSplit | null
  readonly rows: number
  readonly image: string
  readonly label: string | null
  readonly classes: readonly string[] | null
}

const IMAGE_COLUMNS = ['image', 'img', 'images', 'picture', 'pixels', 'bytes', 'jpg', 'png']

async function openShard(file: string, several: boolean): Promise<Shard> {
  const buffer = await fileBuffer(file)
  const metadata = await parquetMetadataAsync(buffer).catch((cause) => {
    throw notWhole(file, cause)
  })
  const { children } = parquetSchema(metadata)
  const image = imageColumn(children)
  if (image === null) {
    const names = children.map(({ element }) => element.name)
    throw inputError(
      'data.parquet',
      `${file} must have a column of images, {bytes, path} or bytes, named such as image, got ${names.join(', ')}; write one with datasets.Image()`,
    )
  }
  const label = LABEL_COLUMNS.find((name) => children.some(({ element }) => element.name === name)) ?? null
  const split = several ? splitOfShard(basename(file)) : null
  const classes = label === null ? null : classNames(metadata, label)
  return { file, buffer, metadata, split, rows: Number(metadata.num_rows), image, label, classes }
}

const notWhole = (file: string, cause: unknown): Error =>
  inputError(
    'data.parquet',
    `${file} is not a whole Parquet file (${cause instanceof Error ? cause.message : cause}); fetch it again`,
    { cause },
  )

/** Bytes of a file, read where they are asked for; the file is open only then. */
async function fileBuffer(file: string): Promise<AsyncBuffer> {
  const { size } = await stat(file).catch((cause) => {
    throw unreadable(file, cause)
  })
  return {
    byteLength: size,
    async slice(start, end = size) {
      const length = Math.max(0, Math.min(end, size) - start)
      requireRoom({ code: 'data.tooLarge', what: `a part of ${file}`, values: length, bytesPerValue: 1 })
      const handle = await open(file)
      try {
        const bytes = new Uint8Array(length)
        await handle.read(bytes, 0, length, start)
        return bytes.buffer
      } finally {
        await handle.close()
      }
    },
  }
}

function imageColumn(children: readonly SchemaTree[]): string | null {
  const holds = ({ element, children: inner }: SchemaTree) =>
    inner.some((child) => child.element.name === 'bytes') ||
    (inner.length === 0 && element.type === 'BYTE_ARRAY' && element.converted_type !== 'UTF8')
  const fitting = children.filter(holds).map(({ element }) => element.name)
  return IMAGE_COLUMNS.find((name) => fitting.includes(name)) ?? fitting[0] ?? null
}

/** Names of a `ClassLabel` that Hugging Face's library writes beside the table. */
function classNames({ key_value_metadata: pairs = [] }: FileMetaData, label: string): readonly string[] | null {
  const text = pairs.find(({ key }) => key === 'huggingface')?.value
  if (!text) return null
  try {
    const names = JSON.parse(text)?.info?.features?.[label]?.names
    return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : null
  } catch {
    return null
  }
}

function sourceOf(shards: readonly Shard[], { most }: OpenOptions): ImageSource {
  const total = shards.reduce((sum, { rows }) => sum + rows, 0)
  const chosen = sampledRows(total, most)
  return {
    total,
    count: chosen.length,
    classes: shards[0]?.classes ?? null,
    notes: [],
    async *read() {
      let before = 0
      let at = 0
      for (const shard of shards) {
        const rows: number[] = []
        for (; at < chosen.length && chosen[at] < before + shard.rows; at++) rows.push(chosen[at] - before)
        yield* imagesOf(shard, rows)
        before += shard.rows
      }
    },
    close: async () => undefined,
  }
}

/** Images of a shard's rows, ascending: of each row group the part that is needed, no more than one in memory. */
async function* imagesOf(shard: Shard, rows: readonly number[]): AsyncIterable<SourceImage> {
  let from = 0
  let at = 0
  for (const group of shard.metadata.row_groups) {
    const to = from + Number(group.num_rows)
    const wanted: number[] = []
    for (; at < rows.length && rows[at] < to; at++) wanted.push(rows[at])
    if (wanted.length > 0) {
      const bytes = Number(group.total_byte_size)
      requireRoom({ code: 'data.tooLarge', what: `a row group of ${shard.file}`, values: bytes, bytesPerValue: 1 })
      const read = await readRows(shard, wanted[0], wanted[wanted.length - 1] + 1)
      for (const row of wanted) yield imageOf(shard, row, read[row - wanted[0]])
    }
    from = to
  }
}

async function readRows(shard: Shard, rowStart: number, rowEnd: number): Promise<Record<string, unknown>[]> {
  const { buffer: file, metadata, image, label } = shard
  const columns = [image, ...(label === null ? [] : [label])]
  try {
    return await parquetReadObjects({ file, metadata, columns, rowStart, rowEnd, compressors, utf8: false })
  } catch (cause) {
    throw notWhole(shard.file, cause)
  }
}

function imageOf({ file, split, image, label }: Shard, row: number, values: Record<string, unknown>): SourceImage {
  const name = `row ${row} of ${file}`
  const cell = values[image]
  const bytes = cell instanceof Uint8Array ? cell : (cell as { bytes?: unknown } | null)?.bytes
  return {
    name,
    split,
    label: label === null ? null : labelFrom(values[label], name),
    decode() {
      if (bytes instanceof Uint8Array) return decodeImage(bytes, name)
      const where = (cell as { path?: unknown } | null)?.path
      throw inputError(
        'data.image',
        `${name} must hold the bytes of its image, got ${where ? `only the path ${String(where)}` : 'none'}; write the table with its images embedded`,
      )
    },
  }
}

function labelFrom(value: unknown, name: string): string | number | null {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'number') return value
  if (value instanceof Uint8Array) return new TextDecoder().decode(value)
  if (typeof value === 'string') return value
  throw inputError('data.labels', `a label must be a name or a number, but ${name} has ${JSON.stringify(value)}`)
}
