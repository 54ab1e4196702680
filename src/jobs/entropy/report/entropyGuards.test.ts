/** The guards of the images that are shown: what they say of images whose statistics are known. */
import { expect, test } from 'vitest'
import { gridStatistics, guardsTable } from './entropyGuards.ts'

const grid = (label: 'base' | 'strongest', pixels: readonly number[]) => ({
  label,
  lambda: null,
  upper: [0, 0],
  lower: [0, 0],
  count: 2,
  shape: [1, 2, 2],
  images: Float32Array.from(pixels),
})
const grids = [grid('base', [1, -1, 1, -1, -1, 1, -1, 1]), grid('strongest', new Array(8).fill(-1))] as never

test('images that emptied have no edges, no entropy and nothing that tells them apart', () => {
  const [base, strongest] = gridStatistics({ grids })
  expect(base).toMatchObject({
    label: 'base',
    count: 2,
    darkness: { mean: 0.5 },
    edges: { mean: 1 },
    entropy: { mean: 1 },
    diversity: 1,
  })
  expect(strongest).toMatchObject({ darkness: { mean: 1 }, edges: { mean: 0 }, entropy: { mean: 0 }, diversity: 0 })
  const rows = guardsTable({ grids }).html.split('<tr>').slice(2)
  const words = rows.map((row) =>
    row
      .replace(/<[^>]+>/g, ' ')
      .trim()
      .split(/\s+/),
  )
  expect(words.map(([name]) => name)).toEqual(['darkness', 'saturation', 'edges', 'entropy', 'diversity'])
  expect(words[4]).toEqual(['diversity', '1', '0'])
})
