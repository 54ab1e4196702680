/** The two things that are compared: images of a folder or file, or statistics of images in some network's features. */
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError, sizeOf, tensor } from '../../base/index.ts'
import type { Dataset, Split } from '../../data/index.ts'
import { digits, loadData } from '../../data/index.ts'
import { readLabelled } from '../../metrics/files/index.ts'
import type { ParsedStatistics } from '../../metrics/index.ts'
import type { ReadingSettings } from '../opening/dataSettings.ts'
import { readingOptions } from '../opening/dataSettings.ts'

/** One of the two. */
export type Side = { readonly source: string } & (
  | { readonly kind: 'images'; readonly data: Dataset; readonly count: number }
  | { readonly kind: 'statistics'; readonly statistics: ParsedStatistics }
)

type SizeAndReading = ReadingSettings & { readonly size: number | null }

export type ImageSide = Extract<Side, { readonly kind: 'images' }>

/** How many images it is of; null where statistics do not say. */
export const countOf = (side: Side): number | null =>
  side.kind === 'images' ? side.count : side.statistics.reference.count

/** A side in words. */
export const sideText = ({
  source,
  kind,
  images,
}: Pick<Side, 'source' | 'kind'> & { images: number | null }): string =>
  images === null
    ? `${source}, statistics that do not say of how many images`
    : `${source}, ${kind === 'images' ? '' : 'statistics of '}${images.toLocaleString('en')} images`

/**
 * Opens a side: `digits`, what `loadData` reads, what `bilevel sample` left, or a .npz with statistics.
 * @throws `data.*`, `metrics.statistics`
 */
export async function openSide(source: string, config: SizeAndReading): Promise<Side> {
  if (source !== 'digits' && /\.npz$/i.test(source) && !(await holdsImages(source))) {
    return { kind: 'statistics', source, statistics: await readLabelled(source) }
  }
  const { size } = config
  const sized = size === null ? {} : { size }
  // All splits are one set here: none of them needs any images.
  const needs = { train: 0, tuning: 0, heldOut: 0 }
  const data =
    source === 'digits'
      ? await digits(sized)
      : await loadData(await picturesOf(source), { ...sized, ...readingOptions(config), together: true, needs })
  const { train, tuning, heldOut } = data.splits
  return { kind: 'images', source, data, count: train.count + tuning.count + heldOut.count }
}

/** Whether an archive of arrays holds images and no statistics, by the names in it, which stand in its last bytes too. */
async function holdsImages(path: string): Promise<boolean> {
  const file = await open(path).catch(() => null)
  if (!file) return false
  try {
    const { size } = await file.stat()
    const length = Math.min(size, 1 << 16)
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
    const names = buffer.toString('latin1')
    return !['mu.npy', 'sigma.npy', 'pool_3.npy'].some((name) => names.includes(name)) && names.includes('.npy')
  } finally {
    await file.close()
  }
}

/** Of a folder that `bilevel sample` made, the images one by one, not their grid. */
async function picturesOf(source: string): Promise<string> {
  const has = (name: string) => stat(join(source, name)).catch(() => null)
  const [images, grid, samples] = await Promise.all([has('images'), has('grid.png'), has('samples.safetensors')])
  return images?.isDirectory() && grid && samples ? join(source, 'images') : source
}

/** Images in runs of at most so many, in [-1, 1]; grey ones with three equal channels where colour is wanted. */
export function* chunksOf({ data: { splits } }: ImageSide, most: number, channels: number) {
  for (const split of [splits.train, splits.tuning, splits.heldOut]) {
    for (let first = 0; first < split.count; first += most) {
      yield chunkOf(split, first, Math.min(most, split.count - first), channels)
    }
  }
}

function chunkOf({ shape, images }: Split, first: number, count: number, channels: number) {
  const size = sizeOf(shape)
  const part = images.subarray(first * size, (first + count) * size)
  if (channels === shape[0]) return tensor('float32', [count, ...shape], part)
  const coloured = new Float32Array(count * channels * size)
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < channels; c++) coloured.set(part.subarray(i * size, (i + 1) * size), (i * channels + c) * size)
  }
  return tensor('float32', [count, channels, ...shape.slice(1)], coloured)
}

/** The shape that both sides' images are compared in. @throws `fid.size` where they have not one size */
export function sharedShape(sides: readonly ImageSide[]): readonly number[] {
  const [first, second = first] = sides
  const [a, b] = [first.data.shape, second.data.shape]
  if (a[1] !== b[1] || a[2] !== b[2]) {
    const words = ({ source, data: { shape } }: ImageSide) => `those of ${source} are ${shape[2]}x${shape[1]}`
    throw inputError(
      'fid.size',
      `images are compared at one size, but ${words(first)} and ${words(second)}; give --size, such as ${Math.min(a[1], b[1])}`,
    )
  }
  return [Math.max(a[0], b[0]), a[1], a[2]]
}
