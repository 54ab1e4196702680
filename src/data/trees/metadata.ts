/**
 * Labels in a file beside the images: `metadata.jsonl` or `metadata.csv` of Hugging Face's `imagefolder` (a row for each image, with its `file_name`), and
 * the `dataset.json` of StyleGAN's and EDM's data sets (`labels`: pairs of path and class).
 */

import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { inputError } from '../../base/index.ts'
import { LABEL_COLUMNS } from '../labelled.ts'

export type Label = string | number

export const METADATA_NAME = /^(metadata\.(jsonl|csv)|dataset\.json)$/

/** Columns that name the image. */
const FILE_COLUMNS = ['file_name', 'image_file_name', 'image']

/** The label of a row; undefined where it has none of the columns. */
export const labelAmong = (row: Readonly<Record<string, unknown>>): unknown =>
  row[LABEL_COLUMNS.find((column) => row[column] !== undefined) ?? '']

/** Labels by path, relative to the folder that the file is in. */
export interface Metadata {
  readonly labels: ReadonlyMap<string, Label>
  /** The columns where none is a label; null: there are labels, or no rows. */
  readonly unlabelled: readonly string[] | null
}

/**
 * @param wanted whether a path is that of an image that will be read
 * @throws `data.metadata` naming file and row
 */
export async function metadataIn(
  bytes: Uint8Array,
  name: string,
  wanted: (path: string) => boolean,
): Promise<Metadata> {
  const labels = new Map<string, Label>()
  let unlabelled: readonly string[] | null = null
  const rows = name.endsWith('.csv')
    ? csvRows(bytes, name)
    : name.endsWith('.jsonl')
      ? jsonRows(bytes, name)
      : pairs(bytes, name)
  let at = 0
  for await (const row of rows) {
    at++
    const path = FILE_COLUMNS.map((column) => row[column]).find((value) => typeof value === 'string')
    if (typeof path !== 'string') {
      throw inputError(
        'data.metadata',
        `each row must name its image by ${FILE_COLUMNS[0]}, but row ${at} of ${name} has ${Object.keys(row).join(', ')}`,
      )
    }
    const label = labelAmong(row)
    if (label === undefined || label === null || label === '') {
      unlabelled ??= Object.keys(row)
      continue
    }
    if (typeof label !== 'string' && typeof label !== 'number') {
      throw inputError(
        'data.metadata',
        `a label must be a name or a number, but row ${at} of ${name} has ${JSON.stringify(label)}`,
      )
    }
    const plain = path.replace(/^\.\//, '')
    if (wanted(plain)) labels.set(plain, asLabel(label))
  }
  return { labels, unlabelled: labels.size === 0 ? unlabelled : null }
}

/** A number where a text is one. */
export const asLabel = (label: Label): Label =>
  typeof label === 'string' && /^\d+$/.test(label.trim()) ? Number(label) : label

type Row = Readonly<Record<string, unknown>>

async function* jsonRows(bytes: Uint8Array, name: string): AsyncIterable<Row> {
  let at = 0
  for await (const line of createInterface({ input: Readable.from([bytes]), crlfDelay: Number.POSITIVE_INFINITY })) {
    at++
    if (line.trim() === '') continue
    const row = parsed(line, `row ${at} of ${name}`)
    if (typeof row !== 'object' || row === null)
      throw inputError('data.metadata', `row ${at} of ${name} must be an object, got ${line.slice(0, 80)}`)
    yield row as Row
  }
}

async function* csvRows(bytes: Uint8Array, name: string): AsyncIterable<Row> {
  try {
    yield* Readable.from([bytes]).pipe(parse({ columns: true, bom: true, skip_empty_lines: true, trim: true }))
  } catch (cause) {
    throw inputError('data.metadata', `${name} cannot be read as CSV: ${(cause as Error).message}`, { cause })
  }
}

async function* pairs(bytes: Uint8Array, name: string): AsyncIterable<Row> {
  const { labels } = parsed(new TextDecoder().decode(bytes), name) as { labels?: unknown }
  if (labels === null || labels === undefined) return
  if (!Array.isArray(labels)) throw inputError('data.metadata', `labels of ${name} must be pairs of path and class`)
  for (const pair of labels) {
    const [path, label] = Array.isArray(pair) ? pair : []
    yield { file_name: path, label }
  }
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw inputError('data.metadata', `${name} must be JSON, got ${text.slice(0, 80)}: ${(cause as Error).message}`, {
      cause,
    })
  }
}
