import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { encode as encodePng } from 'fast-png'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RandomStream } from '../base/index.ts'
import { encodeIdx } from './arrays/idx.ts'
import type { Split } from './dataset.ts'
import { contentHash } from './dataset.ts'
import { loadData } from './loadData.ts'
import { requireDataSize } from './pictures/imageLimits.ts'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'data-'))
})
afterAll(() => rm(root, { recursive: true }))

const random = new RandomStream({ seed: 3, purpose: 'test.images' })
const noise = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => random.integer(256))

/** Rows of a split as bytes, in a comparable order. */
const bytesOf = (split: Split): string[] =>
  Array.from({ length: split.count }, (_, i) => {
    const size = split.images.length / split.count
    return contentHash(split.images.subarray(i * size, (i + 1) * size).map((value) => (value + 1) * 127.5))
  })

async function folderOf(name: string, files: Record<string, Uint8Array>): Promise<string> {
  for (const [path, bytes] of Object.entries(files)) {
    await mkdir(join(root, name, path, '..'), { recursive: true })
    await writeFile(join(root, name, path), bytes)
  }
  return join(root, name)
}

const images = (count: number, side: number): Uint8Array =>
  encodeIdx({ shape: [count, side, side], data: noise(count * side * side) })
const labels = (count: number): Uint8Array =>
  encodeIdx({ shape: [count], data: Uint8Array.from({ length: count }, (_, i) => i % 3) })
const png = (side: number, channels = 1): Uint8Array =>
  encodePng({ width: side, height: side, channels, data: noise(channels * side * side) })

describe('loadData of IDX', () => {
  it("takes MNIST's folder: t10k is held out, train is split 5 : 1", async () => {
    const folder = await folderOf('mnist', {
      'train-images-idx3-ubyte.gz': gzipSync(images(60, 28)),
      'train-labels.idx1-ubyte': labels(60),
      't10k-images-idx3-ubyte': images(9, 28),
      't10k-labels-idx1-ubyte.gz': gzipSync(labels(9)),
    })
    const { splits, shape, classes, provenance } = await loadData(folder)
    expect([splits.train.count, splits.tuning.count, splits.heldOut.count]).toEqual([50, 10, 9])
    expect(shape).toEqual([1, 28, 28])
    expect(classes).toEqual(['0', '1', '2'])
    const small = await loadData(folder, { size: 16 })
    expect(small.shape).toEqual([1, 16, 16])
    expect(small.provenance.sha256).not.toBe(provenance.sha256)
    expect(small.splits.train.labels).toEqual(splits.train.labels)
    const row = (y: number, x: number): number => splits.train.images[y * 28 + x]
    expect(small.splits.train.images[16 * 5 + 6]).toBeCloseTo(
      (row(8, 10) + row(8, 11) + row(9, 10) + row(9, 11)) / 4,
      6,
    )
    expect(small.splits.train.images[0]).toBe(-1)
  })

  it('keeps excluded images, and copies of test images, out of training', async () => {
    const data = noise(60 * 16)
    const folder = await folderOf('excluded', {
      'train-images-idx3-ubyte': encodeIdx({ shape: [60, 4, 4], data }),
      't10k-images-idx3-ubyte': encodeIdx({ shape: [5, 4, 4], data: data.subarray(0, 80) }),
    })
    const whole = await loadData(folder)
    expect(whole.splits.train.labels).toBeNull()
    expect(whole.classes).toEqual([])
    expect(whole.splits.train.count + whole.splits.tuning.count).toBe(55)
    expect(whole.notes).toEqual([
      `5 images of ${folder} are left out, being copies of images that are held out, or tune`,
    ])
    const kept = bytesOf(whole.splits.train)
    const part = await loadData(folder, { exclude: new Set(kept.slice(3, 10)) })
    expect(bytesOf(part.splits.train)).toEqual([...kept.slice(0, 3), ...kept.slice(10)])
    expect(bytesOf(part.splits.heldOut)).toEqual(bytesOf(whole.splits.heldOut))
  })

  it('takes one file, with the labels beside it', async () => {
    const folder = await folderOf('single', {
      'my-images.idx3.gz': gzipSync(images(25, 8)),
      'my-labels.idx1': labels(25),
      'alone.idx': images(25, 8),
    })
    const { splits } = await loadData(join(folder, 'my-images.idx3.gz'))
    expect([splits.train.count, splits.tuning.count, splits.heldOut.count]).toEqual([15, 5, 5])
    expect([...splits.train.labels!].sort()).toHaveLength(15)
    expect((await loadData(join(folder, 'alone.idx'))).splits.train.labels).toBeNull()
  })

  it('says what is wrong', async () => {
    const unequal = await folderOf('unequal', {
      'train-images-idx3-ubyte': images(20, 5),
      'train-labels-idx1-ubyte': labels(19),
    })
    await expect(loadData(unequal)).rejects.toMatchObject({ code: 'data.labelCount', kind: 'input' })
    const mixed = await folderOf('mixed', {
      'train-images-idx3-ubyte': images(20, 5),
      't10k-images-idx3-ubyte': images(20, 6),
    })
    await expect(loadData(mixed)).rejects.toMatchObject({ code: 'data.mixedSizes' })
    const half = await folderOf('half', {
      'train-images-idx3-ubyte': images(20, 5),
      'train-labels-idx1-ubyte': labels(20),
      't10k-images-idx3-ubyte': images(20, 5),
    })
    await expect(loadData(half)).rejects.toMatchObject({ code: 'data.labels' })
    const vector = await folderOf('vector', { 'train-images-idx3-ubyte': labels(20) })
    await expect(loadData(vector)).rejects.toMatchObject({ code: 'data.idxShape' })
    const few = await folderOf('few', { 'train-images-idx3-ubyte': images(6, 5) })
    await expect(loadData(few)).rejects.toThrow(/6 in all.*2 heldOut \(has 1\): 10 different images/)
    await expect(loadData(join(root, 'absent'))).rejects.toMatchObject({ code: 'data.unreadable' })
    await expect(loadData(few, { size: 3 })).rejects.toThrow(/too few|can be brought/)
  })
})

describe('loadData of image folders', () => {
  it('labels by sub-folder, numbers in order, grey among colour', async () => {
    const files: Record<string, Uint8Array> = { '.hidden.png': Buffer.from('x'), 'readme.txt': Buffer.from('x') }
    for (const name of ['2', '10', '1'])
      for (let i = 0; i < 10; i++) files[`${name}/${i}.png`] = png(6, name === '2' ? 1 : 3)
    const data = await loadData(await folderOf('classes', files), { size: 6 })
    expect(data.classes).toEqual(['1', '2', '10'])
    expect(data.shape).toEqual([3, 6, 6])
    const { images: values, labels: which, count } = data.splits.train
    expect(count).toBe(18)
    for (let i = 0; i < count; i++) {
      const [red, blue] = [0, 72].map((offset) => [...values.subarray(i * 108 + offset, i * 108 + offset + 36)])
      expect(JSON.stringify(red) === JSON.stringify(blue)).toBe(which![i] === 1)
    }
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1)
    expect(Math.max(...values)).toBeLessThanOrEqual(1)
  })

  it('reads a flat folder without labels; the same images are split the same as in IDX', async () => {
    const pixels = Array.from({ length: 20 }, () => noise(25))
    const flat = await folderOf(
      'flat',
      Object.fromEntries(pixels.map((data, i) => [`${i}.PNG`, encodePng({ width: 5, height: 5, channels: 1, data })])),
    )
    const idx = await folderOf('asIdx', {
      'train-images-idx3-ubyte': encodeIdx({ shape: [20, 5, 5], data: Buffer.concat(pixels) }),
    })
    const a = await loadData(flat)
    const b = await loadData(idx)
    expect(a.splits).toEqual(b.splits)
    expect(a.provenance.sha256).toBe(b.provenance.sha256)
  })

  it('says once that images are transparent, and resizes as it reads', async () => {
    const pixels = Array.from({ length: 10 }, () => noise(64))
    const files = pixels.map((data, i): [string, Uint8Array] => {
      const alpha = Uint8Array.from({ length: 128 }, (_, j) => (j % 2 ? (i < 3 && j === 1 ? 0 : 255) : data[j / 2]))
      return [`${i}.png`, encodePng({ width: 8, height: 8, channels: 2, data: alpha })]
    })
    const folder = await folderOf('clear', Object.fromEntries(files))
    const data = await loadData(folder, { size: 4 })
    expect(data.notes).toEqual([`3 of the 10 images of ${folder} have transparent pixels: laid over white`])
    for (const image of pixels.slice(0, 3)) image[0] = 255
    const idx = await folderOf('clearAsIdx', {
      'train-images-idx3-ubyte': encodeIdx({ shape: [10, 8, 8], data: Buffer.concat(pixels) }),
    })
    const same = await loadData(idx, { size: 4 })
    expect([same.notes, same.splits, same.provenance.sha256]).toEqual([undefined, data.splits, data.provenance.sha256])
  })

  it('refuses more than memory holds before it reads it', async () => {
    const shape = [1 << 23, 1, 1]
    const many = await folderOf('many', {
      'train-images-idx3-ubyte.gz': gzipSync(encodeIdx({ shape, data: new Uint8Array(1 << 23) })),
    })
    await expect(loadData(many)).rejects.toMatchObject({ code: 'data.tooLarge', kind: 'input' })
    expect(() => requireDataSize(2 ** 20, 3 * 512 * 512, 'large')).toThrow(
      /large: its 1048576 images of 786432 values need 3072.0 GiB/,
    )
    expect(() => requireDataSize(100, 3 * 512 * 512, 'small')).not.toThrow()
  })

  it('says what is wrong', async () => {
    await mkdir(join(root, 'empty', 'sub'), { recursive: true })
    await expect(loadData(join(root, 'empty'))).rejects.toMatchObject({ code: 'data.emptyFolder', kind: 'input' })
    const mixed = await folderOf('mixedPng', { 'a.png': png(6), 'b.png': png(6), 'c.png': png(5) })
    await expect(loadData(mixed)).rejects.toThrow(/a\.png is 6x6, .*c\.png is 5x5/)
    const broken = await folderOf('broken', { 'a.png': png(6), 'b.png': png(6).subarray(0, 50) })
    await expect(loadData(broken)).rejects.toThrow(/broken\/b\.png is not a readable/)
    const few = await folderOf('fewPng', { 'a.png': png(6), 'b.png': png(6), 'c.png': png(6) })
    await expect(loadData(few)).rejects.toMatchObject({ code: 'data.tooFew' })
    await expect(loadData(few, { needs: { tuning: 40 } })).rejects.toThrow(/200 different images/)
    const both = await folderOf('both', { 'a.png': png(6), 'k/b.png': png(6) })
    await expect(loadData(both)).rejects.toMatchObject({ code: 'data.layout' })
    const deep = await folderOf('deep', { 'a/0/a.png': png(6), 'b/0/b.png': png(6) })
    await expect(loadData(deep)).rejects.toThrow(/right above the classes/)
  })
})
