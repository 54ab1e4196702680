/** Images of arrays, a part for each split: what IDX files, `.npy`, `.npz` and CIFAR's batches come to. */
import { inputError, MOST } from '../../base/index.ts'
import type { ImageSource, NamedSplit, OpenOptions, SourceImage } from '../format.ts'
import type { Picture } from '../pictures/imageFile.ts'
import { sampledRows } from '../sampled.ts'
import type { NumberRange, ReadRows } from './arrayImages.ts'
import { layoutOf, pictureOf, rangeOf } from './arrayImages.ts'
import type { NumberRows } from './numberType.ts'

export interface ArrayPart {
  readonly split: NamedSplit | null
  readonly images: NumberRows
  /** A class for each image; null: none. */
  readonly labels: readonly number[] | null
  /** What errors call the labels. */
  readonly labelsName: string
}

export interface ArraysOptions extends OpenOptions {
  readonly classes?: readonly string[] | null
  readonly notes?: readonly string[]
  /** Rows and columns have changed places. */
  readonly transposed?: boolean
  close?(): Promise<void>
}

/** @throws `data.arrayShape`, `data.labelCount` */
export function arraySource(parts: readonly ArrayPart[], options: ArraysOptions): ImageSource {
  const { most, range, classes = null, transposed = false, close = async () => undefined } = options
  for (const { images, labels, labelsName } of parts) {
    layoutOf(images)
    if (labels && labels.length !== images.shape[0]) {
      throw inputError(
        'data.labelCount',
        `images and labels must be equally many: ${images.name} has ${images.shape[0]}, ${labelsName} has ${labels.length}`,
      )
    }
  }
  const total = parts.reduce((sum, { images }) => sum + images.shape[0], 0)
  const rows = sampledRows(total, most)
  const notes = [...(options.notes ?? [])]
  const { channels, height, width } = layoutOf(parts[0].images)
  return {
    total,
    count: rows.length,
    shape: transposed ? [Math.min(3, channels), width, height] : [Math.min(3, channels), height, width],
    classes: classes ?? numberedClasses(parts),
    notes,
    async *read() {
      const read = readOf(parts, rows)
      const ranges = await rangesOf(read, range)
      for (const { note } of ranges.values()) if (note !== null) notes.push(note)
      for (const [i, part] of parts.entries()) {
        const { indices } = read[i]
        yield* imagesOf(part, indices, ranges.get(part.images.type.name) as NumberRange, transposed)
      }
    },
    close,
  }
}

/** Numbers from 0 to the highest of all labels, those of images that are not read too; null: there are none. */
function numberedClasses(parts: readonly ArrayPart[]): string[] | null {
  let highest = -1
  for (const { labels } of parts) for (const label of labels ?? []) if (label > highest) highest = label
  if (highest < 0) return null
  if (highest >= MOST.classes) {
    const rule = `labels must be whole numbers from 0 to ${MOST.classes - 1}`
    throw inputError('data.labels', `${rule}, but ${parts[0].labelsName} has ${highest}`)
  }
  return Array.from({ length: highest + 1 }, (_, label) => String(label))
}

/** The rows of each part, of rows of all parts together, ascending. */
function readOf(parts: readonly ArrayPart[], rows: readonly number[]): ReadRows[] {
  let before = 0
  return parts.map(({ images }) => {
    const [from, to] = [before, before + images.shape[0]]
    before = to
    return { rows: images, indices: rows.filter((row) => row >= from && row < to).map((row) => row - from) }
  })
}

/** By type of number: all parts of one type are in one range. */
async function rangesOf(
  read: readonly ReadRows[],
  stated: readonly [number, number] | null,
): Promise<ReadonlyMap<string, NumberRange>> {
  const types = new Set(read.map(({ rows }) => rows.type.name))
  const ranges = new Map<string, NumberRange>()
  for (const type of types) {
    const ofType = read.filter(({ rows, indices }) => rows.type.name === type && indices.length > 0)
    if (ofType.length > 0) ranges.set(type, await rangeOf(ofType, stated))
  }
  return ranges
}

async function* imagesOf(
  { split, images, labels }: ArrayPart,
  rows: readonly number[],
  range: NumberRange,
  transposed: boolean,
): AsyncIterable<SourceImage> {
  const layout = layoutOf(images)
  for (const row of rows) {
    yield {
      name: `image ${row} of ${images.name}`,
      split,
      label: labels?.[row] ?? null,
      async decode() {
        const picture = pictureOf(await images.row(row), images.type, layout, range)
        return transposed ? mirrored(picture) : picture
      },
    }
  }
}

/** Rows as columns. */
function mirrored(picture: Picture): Picture {
  const { height, width, pixels } = picture
  const size = height * width
  const turned = pixels.slice()
  for (let i = 0; i < pixels.length; i++) {
    const [plane, at] = [Math.floor(i / size), i % size]
    turned[plane * size + (at % width) * height + Math.floor(at / width)] = pixels[i]
  }
  return { ...picture, height: width, width: height, pixels: turned }
}
