import { describe, expect, it } from 'vitest'
import { sizeOf } from '../base/index.ts'
import type { Dataset, Split } from './dataset.ts'
import { digits } from './digits.ts'
import { imageKeys, withoutSeen } from './seenImages.ts'

/** The first of a split's images. */
const some = ({ shape, images, labels }: Split, count: number): Split => ({
  shape,
  count,
  images: images.slice(0, count * sizeOf(shape)),
  labels: labels?.slice(0, count) ?? null,
})

/** Images one after the other, by their pixels alone. */
const pixelsOf = ({ images, count, shape }: Split): string[] =>
  Array.from({ length: count }, (_, i) => images.subarray(i * sizeOf(shape), (i + 1) * sizeOf(shape)).join())

describe('images by content', () => {
  it('have one name whatever split they are in and however their floats were rounded, and others another', async () => {
    const { splits } = await digits({ size: 28 })
    const { train } = splits
    const part = some(train, 400)
    const keys = imageKeys(part)
    expect(keys.every((key) => /^[0-9a-f]{16}$/.test(key))).toBe(true)
    expect(new Set(keys).size).toBe(new Set(pixelsOf(part)).size)
    const again = { ...part, images: Float32Array.from(part.images, (pixel) => (pixel / 2 + 0.5) * 2 - 1 + 1e-6) }
    expect(imageKeys(again)).toEqual(keys)
    expect(imageKeys(train).slice(0, 400)).toEqual(keys)
  })

  it('that a model has seen are left out, labels with them, and the data have another hash', async () => {
    const data = await digits({ size: 16 })
    const { tuning, heldOut } = data.splits
    const trained = new Set([...imageKeys(tuning).slice(3, 5), ...imageKeys(heldOut).slice(0, 100)])
    const tuned = new Set(imageKeys(heldOut).slice(200, 210))
    const { data: rest, leftOut } = withoutSeen(data, { trained, tuned })
    expect(leftOut).toEqual({ tuning: 2, heldOut: 110 })
    const pixels = pixelsOf(heldOut)
    expect(pixelsOf(rest.splits.heldOut)).toEqual([...pixels.slice(100, 200), ...pixels.slice(210)])
    const labels = [...(heldOut.labels ?? [])]
    expect([...(rest.splits.heldOut.labels ?? [])]).toEqual([...labels.slice(100, 200), ...labels.slice(210)])
    expect([rest.splits.heldOut.count, rest.splits.tuning.count]).toEqual([heldOut.count - 110, tuning.count - 2])
    expect(rest.splits.train).toBe(data.splits.train)
    expect(rest.provenance.sha256).not.toBe(data.provenance.sha256)
    expect(rest.provenance.rule).toContain('2 tuning and 110 held-out images')
  })

  it('nothing seen, nothing changed; everything seen, refused with the numbers', async () => {
    const data = await digits({ size: 16 })
    const { train, tuning, heldOut } = data.splits
    const own = { trained: new Set(imageKeys(train)), tuned: new Set(imageKeys(tuning)) }
    expect(withoutSeen(data, own)).toEqual({ data, leftOut: { tuning: 0, heldOut: 0 } })
    const all = { trained: new Set<string>(), tuned: new Set(imageKeys(heldOut).slice(1)) }
    expect(() => withoutSeen(data as Dataset, all)).toThrow(/tuned on 1999 of the 2000 held-out images of digits/)
  })
})
