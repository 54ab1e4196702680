import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { KNOWN_MEAN_STD, meanStdNamed } from './meanStd.ts'

const folder = mkdtempSync(join(tmpdir(), 'mean-std-'))
afterAll(() => rmSync(folder, { recursive: true }))
const written = (name: string, json: unknown) => {
  const path = join(folder, name)
  writeFileSync(path, typeof json === 'string' ? json : JSON.stringify(json))
  return path
}

test('by name, and as numbers', async () => {
  expect(await meanStdNamed('imagenet')).toBe(KNOWN_MEAN_STD.imagenet)
  expect((await meanStdNamed('clip')).std).toEqual([0.26862954, 0.26130258, 0.27577711])
  expect(await meanStdNamed('.5,-.1 / 1,2e-1')).toMatchObject({ mean: [0.5, -0.1], std: [1, 0.2] })
  expect(await meanStdNamed('0.5/0.5')).toMatchObject({ mean: [0.5], std: [0.5] })
})

test('of the files that come with networks: processors of Hugging Face, timm', async () => {
  const clip = {
    crop_size: { height: 224, width: 224 },
    do_normalize: true,
    do_rescale: true,
    image_mean: [0.48145466, 0.4578275, 0.40821073],
    image_std: [0.26862954, 0.26130258, 0.27577711],
    resample: 3,
    rescale_factor: 0.00392156862745098,
  }
  const read = await meanStdNamed(written('preprocessor_config.json', clip))
  expect(read).toMatchObject({ mean: clip.image_mean, std: clip.image_std, resize: 'bicubic' })
  expect(read.name).toBe('the mean and standard deviation of preprocessor_config.json')
  expect(read.range?.[1]).toBeCloseTo(1, 12)
  const timm = {
    architecture: 'resnet18',
    pretrained_cfg: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], interpolation: 'bilinear' },
  }
  expect(await meanStdNamed(written('config.json', timm))).toMatchObject({ mean: [0.5, 0.5, 0.5], resize: 'bilinear' })
  const plain = { do_normalize: false, image_mean: [0.5], image_std: [0.5], rescale_factor: 1 / 127.5 }
  const none = await meanStdNamed(written('plain.json', plain))
  expect([none.mean, none.std, none.range?.[1]]).toEqual([[0], [1], 2])
  const bytes = { do_rescale: false, image_mean: [127.5], image_std: [127.5], rescale_factor: 1 / 255 }
  expect((await meanStdNamed(written('bytes.json', bytes))).range).toEqual([0, 255])
})

test.each([
  ['imagnet', /must be imagenet, clip, numbers by channel .*, or a readable JSON file .*, 'imagnet' is none of these/],
  ['.5,.5/.5', /as many finite numbers, the deviations above 0, got mean \[0.5,0.5\] and standard deviation \[0.5\]/],
  ['.5/0', /the deviations above 0/],
  ['.5,x/1', /is none of these/],
])('%s is refused', async (words, message) => {
  await expect(meanStdNamed(words)).rejects.toMatchObject({
    code: 'metrics.meanStd',
    message: expect.stringMatching(message),
  })
})

test.each([
  ['empty.json', {}, /got mean undefined/],
  ['list.json', [1], /got mean undefined/],
  ['null.json', 'null', /got mean undefined/],
  ['texts.json', { mean: ['a'], std: [1] }, /got mean \["a"\]/],
  ['broken.json', '{', /must come from a JSON file, '.*broken.json' is none/],
])('%s is refused', async (name, json, message) => {
  await expect(meanStdNamed(written(name, json))).rejects.toMatchObject({
    code: 'metrics.meanStd',
    message: expect.stringMatching(message),
  })
})
