/** Data of a job: what is said where their size changes, and what is refused. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestFolders } from '../../data/fixtures/folder.fixture.ts'
import { noiseOf, pngOf, testFolders } from '../../data/fixtures/folder.fixture.ts'
import { openData } from './openData.ts'

let folders: TestFolders
let folder = ''
beforeAll(async () => {
  folders = await testFolders()
  const noise = noiseOf('test.openData')
  const files = Array.from({ length: 15 }, (_, i) => [`${i}.png`, pngOf(noise(64), 8)] as const)
  folder = await folders.of('photos', Object.fromEntries(files))
})
afterAll(() => folders.remove())

const reading = { resize: null, dataImages: null, dataRange: null, onBad: 'stop' } as const

test('averages are said, whoever asked for the size; another way says so itself', async () => {
  const plain = await openData({ ...reading, data: folder, size: null })
  expect([plain.shape, plain.notes]).toEqual([[1, 8, 8], undefined])
  const asked = await openData({ ...reading, data: folder, size: 4 })
  expect(asked.notes).toEqual([
    `the images of ${folder} are 8x8: whole blocks of pixels are averaged to 4x4, by the size that is set (--size)`,
  ])
  const taken = await openData({ ...reading, data: folder, size: null }, [1, 4, 4])
  expect(taken.notes).toEqual([expect.stringMatching(/averaged to 4x4, as the model takes them$/)])
  const fitted = await openData({ ...reading, data: folder, size: null, resize: 'fit' }, [1, 5, 5])
  expect(fitted.notes).toEqual([expect.stringMatching(/are brought to 5x5 \(resize fit, bicubic\)$/)])
  const part = await openData({ ...reading, data: folder, size: null, dataImages: 10 })
  expect(part.notes).toEqual([expect.stringMatching(/^10 of the 15 images/)])
})

test('what cannot be is refused, with the way', async () => {
  const open = (settings: object, shape?: readonly number[]) =>
    openData({ ...reading, data: folder, size: null, ...settings }, shape)
  await expect(open({ size: 5 })).rejects.toThrow(
    /by averages of whole blocks images of 8x8 can be brought to 4, 8 pixels a side, got 5; say --resize crop/,
  )
  await expect(open({ resize: 'crop' })).rejects.toThrow(/got no size; give one, such as --size 64/)
  await expect(open({}, [3, 8, 8])).rejects.toThrow(/must be as the model makes them, \[3,8,8\]/)
  await expect(open({ data: 'digits', dataImages: 10 })).rejects.toThrow(
    /embedded digits are read as they are, got dataImages 10/,
  )
})
