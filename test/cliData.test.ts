/** Data as people have them, from a folder of photographs to images of a class by its name, as a user runs it. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { zipSync } from 'fflate'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { noiseOf, pngOf } from '../src/data/fixtures/folder.fixture.ts'
import { bilevelHere, newFolder } from './cli.fixture.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const FEW =
  '--iterations 1 --tuning-samples 20 --candidate-samples 20 --evaluation-samples 20 --sampling-seeds 11'.split(' ')
const noise = noiseOf('test.cliData')
let folder = ''
beforeAll(async () => {
  folder = await newFolder()
  const files: Record<string, Uint8Array> = { 'photos/cat/broken.jpg': Buffer.from('no picture') }
  for (let i = 0; i < 120; i++) {
    const side = i % 2 ? 12 : 16
    files[`photos/${i % 3 ? 'cat' : 'dog'}/${i}.png`] = pngOf(noise(side * side), side)
  }
  await writeFile(join(folder, 'photos.zip'), zipSync(files))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a zip of pictures of several sizes, one of them bad: planned, learned from, and drawn by the name of a class', async () => {
  const words = ['schedule', '--preset', 'tiny', '--data', 'photos.zip', '--size', '8', '--class-conditional']
  const stopped = await bilevelHere([...words, '--resize', 'crop', '--out', 'run'], folder)
  expect([stopped.code, stopped.stderr]).toEqual([
    2,
    expect.stringMatching(/broken\.jpg is not a readable image.*--on-bad skip/),
  ])
  const settings = [...words, '--resize', 'crop', '--on-bad', 'skip']
  const planned = await bilevelHere([...settings, '--dry-run'], folder)
  // All of it is said, and refused as the run is.
  expect([planned.code, planned.stdout]).toEqual([2, expect.stringContaining('resize: crop')])
  expect(planned.stderr).toMatch(/^error: .*needs more images than the 64 features/m)
  expect(planned.stderr).toMatch(
    /data: photos\.zip, images of \[1,8,8\], 2 classes: 72 train, 24 tune, 24 are held out/,
  )
  expect(planned.stderr).toMatch(/120 of the 120 images of photos\.zip are brought to 8x8 \(resize crop, bicubic\)/)
  expect(planned.stderr).toMatch(/1 of the 121 images of photos\.zip are left out.*broken\.jpg/)
  const fix = /take --features (pixels:\d+)/.exec(planned.stderr)?.[1]
  expect(fix).toBe('pixels:16')
  const refused = await bilevelHere([...settings, '--out', 'run'], folder)
  expect([refused.code, refused.stderr]).toEqual([
    2,
    expect.stringMatching(/needs more images than the 64 features.*pixels:16/),
  ])
  const { code, stderr } = await bilevelHere([...settings, '--features', 'pixels:16', ...FEW, '--out', 'run'], folder)
  expect(code, stderr).toBe(0)
  const index = JSON.parse(await readFile(join(folder, 'run/model/model_index.json'), 'utf8'))
  expect(index._class_names).toEqual(['cat', 'dog'])
  const drawn = async (name: string) => {
    const sampled = await bilevelHere(
      [
        'sample',
        'run',
        '--class',
        name,
        '--count',
        '2',
        '--steps',
        '2',
        '--schedule',
        'default',
        '--out',
        `images-${name}`,
      ],
      folder,
    )
    expect(sampled.code, sampled.stderr).toBe(0)
    return readFile(join(folder, `images-${name}/samples.safetensors`), 'hex')
  }
  const [dog, one, cat] = [await drawn('dog'), await drawn('1'), await drawn('cat')]
  expect([one === dog, cat === dog]).toEqual([true, false])
  const wrong = await bilevelHere(['sample', 'run', '--class', 'dgo', '--out', 'none'], folder)
  expect([wrong.code, wrong.stderr]).toEqual([
    2,
    expect.stringMatching(/one of its names \(cat, dog\).*did you mean 'dog'/),
  ])
})

test('a way of reading that has nothing to do is refused', async () => {
  const plain = await bilevelHere(['evaluate', 'digits-16', '--resize', 'fit', '--samples', '4'], folder)
  expect([plain.code, plain.stderr]).toEqual([
    2,
    expect.stringMatching(/embedded digits are read as they are, got resize fit/),
  ])
})
