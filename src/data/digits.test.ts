import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { digits, digitsKeptOut } from './digits.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** The asset read by hand. */
async function raw(): Promise<Uint8Array[]> {
  const bytes = gunzipSync(await readFile('assets/digits/images-idx3-ubyte.gz')).subarray(16)
  return Array.from({ length: 10_000 }, (_, i) => bytes.subarray(784 * i, 784 * i + 784))
}

describe('digits', () => {
  it('holds 10,000 different digits in the splits its rule gives', async () => {
    const images = await raw()
    const labels = gunzipSync(await readFile('assets/digits/labels-idx1-ubyte.gz')).subarray(8)
    const hashes = images.map(sha256)
    expect(new Set(hashes).size).toBe(10_000)
    const order = [...hashes.keys()].sort((a, b) => labels[a] - labels[b] || (hashes[a] < hashes[b] ? -1 : 1))
    const place = new Map(order.map((row, i) => [row, [0, 0, 0, 1, 2][i % 5]]))
    expect(hashes.every((_, row) => place.get(row) === (row < 6000 ? 0 : row < 8000 ? 1 : 2))).toBe(true)
    expect((await stat('assets/digits/images-idx3-ubyte.gz')).size).toBeLessThan(2_000_000)
    const { splits, classes, shape } = await digits()
    expect(shape).toEqual([1, 28, 28])
    expect(classes).toHaveLength(10)
    expect([splits.train.count, splits.tuning.count, splits.heldOut.count]).toEqual([6000, 2000, 2000])
    expect(splits.heldOut.labels).toEqual(Int32Array.from(labels.subarray(8000)))
    expect(splits.tuning.images.subarray(0, 784)).toEqual(Float32Array.from(images[6000], (byte) => byte / 127.5 - 1))
    for (const { labels: some, count } of Object.values(splits)) {
      const shares = Array.from({ length: 10 }, (_, digit) => some!.filter((label) => label === digit).length / count)
      for (const [digit, share] of shares.entries()) {
        expect(Math.abs(share - labels.filter((l) => l === digit).length / 10_000)).toBeLessThan(1e-3)
      }
    }
    const kept = await digitsKeptOut()
    expect(kept).toEqual(new Set(hashes.slice(6000)))
  })

  it('averages 2x2 blocks of the padded digits', async () => {
    const [, , , image] = await raw()
    const { splits, provenance } = await digits({ size: 16 })
    const at = (y: number, x: number): number => (y < 0 || x < 0 || y > 27 || x > 27 ? 0 : image[28 * y + x])
    const truth = Float32Array.from({ length: 256 }, (_, i) => {
      const [y, x] = [2 * (i >> 4) - 2, 2 * (i & 15) - 2]
      return (at(y, x) + at(y + 1, x) + at(y, x + 1) + at(y + 1, x + 1)) / 4 / 127.5 - 1
    })
    expect(splits.train.images.subarray(3 * 256, 4 * 256)).toEqual(truth)
    expect(provenance).toMatchObject({ source: 'embedded' })
    expect(provenance.sha256).toBe((await digits({ size: 16 })).provenance.sha256)
    await expect(digits({ size: 20 })).rejects.toThrow(/4, 7, 8, 14, 16, 28, 32/)
  })
})
