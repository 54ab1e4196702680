import { describe, expect, it } from 'vitest'
import { possibleSizes, resized, resizing } from './resize.ts'

describe('resizing', () => {
  it('averages blocks', () => {
    const image = Uint8Array.from({ length: 2 * 8 * 8 }, (_, i) => (i * 7) % 256)
    const out = resized(image, 2, resizing(8, 8, 4))
    for (let c = 0; c < 2; c++) {
      for (let y = 0; y < 4; y++) {
        for (let x = 0; x < 4; x++) {
          const at = (dy: number, dx: number): number => image[c * 64 + (2 * y + dy) * 8 + 2 * x + dx]
          expect(out[c * 16 + y * 4 + x]).toBe((at(0, 0) + at(0, 1) + at(1, 0) + at(1, 1)) / 4)
        }
      }
    }
  })

  it('brings 28 to 16 through a border of two zeros', () => {
    const image = new Uint8Array(784).fill(200)
    const out = resized(image, 1, resizing(28, 28, 16))
    const row = (y: number): number[] => [...out.subarray(16 * y, 16 * y + 16)]
    expect(row(0)).toEqual(new Array(16).fill(0))
    expect(row(7)).toEqual([0, ...new Array(14).fill(200), 0])
    expect(resized(image, 1, resizing(28, 28, 14))).toEqual(new Float64Array(196).fill(200))
    expect(resized(image, 1, resizing(28, 28, 32)).filter((x) => x === 200).length).toBe(784)
  })

  it('names the sizes that are possible', () => {
    expect(possibleSizes(28)).toEqual([4, 7, 8, 14, 16, 28, 32])
    expect(() => resizing(24, 24, 16)).toThrow(/24x24 can be brought to 4, 6, 8, 12, 24 pixels a side, got 16/)
    expect(() => resizing(24, 20, 4)).toThrow(/square/)
  })
})
