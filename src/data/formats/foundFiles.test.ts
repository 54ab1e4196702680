/** Small files that people bring, in test/data: each is read, or refused by name. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { allContents, countsOf } from '../fixtures/folder.fixture.ts'
import { loadData } from '../loadData.ts'
import { decodeImage } from '../pictures/imageFile.ts'

const AT = 'test/data'

describe('PNG files of one edge each', () => {
  /** What is said of a file; of those that are read: channels, how many bits, and whether white shows through. */
  const expected: Readonly<Record<string, RegExp | readonly [channels: 1 | 3, deep: boolean, transparent: boolean]>> = {
    'bad-crc.png': /damaged: the check sum/,
    'empty.png': /is empty/,
    'gama-iccp-less.png': [1, false, false],
    'gray-alpha8.png': [1, true, true],
    'gray1.png': [1, false, false],
    'gray16-transparent.png': [1, true, true],
    'gray16.png': [1, true, false],
    'gray8.png': [1, false, false],
    'html-saved-as.png': /is a web page/,
    'interlaced-gray8.png': [1, false, false],
    'interlaced-palette4.png': [3, false, false],
    'palette4.png': [3, false, false],
    'palette8-red-green.png': [3, false, false],
    'palette8-transparent.png': [3, true, true],
    'png-named.jpg': [1, false, false],
    'rgb16.png': [3, true, false],
    'rgba8.png': [3, true, true],
    'truncated.png': /cut short/,
    'webp-named.png': /libwebp finds it damaged|cut short|header says/,
  }

  it('are all there', () => {
    expect(readdirSync(join(AT, 'png')).sort()).toEqual(Object.keys(expected).sort())
  })

  it.each(Object.keys(expected))('%s', async (name) => {
    const wanted = expected[name]
    const read = decodeImage(readFileSync(join(AT, 'png', name)), name)
    if (wanted instanceof RegExp) {
      await expect(read).rejects.toThrow(wanted)
      await expect(read).rejects.toThrow(new RegExp(`^${name} is not a readable image`))
      return
    }
    const { channels, pixels, transparent } = await read
    expect([channels, pixels instanceof Float32Array, transparent]).toEqual(wanted)
  })

  it('interlaced is as plain, and a palette is its colours', async () => {
    const pixels = async (name: string) => (await decodeImage(readFileSync(join(AT, 'png', name)), name)).pixels
    expect(await pixels('interlaced-gray8.png')).toEqual(await pixels('gray8.png'))
    expect(await pixels('png-named.jpg')).toEqual(await pixels('gray8.png'))
    expect(await pixels('interlaced-palette4.png')).toEqual(await pixels('palette4.png'))
    const palette = await pixels('palette8-red-green.png')
    const size = palette.length / 3
    for (let i = 0; i < size; i++)
      expect([palette[i], palette[size + i], palette[2 * size + i]]).toEqual(palette[i] ? [255, 0, 0] : [0, 255, 0])
  })
})

describe('IDX files', () => {
  it('of floats, of the other byte order and of bytes hold the same digits; of four axes, colours', async () => {
    const bytes = await loadData(join(AT, 'idx/ok-40-images-idx3-ubyte'))
    expect([bytes.shape, countsOf(bytes), bytes.notes]).toEqual([[1, 28, 28], [24, 8, 8], undefined])
    const swapped = await loadData(join(AT, 'idx/little-endian-idx3'))
    expect([swapped.splits, swapped.provenance.sha256]).toEqual([bytes.splits, bytes.provenance.sha256])
    const floats = await loadData(join(AT, 'idx/float32-images-idx3-float'))
    expect(floats.notes).toEqual([expect.stringMatching(/float32\) reach from 0 to 1: 0 is read as black, 1 as white/)])
    expect(allContents(floats)).toEqual(allContents(bytes))
    const colours = await loadData(join(AT, 'idx/rgb-images-idx4-ubyte'))
    expect([colours.shape, countsOf(colours)]).toEqual([
      [3, 32, 32],
      [6, 2, 2],
    ])
  })
})

describe('arrays', () => {
  it('NHWC bytes and NCHW floats in [0, 1] and [-1, 1] hold the same images', async () => {
    const bytes = await loadData(join(AT, 'arrays/nhwc.npz'))
    expect([bytes.shape, bytes.classes, countsOf(bytes)]).toEqual([
      [3, 16, 16],
      ['0', '1', '2', '3'],
      [24, 8, 8],
    ])
    const images = allContents(bytes).map((line) => line.split(' ')[0])
    for (const [file, black] of [
      ['nchw01.npy', 0],
      ['nchw11.npy', -1],
    ] as const) {
      const floats = await loadData(join(AT, 'arrays', file))
      expect(floats.notes).toEqual([expect.stringMatching(new RegExp(`: ${black} is read as black, 1 as white`))])
      expect(allContents(floats).map((line) => line.split(' ')[0])).toEqual(images)
    }
  })

  it("MedMNIST's and Keras' names are read, labels beside; test images are held out, and copies of them train nothing", async () => {
    const medmnist = await loadData(join(AT, 'arrays/medmnist.npz'))
    expect([medmnist.shape, medmnist.classes, medmnist.splits.heldOut.count]).toEqual([
      [3, 16, 16],
      ['0', '1', '2', '3'],
      9,
    ])
    const keras = await loadData(join(AT, 'arrays/keras.npz'))
    expect([keras.shape, keras.classes, keras.splits.heldOut.count]).toEqual([[1, 16, 16], ['0', '1', '2', '3'], 9])
    expect(keras.splits.train.count + keras.splits.tuning.count).toBe(31)
    expect(keras.provenance.rule).toMatch(/separate test files/)
  })

  it("a batch of CIFAR-10's binary version", async () => {
    const data = await loadData(join(AT, 'arrays/data_batch_1.bin'))
    expect([data.shape, data.classes.length, countsOf(data)]).toEqual([[3, 32, 32], 10, [24, 8, 8]])
    const file = readFileSync(join(AT, 'arrays/data_batch_1.bin'))
    const records = Array.from({ length: 40 }, (_, i) => file.subarray(i * 3073, (i + 1) * 3073))
    const { images, labels, count } = data.splits.train
    for (let i = 0; i < count; i++) {
      const pixels = images.subarray(i * 3072, (i + 1) * 3072)
      const same = records.filter((record) =>
        pixels.every((value, j) => Math.round((value + 1) * 127.5) === record[1 + j]),
      )
      expect(same.map((record) => record[0])).toContain(labels?.[i])
    }
  })
})

describe('Parquet of images', () => {
  it("names classes as the file says them, splits as the shards' names say them", async () => {
    const data = await loadData(join(AT, 'parquet'))
    expect([data.shape, data.classes, countsOf(data)]).toEqual([
      [3, 8, 8],
      ['cat', 'dog', 'owl'],
      [34, 6, 10],
    ])
    const { images, labels, count } = data.splits.train
    // The brightest colour of an image is its class.
    for (let i = 0; i < count; i++) {
      const means = [0, 1, 2].map((c) =>
        images.subarray(i * 192 + c * 64, i * 192 + (c + 1) * 64).reduce((a, b) => a + b, 0),
      )
      expect(means.indexOf(Math.max(...means))).toBe(labels?.[i])
    }
  })

  it('reads a part of one, across row groups, the same each time', async () => {
    const file = join(AT, 'parquet/train-00000-of-00001.parquet')
    const all = allContents(await loadData(file))
    const part = await loadData(file, { most: 12 })
    expect(part.notes).toEqual([`12 of the 40 images of ${file} are read, a random part`])
    expect(allContents(part)).toHaveLength(12)
    expect(all).toEqual(expect.arrayContaining(allContents(part)))
    expect((await loadData(file, { most: 12 })).provenance.sha256).toBe(part.provenance.sha256)
  })
})
