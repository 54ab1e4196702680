import { decode } from 'fast-png'
import { expect, it } from 'vitest'
import { gridImage } from './gridImage.ts'

it('writes a single image in grey or RGB alone, and rows of them with lines that let the page through', () => {
  const grey = { label: 'one', count: 1, shape: [1, 1, 3], images: Float32Array.of(-1, 0, 2) }
  expect(decode(gridImage(grey, 1).png)).toMatchObject({
    width: 3,
    height: 1,
    channels: 1,
    data: Uint8Array.of(0, 128, 255),
  })
  const colour = { label: 'one', count: 1, shape: [3, 1, 1], images: Float32Array.of(-1, 0.2, 1) }
  expect(decode(gridImage(colour, 4).png)).toMatchObject({ channels: 3, data: Uint8Array.of(0, 153, 255) })
  const two = { label: 'two', count: 2, shape: [1, 1, 1], images: Float32Array.of(-1, 1) }
  const row = decode(gridImage(two, 2).png)
  expect(row).toMatchObject({ width: 3, height: 1, channels: 2, data: Uint8Array.of(0, 255, 0, 0, 255, 255) })
})
