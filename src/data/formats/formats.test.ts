/** What people bring, made here: layouts of folders and archives, names of arrays, bad files among good ones, and what is not read. */
import { readFile, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { packTar } from 'modern-tar'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { encodeIdx } from '../arrays/idx.ts'
import type { Dataset } from '../dataset.ts'
import type { TestFolders } from '../fixtures/folder.fixture.ts'
import { allContents, contentsOf, countsOf, noiseOf, pngOf, testFolders } from '../fixtures/folder.fixture.ts'
import { loadData } from '../loadData.ts'
import type { FileTree } from '../trees/fileTree.ts'
import { tarTree } from '../trees/tarTree.ts'
import { treeSource } from '../trees/treeSource.ts'

let folders: TestFolders
beforeAll(async () => {
  folders = await testFolders()
})
afterAll(() => folders.remove())

const noise = noiseOf('test.formats')
const png = (side = 5): Uint8Array => pngOf(noise(side * side), side)
const pngs = (count: number): Uint8Array[] => Array.from({ length: count }, () => png())

type Files = Record<string, Uint8Array | string>
const bytesIn = (files: Files): Record<string, Uint8Array> =>
  Object.fromEntries(
    Object.entries(files).map(([path, body]) => [path, typeof body === 'string' ? Buffer.from(body) : body]),
  )

const tarOf = (files: Files): Promise<Uint8Array> =>
  packTar(Object.entries(bytesIn(files)).map(([name, body]) => ({ header: { name, size: body.length }, body })))

/** A `.npy` of bytes or numbers. */
function npyOf(
  shape: readonly number[],
  values: Uint8Array | Float32Array | BigInt64Array,
  columnMajor = false,
): Uint8Array {
  const descr = values instanceof Uint8Array ? '|u1' : values instanceof Float32Array ? '<f4' : '<i8'
  const dictionary = `{'descr': '${descr}', 'fortran_order': ${columnMajor ? 'True' : 'False'}, 'shape': (${shape.join(', ')},), }`
  const header = Buffer.from(`\x93NUMPY\x01\0  ${dictionary.padEnd(117)}\n`, 'latin1')
  header.writeUInt16LE(header.length - 10, 8)
  return Buffer.concat([header, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)])
}
const int64 = (values: readonly number[]): BigInt64Array => BigInt64Array.from(values, BigInt)

describe('folders', () => {
  it('names without an ending are pictures where no other are, by content', async () => {
    const images = pngs(30)
    const bare = Object.fromEntries(
      images.map((body, i) => [`${i % 2 ? 'dog' : 'cat'}/${(7919 * (i + 1)).toString(16)}`, body]),
    )
    const data = await loadData(await folders.of('bare', bare))
    expect([data.classes, countsOf(data).reduce((a, b) => a + b)]).toEqual([['cat', 'dog'], 30])
    const packed = await folders.of('bareTar', { 'all.tar': Buffer.from(await tarOf(bare)) })
    expect(countsOf(await loadData(join(packed, 'all.tar')))).toEqual(countsOf(data))
    // Beside pictures by name they are what they were.
    const mixed = { ...Object.fromEntries(images.map((body, i) => [`${i}.png`, body])), LICENSE: 'text' }
    expect(countsOf(await loadData(await folders.of('mixed', mixed))).reduce((a, b) => a + b)).toBe(30)
    await expect(loadData(await folders.of('texts', { LICENSE: 'text', README: 'text' }))).rejects.toMatchObject({
      code: 'data.emptyFolder',
    })
  })

  it('train/ and test/ are splits, flat or with classes, and val/ is for tuning', async () => {
    const images = pngs(40)
    const flat = Object.fromEntries(images.map((body, i) => [`${i < 30 ? 'train' : 'test'}/${i}.png`, body]))
    const data = await loadData(await folders.of('flatSplits', flat))
    expect([data.classes, countsOf(data)]).toEqual([[], [25, 5, 10]])
    const inClasses = Object.fromEntries(
      images.map((body, i) => [`${i < 30 ? 'Train' : 'Test'}/${i % 2 ? 'dog' : 'cat'}/${i}.png`, body]),
    )
    const classes = await loadData(await folders.of('classSplits', inClasses))
    expect([classes.classes, countsOf(classes)]).toEqual([
      ['cat', 'dog'],
      [25, 5, 10],
    ])
    const three = Object.fromEntries(
      images.map((body, i) => [`${i < 24 ? 'train' : i < 32 ? 'val' : 'test'}/${i}.png`, body]),
    )
    const named = await loadData(await folders.of('threeSplits', three))
    expect([countsOf(named), named.provenance.rule]).toEqual([[24, 8, 8], expect.stringMatching(/validation tunes/)])
    const validation = Object.fromEntries(images.map((body, i) => [`${i < 30 ? 'train' : 'val'}/${i}.png`, body]))
    const two = await loadData(await folders.of('trainVal', validation))
    expect([countsOf(two), two.provenance.rule]).toEqual([
      [25, 5, 10],
      expect.stringMatching(/held-out: the validation images/),
    ])
  })

  it("labels of Hugging Face's imagefolder: metadata.jsonl or metadata.csv, numbers or names", async () => {
    const images = pngs(20)
    const of = (metadata: Files, at = 'train/') =>
      Object.fromEntries([...images.map((body, i) => [`${at}${i}.png`, body]), ...Object.entries(metadata)])
    const jsonl = images.map((_, i) => JSON.stringify({ file_name: `${i}.png`, label: i % 3 })).join('\n')
    const numbers = await loadData(await folders.of('jsonl', of({ 'train/metadata.jsonl': jsonl })))
    expect([numbers.classes, countsOf(numbers)]).toEqual([
      ['0', '1', '2'],
      [12, 4, 4],
    ])
    const csv = `file_name,text,label\n${images.map((_, i) => `${i}.png,"a, b",${['owl', 'cat', 'dog'][i % 3]}`).join('\n')}\n`
    const names = await loadData(await folders.of('csv', of({ 'train/metadata.csv': csv })))
    expect(names.classes).toEqual(['cat', 'dog', 'owl'])
    const without = await loadData(
      await folders.of('captions', of({ 'metadata.jsonl': '{"file_name": "0.png", "text": "a"}' }, '')),
    )
    expect([without.classes, without.notes]).toEqual([
      [],
      [expect.stringMatching(/names no labels \(it has file_name, text\)/)],
    ])
    const few = await folders.of('few', of({ 'metadata.jsonl': '{"file_name": "0.png", "label": 1}' }, ''))
    await expect(loadData(few)).rejects.toThrow(
      /must have labels for all of its images, or for none: 19 of 20 have none/,
    )
    const broken = await folders.of('brokenRow', of({ 'metadata.jsonl': '{"file_name": "0.png", "label"' }, ''))
    await expect(loadData(broken)).rejects.toMatchObject({
      code: 'data.metadata',
      message: expect.stringMatching(/row 1 of .*metadata\.jsonl/),
    })
    const styleGan = JSON.stringify({ labels: images.map((_, i) => [`0/${i}.png`, i % 2]) })
    const paired = await loadData(await folders.of('styleGan', of({ 'dataset.json': styleGan }, '0/')))
    expect(paired.classes).toEqual(['0', '1'])
  })

  it('label files of some images are too few', async () => {
    const files = Object.fromEntries(pngs(20).map((body, i) => [`${i}.png`, body]))
    const labels = Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`${i}.cls`, String(i % 2)]))
    await expect(loadData(await folders.of('someLabels', { ...files, ...labels }))).rejects.toThrow(
      /must have labels for all of its images, or for none: 5 of 20 have none/,
    )
  })

  it('one bad file among many is named, or left out and counted', async () => {
    const files: Files = Object.fromEntries(pngs(30).map((body, i) => [`${i}.png`, body]))
    const folder = await folders.of('bad', { ...files, 'x.png': 'no picture', 'z.webp': '' })
    await symlink('/nowhere.png', join(folder, 'y.png'))
    await expect(loadData(folder)).rejects.toThrow(
      /bad\/x\.png is not a readable image .*--on-bad skip leaves such files out/,
    )
    const data = await loadData(folder, { onBad: 'skip' })
    expect(countsOf(data)).toEqual([18, 6, 6])
    expect(data.notes).toEqual([
      expect.stringMatching(/^3 of the 33 images of .*bad are left out.*x\.png.*y\.png.*z\.webp[^;]*$/),
    ])
  })

  it('pictures of any size come to one by the way that is named, which is said', async () => {
    const tall = (): Uint8Array => pngOf(noise(8 * 8 * 3), 8, 3)
    const files: Files = { ...Object.fromEntries(pngs(12).map((body, i) => [`${i}.png`, body])) }
    for (let i = 0; i < 8; i++) files[`large${i}.png`] = tall()
    const folder = await folders.of('sizes', files)
    await expect(loadData(folder)).rejects.toThrow(
      /0\.png is 5x5, .*large0\.png is 8x8; bring them to one: --size N with --resize crop/,
    )
    await expect(loadData(folder, { size: 5 })).rejects.toMatchObject({ code: 'data.mixedSizes' })
    await expect(loadData(folder, { resize: 'fit' })).rejects.toThrow(
      /resize fit brings pictures to a size, got no size/,
    )
    const data = await loadData(folder, { size: 8, resize: 'crop' })
    expect([data.shape, countsOf(data)]).toEqual([
      [3, 8, 8],
      [12, 4, 4],
    ])
    expect(data.notes).toEqual([
      expect.stringMatching(/^12 of the 20 images of .* are brought to 8x8 \(resize crop, bicubic\): 12 enlarged/),
    ])
  })

  it('a part of many is the same each time, whatever their order, and of all classes', async () => {
    const files = Object.fromEntries(pngs(60).map((body, i) => [`${i % 3}/${i}.png`, body]))
    const folder = await folders.of('part', files)
    const part = await loadData(folder, { most: 25 })
    expect([allContents(part).length, part.classes]).toEqual([25, ['0', '1', '2']])
    const tar = await folders.of('partTar', {
      'part.tar': await tarOf(Object.fromEntries(Object.entries(files).reverse())),
    })
    expect((await loadData(join(tar, 'part.tar'))).splits).toEqual((await loadData(folder)).splits)
    expect((await loadData(folder, { most: 25 })).provenance.sha256).toBe(part.provenance.sha256)
  })

  it('pictures none of which is bright are said', async () => {
    const masks = Array.from({ length: 20 }, () =>
      pngOf(
        noise(25).map((value) => value & 1),
        5,
      ),
    )
    const folder = await folders.of('dark', Object.fromEntries(masks.map((body, i) => [`${i}.png`, body])))
    expect((await loadData(folder)).notes).toEqual([
      expect.stringMatching(/^no pixel of the images of .*dark is brighter than 1 of 255$/),
    ])
    const stated = await loadData(folder, { range: [0, 1] })
    expect(stated.notes?.[1]).toMatch(/^the range 0,1 is of numbers in arrays: .*dark holds pictures/)
  })

  it('names what it cannot tell', async () => {
    const both = await folders.of('both', { 'a.png': png(), 'k/b.png': png() })
    await expect(loadData(both)).rejects.toThrow(/got both: a\.png and k\/b\.png/)
    const deep = await folders.of('deep', { 'a/b/c.png': png(), 'a/d/e.png': png() })
    await expect(loadData(deep)).rejects.toThrow(/right above the classes, or say the classes in a metadata\.jsonl/)
    const gifs = await folders.of('gifs', { 'a.gif': 'GIF89a', 'b.txt': '' })
    await expect(loadData(gifs)).rejects.toThrow(
      /holds no images \(PNG, JPEG, WebP, TIFF or BMP\).*only others, such as a\.gif; convert them to PNG/,
    )
  })
})

describe('archives', () => {
  const images = pngs(20)
  const files: Files = Object.fromEntries(images.map((body, i) => [`set/${i % 2 ? 'dog' : 'cat'}/${i}.png`, body]))
  let plain: Dataset
  beforeAll(async () => {
    const bare = Object.fromEntries(Object.entries(files).map(([path, body]) => [path.replace('set/', ''), body]))
    plain = await loadData(await folders.of('plain', bare))
  })

  it('a zip, a tar and a gzipped tar of a folder are as the folder', async () => {
    const folder = await folders.of('packed', {
      'a.zip': zipSync(bytesIn({ ...files, '__MACOSX/set/cat/._0.png': 'x' })),
      'a.tar': await tarOf(files),
      'a.tar.gz': gzipSync(await tarOf(files)),
    })
    for (const name of ['a.zip', 'a.tar', 'a.tar.gz']) {
      const data = await loadData(join(folder, name))
      expect([name, data.classes, data.splits, data.provenance.sha256]).toEqual([
        name,
        plain.classes,
        plain.splits,
        plain.provenance.sha256,
      ])
    }
  })

  it("WebDataset's shards: labels from .cls or .json, splits from the shards' names", async () => {
    const shard = (from: number, to: number, ending: (i: number) => Files) =>
      tarOf(
        Object.fromEntries(
          images.slice(from, to).flatMap((body, i) => [[`${from + i}.png`, body], ...Object.entries(ending(from + i))]),
        ),
      )
    const cls = (i: number): Files => ({ [`${i}.cls`]: `${i % 2}` })
    const json = (i: number): Files => ({ [`${i}.json`]: JSON.stringify({ label: i % 2 ? 'dog' : 'cat' }) })
    const shards = await folders.of('shards', {
      'train-0.tar': await shard(0, 8, cls),
      'train-1.tar': await shard(8, 14, cls),
      'test-0.tar': await shard(14, 20, cls),
    })
    const data = await loadData(shards)
    expect([data.classes, data.splits.heldOut.count, data.splits.train.count + data.splits.tuning.count]).toEqual([
      ['0', '1'],
      6,
      14,
    ])
    const named = await loadData(join(await folders.of('jsonShard', { 'x.tar': await shard(0, 20, json) }), 'x.tar'))
    expect([named.classes, named.provenance.sha256]).toEqual([plain.classes, plain.provenance.sha256])
  })

  it('a tar is read twice, to list and to read, whose label files stand beside the images; else once more', async () => {
    const cls = (i: number) => `${i % 2}`
    const beside = images.flatMap((body, i): [string, Uint8Array | string][] => [
      [`${i}.cls`, cls(i)],
      [`${i}.png`, body],
    ])
    const behind = [
      ...images.map((body, i): [string, Uint8Array | string] => [`${i}.png`, body]),
      ...images.map((_, i): [string, Uint8Array | string] => [`${i}.cls`, cls(i)]),
    ]
    const rows = images.map((_, i) => JSON.stringify({ file_name: `${i}.png`, label: i % 2 })).join('\n')
    const table = [...behind.slice(0, 20), ['metadata.jsonl', rows] as [string, string]]
    const found: unknown[] = []
    for (const [name, entries] of Object.entries({ beside, behind, table })) {
      const folder = await folders.of(`passes-${name}`, { 'x.tar': await tarOf(Object.fromEntries(entries)) })
      const path = join(folder, 'x.tar')
      const tree = tarTree(path, [path])
      let passes = 0
      const counted: FileTree = {
        ...tree,
        files: () => {
          passes++
          return tree.files()
        },
        read: (ids) => {
          passes++
          return tree.read(ids)
        },
      }
      const source = await treeSource(counted, { most: 12, range: null })
      const labels: unknown[] = []
      for await (const image of source.read()) labels.push([image.name.split(': ')[1], image.label])
      found.push({ passes, labels: labels.toSorted() })
    }
    const { labels } = found[0] as { labels: [string, number][] }
    expect(labels.every(([name, label]) => label === Number.parseInt(name, 10) % 2)).toBe(true)
    expect(labels).toHaveLength(12)
    expect(found).toEqual([2, 3, 2].map((passes) => ({ passes, labels })))
    const broken = beside.map(([name, body]): [string, Uint8Array | string] =>
      name === '7.cls' ? ['7.json', '{"label": '] : [name.replace('cls', 'json'), name.endsWith('cls') ? '1' : body],
    )
    const damaged = await folders.of('brokenSidecar', { 'x.tar': await tarOf(Object.fromEntries(broken)) })
    await expect(loadData(join(damaged, 'x.tar'))).rejects.toThrow(/x\.tar: 7\.json must be JSON, got \{"label":/)
  })

  it('that are cut short are named', async () => {
    const folder = await folders.of('cut', {
      'a.zip': zipSync(bytesIn(files)).subarray(0, 900),
      'a.tar': (await tarOf(files)).subarray(0, 3000),
      'a.tar.gz': gzipSync(await tarOf(files)).subarray(0, 1200),
    })
    for (const name of ['a.zip', 'a.tar', 'a.tar.gz']) {
      await expect(loadData(join(folder, name))).rejects.toMatchObject({
        code: 'data.archive',
        kind: 'input',
        message: expect.stringContaining(name),
      })
    }
  })
})

describe('IDX under its published names', () => {
  const pixels = noise(60 * 16)
  const images = (from: number, to: number) =>
    encodeIdx({ shape: [to - from, 4, 4], data: pixels.subarray(16 * from, 16 * to) })
  const labels = (from: number, to: number, least = 0) =>
    encodeIdx({ shape: [to - from], data: Uint8Array.from({ length: to - from }, (_, i) => least + ((from + i) % 3)) })

  it("EMNIST: rows are columns, letters run from 1, classes have their mapping's names; one set of several is named", async () => {
    const set = (name: string, least: number): Files => ({
      [`emnist-${name}-train-images-idx3-ubyte.gz`]: gzipSync(images(0, 50)),
      [`emnist-${name}-train-labels-idx1-ubyte.gz`]: gzipSync(labels(0, 50, least)),
      [`emnist-${name}-test-images-idx3-ubyte.gz`]: gzipSync(images(50, 60)),
      [`emnist-${name}-test-labels-idx1-ubyte.gz`]: gzipSync(labels(50, 60, least)),
    })
    const mapping = { 'emnist-letters-mapping.txt': '1 65 97\n2 66 98\n3 67 99\n' }
    const folder = await folders.of('emnist', { ...set('letters', 1), ...set('digits', 0), ...mapping })
    await expect(loadData(folder)).rejects.toThrow(
      /holds 2 data sets; name one of them: .*emnist-digits, .*emnist-letters$/,
    )
    const letters = await loadData(join(folder, 'emnist-letters'))
    expect([letters.classes, countsOf(letters)]).toEqual([
      ['A', 'B', 'C'],
      [42, 8, 10],
    ])
    expect(letters.notes).toEqual([expect.stringMatching(/stored as columns/), expect.stringMatching(/run from 1/)])
    const upright = Uint8Array.from(
      { length: 60 * 16 },
      (_, i) => pixels[i - (i % 16) + (i % 4) * 4 + Math.floor((i % 16) / 4)],
    )
    const plain = await loadData(
      await folders.of('upright', {
        'train-images-idx3-ubyte': encodeIdx({ shape: [60, 4, 4], data: upright }),
        'train-labels-idx1-ubyte': labels(0, 60),
      }),
    )
    expect(allContents(letters)).toEqual(allContents({ ...plain, classes: ['A', 'B', 'C'] }))
    const alone = await loadData(join(folder, 'emnist-digits-train-images-idx3-ubyte.gz'))
    expect([alone.classes, countsOf(alone)]).toEqual([
      ['0', '1', '2'],
      [30, 10, 10],
    ])
  })

  it('QMNIST: a row of eight numbers for each label', async () => {
    const rows = (from: number, to: number) => {
      const bytes = Buffer.alloc(12 + (to - from) * 32)
      bytes.set([0, 0, 12, 2])
      bytes.writeUInt32BE(to - from, 4)
      bytes.writeUInt32BE(8, 8)
      for (let i = from; i < to; i++) bytes.writeInt32BE(i % 3, 12 + (i - from) * 32)
      return bytes
    }
    const qmnist = await loadData(
      await folders.of('qmnist', {
        'qmnist-train-images-idx3-ubyte.gz': gzipSync(images(0, 50)),
        'qmnist-train-labels-idx2-int.gz': gzipSync(rows(0, 50)),
        'qmnist-test-images-idx3-ubyte': images(50, 60),
        'qmnist-test-labels-idx2-int': rows(50, 60),
      }),
    )
    const mnist = await folders.of('asMnist', {
      'FashionMNIST/raw/train-images-idx3-ubyte': images(0, 50),
      'FashionMNIST/raw/train-labels-idx1-ubyte': labels(0, 50),
      'FashionMNIST/raw/t10k-images-idx3-ubyte': images(50, 60),
      'FashionMNIST/raw/t10k-labels-idx1-ubyte': labels(50, 60),
    })
    const plain = await loadData(mnist)
    expect([qmnist.splits, qmnist.provenance.sha256]).toEqual([plain.splits, plain.provenance.sha256])
  })
})

describe('arrays', () => {
  const pixels = noise(30 * 48)

  it('in C and in Fortran order, packed or not, as a folder of .npy, one-hot or in a column', async () => {
    const shape = [30, 4, 4, 3]
    const columns = new Uint8Array(pixels.length)
    const [n, h, w, c] = shape
    for (let i = 0; i < pixels.length; i++) {
      const at = [Math.floor(i / (h * w * c)), Math.floor(i / (w * c)) % h, Math.floor(i / c) % w, i % c]
      columns[at[0] + n * (at[1] + h * (at[2] + w * at[3]))] = pixels[i]
    }
    const labels = Array.from({ length: 30 }, (_, i) => i % 3)
    const oneHot = Float32Array.from({ length: 90 }, (_, i) => Number(labels[Math.floor(i / 3)] === i % 3))
    const folder = await folders.of('arrays', {
      'packed.npz': zipSync({ 'images.npy': npyOf(shape, pixels), 'labels.npy': npyOf([30, 1], int64(labels)) }),
      'stored.npz': zipSync({ 'x.npy': npyOf(shape, pixels), 'y.npy': npyOf([30, 3], oneHot) }, { level: 0 }),
      'fortran.npz': zipSync({ 'arr_0.npy': npyOf(shape, columns, true), 'arr_1.npy': npyOf([30], int64(labels)) }),
      'npy/train_images.npy': npyOf(shape, pixels),
      'npy/train_labels.npy': npyOf([30], int64(labels)),
      'beside/x.npy': npyOf(shape, columns, true),
      'beside/y.npy': npyOf([30], int64(labels)),
    })
    const [first, ...others] = await Promise.all(
      ['packed.npz', 'stored.npz', 'fortran.npz', 'npy', 'beside/x.npy'].map((name) => loadData(join(folder, name))),
    )
    expect([first.shape, first.classes]).toEqual([
      [3, 4, 4],
      ['0', '1', '2'],
    ])
    for (const other of others)
      expect([other.splits, other.provenance.sha256]).toEqual([first.splits, first.provenance.sha256])
    const part = await loadData(join(folder, 'stored.npz'), { most: 12 })
    expect(allContents(first)).toEqual(expect.arrayContaining(allContents(part)))
  })

  it('numbers that fill little of the range that they would be read in are refused until it is said', async () => {
    const levels = (most: number) =>
      Uint8Array.from(pixels.subarray(0, 480), (value) => Math.round((value * most) / 255))
    const floats = (low: number, high: number) =>
      Float32Array.from(pixels.subarray(0, 480), (value) => low + ((high - low) * value) / 255)
    const folder = await folders.of('ranges', {
      'full.npy': npyOf(
        [30, 4, 4],
        Uint8Array.from(levels(16), (level) => Math.round((level * 255) / 16)),
      ),
      'mask.npy': npyOf([30, 4, 4], levels(1)),
      'sixteen.npy': npyOf([30, 4, 4], levels(16)),
      'sixteenFloats.npy': npyOf([30, 4, 4], Float32Array.from(levels(16))),
      'half.npy': npyOf([30, 4, 4], floats(-0.5, 0.5)),
      'twice.npy': npyOf([30, 4, 4], floats(0, 1 / 255)),
      'mask.idx': encodeIdx({ shape: [30, 4, 4], data: levels(1) }),
      'long.npy': npyOf([30, 4, 4], int64([...levels(1)])),
      'dim.npy': npyOf([30, 4, 4], floats(0.3, 0.9)),
    })
    for (const [name, message] of [
      ['mask.npy', /\(uint8\) reach from 0 to 1, which is 0\.39 % of \[0, 255\], .* --data-range 0,1, or 0,255 where/],
      ['mask.idx', /reach from 0 to 1, .* --data-range 0,1,/],
      ['sixteen.npy', /reach from 0 to 16, which is 6\.3 % of \[0, 255\].*--data-range 0,16/],
      ['sixteenFloats.npy', /\(float32\) reach from 0 to 16, .*--data-range 0,16/],
      ['half.npy', /reach from -0\.5 to 0\.5, which is 50 % of \[-1, 1\].*--data-range -0\.5,0\.5/],
      ['twice.npy', /reach from 0 to 0\.003922, which is 0\.39 % of \[0, 1\]/],
      ['long.npy', /must lie in .* reach from 0 to 1; .*--data-range 0,1$/],
    ] as const) {
      await expect(loadData(join(folder, name))).rejects.toMatchObject({
        code: 'data.arrayRange',
        kind: 'input',
        message: expect.stringMatching(message),
      })
    }
    const full = await loadData(join(folder, 'full.npy'))
    expect(full.notes).toBeUndefined()
    for (const name of ['sixteen.npy', 'sixteenFloats.npy']) {
      const said = await loadData(join(folder, name), { range: [0, 16] })
      expect(said.provenance.sha256).toBe(full.provenance.sha256)
    }
    const dark = await loadData(join(folder, 'mask.npy'), { range: [0, 255] })
    expect(dark.splits.train.images.reduce((a, b) => Math.max(a, b))).toBeCloseTo(2 / 255 - 1, 6)
    const masks = await loadData(join(folder, 'mask.idx'), { range: [0, 1] })
    expect([...new Set(masks.splits.train.images)].toSorted()).toEqual([-1, 1])
    await expect(loadData(join(folder, 'sixteen.npy'), { range: [0, 15] })).rejects.toThrow(
      /--data-range must hold all numbers, got 0,15, but .* reach from 0 to 16/,
    )
    expect((await loadData(join(folder, 'dim.npy'))).notes).toEqual([
      expect.stringMatching(/reach from 0\.3 to 0\.9: 0 is read as black, 1 as white/),
    ])
  })

  it('all parts of a set are in one range', async () => {
    const values = (low: number) =>
      Float32Array.from(pixels.subarray(0, 480), (value) => low + (value * (1 - low)) / 255)
    const folder = await folders.of('oneRange', {
      'x.npz': zipSync({ 'x_train.npy': npyOf([30, 4, 4], values(-1)), 'x_test.npy': npyOf([30, 4, 4], values(0)) }),
    })
    const { splits, notes } = await loadData(join(folder, 'x.npz'))
    expect(notes).toEqual([expect.stringMatching(/reach from -1 to 1: -1 is read as black/)])
    expect(splits.heldOut.images.reduce((a, b) => Math.min(a, b))).toBeCloseTo(0, 6)
  })

  it('takes labels that are texts, in Unicode or bytes, of either byte order', async () => {
    const names = ['cat', 'dog', '\u{1f98a}', 'cat']
    const word = (name: string, little: boolean): Uint8Array => {
      const bytes = Buffer.alloc(12)
      for (const [i, one] of [...name].entries())
        bytes[little ? 'writeUInt32LE' : 'writeUInt32BE'](one.codePointAt(0)!, 4 * i)
      return bytes
    }
    const texts = (descr: string, count: number, of: (name: string) => Uint8Array): Uint8Array => {
      const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${count},), }`.padEnd(117)
      const rows = Array.from({ length: count }, (_, i) => of(names[i % 4]))
      return Buffer.concat([Buffer.from(`\x93NUMPY\x01\0v\0${header}\n`, 'latin1'), ...rows])
    }
    const images = npyOf([40, 4, 4], noise(640))
    const test = npyOf([8, 4, 4], noise(128))
    const numbers = npyOf([8], int64(new Array(8).fill(0)))
    const folder = await folders.of('textLabels', {
      'little.npz': zipSync({ 'x.npy': images, 'y.npy': texts('<U3', 40, (name) => word(name, true)) }),
      'big.npz': zipSync({ 'x.npy': images, 'y.npy': texts('>U3', 40, (name) => word(name, false)) }),
      'bytes.npz': zipSync({
        'x.npy': images,
        'y.npy': texts('|S4', 40, (name) => Buffer.from(name.padEnd(4, '\0')).subarray(0, 4)),
      }),
      'mixed.npz': zipSync({
        'x_train.npy': images,
        'y_train.npy': texts('<U3', 40, (name) => word(name, true)),
        'x_test.npy': test,
        'y_test.npy': numbers,
      }),
      'empty.npz': zipSync({ 'x.npy': images, 'y.npy': texts('<U3', 40, () => Buffer.alloc(12)) }),
    })
    for (const name of ['little.npz', 'big.npz', 'bytes.npz']) {
      const { classes, splits } = await loadData(join(folder, name))
      expect(classes).toEqual(['cat', 'dog', '\u{1f98a}'])
      const counts = [0, 0, 0]
      for (const { labels } of Object.values(splits)) for (const label of labels ?? []) counts[label]++
      expect(counts).toEqual([20, 10, 10])
    }
    await expect(loadData(join(folder, 'mixed.npz'))).rejects.toThrow(/texts in every split or in none/)
    await expect(loadData(join(folder, 'empty.npz'))).rejects.toThrow(/must not be empty, as row 0 of/)
  })

  it('says what they are not', async () => {
    const folder = await folders.of('wrongArrays', {
      'far.npy': npyOf(
        [30, 4, 4],
        Float32Array.from({ length: 480 }, (_, i) => i - 240),
      ),
      'nan.npy': npyOf(
        [30, 4, 4],
        Float32Array.from({ length: 480 }, (_, i) => (i === 33 ? Number.NaN : 0.5)),
      ),
      'either.npy': npyOf([10, 3, 5, 3], noise(450)),
      'odd.npy': npyOf([10, 5, 5, 2], noise(500)),
      'cut.npy': npyOf([30, 4, 4], noise(480)).subarray(0, 300),
      'texts.npy': Buffer.concat([
        Buffer.from(
          `\x93NUMPY\x01\0v\0{'descr': '<U3', 'fortran_order': False, 'shape': (2,), }`.padEnd(127),
          'latin1',
        ),
        Buffer.from('\n'),
      ]),
      'pickle.npy': Buffer.concat([
        Buffer.from(`\x93NUMPY\x01\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (2,), }`.padEnd(127), 'latin1'),
        Buffer.from('\n..'),
      ]),
      'unequal.npz': zipSync({
        'x.npy': npyOf([30, 4, 4], noise(480)),
        'y.npy': npyOf([29], int64(new Array(29).fill(0))),
      }),
      'unnamed.npz': zipSync({ 'a.npy': npyOf([30, 4, 4], noise(480)), 'b.npy': npyOf([30, 4, 4], noise(480)) }),
    })
    for (const [name, code, message] of [
      ['far.npy', 'data.arrayRange', /reach from -240 to 239; scale them .*--data-range -240,239/],
      ['nan.npy', 'data.arrayRange', /NaN in image 2/],
      ['either.npy', 'data.arrayShape', /could be either/],
      ['odd.npy', 'data.arrayShape', /\[10,5,5,2\]/],
      ['cut.npy', 'data.npy', /must have 608 bytes for uint8 of \[30,4,4\], got 300/],
      ['pickle.npy', 'data.npy', /Python objects/],
      ['texts.npy', 'data.npy', /holds texts; only labels may be texts/],
      ['unequal.npz', 'data.labelCount', /has 30, .*has 29/],
      ['unnamed.npz', 'data.arrays', /got a, b/],
    ] as const) {
      await expect(loadData(join(folder, name))).rejects.toMatchObject({
        code,
        kind: 'input',
        message: expect.stringMatching(message),
      })
    }
  })
})

describe("CIFAR's binary version", () => {
  const records = (count: number, labels: number): Uint8Array =>
    Buffer.concat(
      Array.from({ length: count }, (_, i) =>
        Buffer.concat([Buffer.from([1, i % 3]).subarray(2 - labels), noise(3072)]),
      ),
    )

  it('the folder with the names of its classes, test held out; CIFAR-100 by its fine labels', async () => {
    const names = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck']
    const ten = await folders.of('ten', {
      'cifar-10-batches-bin/data_batch_1.bin': records(6, 1),
      'cifar-10-batches-bin/data_batch_2.bin': records(6, 1),
      'cifar-10-batches-bin/test_batch.bin': records(4, 1),
      'cifar-10-batches-bin/batches.meta.txt': `${names.join('\n')}\n\n`,
    })
    const data = await loadData(ten)
    expect([data.classes, countsOf(data)]).toEqual([names, [10, 2, 4]])
    const hundred = await loadData(
      await folders.of('hundred', { 'train.bin': records(12, 2), 'test.bin': records(3, 2) }),
    )
    expect([hundred.classes.length, countsOf(hundred), hundred.notes]).toEqual([
      100,
      [10, 2, 3],
      [expect.stringMatching(/fine ones/)],
    ])
    expect(contentsOf(hundred, hundred.splits.train).every((line) => / [012]$/.test(line))).toBe(true)
    const cut = await folders.of('cutCifar', { 'data_batch_1.bin': records(6, 1).subarray(1) })
    await expect(loadData(cut)).rejects.toMatchObject({
      code: 'data.cifar',
      message: expect.stringMatching(/3073 bytes \(CIFAR-10\)/),
    })
  })
})

test('several formats in a folder: one is read, and the others are said', async () => {
  const arrays = zipSync({ 'images.npy': npyOf([30, 4, 4], noise(480)) })
  const images = encodeIdx({ shape: [20, 4, 4], data: noise(320) })
  const folder = await folders.of('several', { 'train-images-idx3-ubyte': images, 'other.npz': arrays })
  const data = await loadData(folder)
  expect([data.shape, countsOf(data)]).toEqual([
    [1, 4, 4],
    [12, 4, 4],
  ])
  expect(data.notes).toEqual([
    expect.stringMatching(
      /several holds NumPy arrays \(\.npz, \.npy\) too, which are left out: IDX files \(MNIST's\) are read/,
    ),
  ])
  expect((await loadData(join(folder, 'other.npz'))).notes).toBeUndefined()
})

test('statistics of images are no images', async () => {
  await expect(loadData('test/found/statistics/pytorch-fid.npz')).rejects.toThrow(
    /holds statistics of images \(mu, sigma\), not images; compare with them by bilevel fid/,
  )
})

describe('formats that are not read', () => {
  it.each([
    ['data_batch_1', '\x80\x02}q', /Python version, a pickle/],
    ['x.pt', 'PK\x03\x04', /PyTorch's or another pickle.*savez/],
    ['y.pkl', '\x80\x04\x95', /pickle, which would have to be run.*savez/],
    ['train_32x32.mat', 'MATLAB 5.0 MAT-file', /MATLAB.*loadmat/],
    ['x.h5', '\x89HDF\r\n', /HDF5.*h5py/],
    ['x.tfrecord', 'abcdefgh', /TFRecord/],
    ['x.arrow', 'ARROW1\0\0', /to_parquet/],
    ['x.7z', '7z\xbc\xaf\x27', /7z archive, .*unpack/],
    ['x.csv', 'label,pixel0', /table of text/],
    ['x.bin', 'version https://git-lfs.github.com/spec/v1', /git lfs pull/],
    ['x.zip', '<!DOCTYPE html>', /web page/],
    ['photo.jpg', '\xff\xd8\xff\xe0', /one image, and data are many/],
    ['what', 'something else', /is none of these, its first bytes are 736f6d657468696e/],
  ])('%s', async (name, start, message) => {
    const folder = await folders.of('unread', { [name]: Buffer.from(start, 'latin1') })
    await expect(loadData(join(folder, name))).rejects.toThrow(message)
  })

  it('what is gzipped twice, or nothing', async () => {
    const folder = await folders.of('gzipped', {
      'x-images-idx3-ubyte.gz': gzipSync(gzipSync(encodeIdx({ shape: [20, 4, 4], data: noise(320) }))),
      'none.gz': gzipSync(new Uint8Array(0)),
    })
    await expect(loadData(join(folder, 'x-images-idx3-ubyte.gz'))).rejects.toThrow(/is gzipped twice.*gzip -d/)
    await expect(loadData(join(folder, 'none.gz'))).rejects.toThrow(/gzipped file with nothing in it/)
  })

  it('in a folder that holds nothing else', async () => {
    const python = await folders.of('python', { 'cifar-10-batches-py/data_batch_1': '\x80\x02' })
    await expect(loadData(python)).rejects.toThrow(/holds cifar-10-batches-py: CIFAR's Python version/)
    const lmdb = await folders.of('lmdb', { 'data.mdb': 'x', 'lock.mdb': 'x' })
    await expect(loadData(lmdb)).rejects.toThrow(/LMDB data base/)
    expect(await readFile(join(lmdb, 'data.mdb'), 'utf8')).toBe('x')
  })
})
