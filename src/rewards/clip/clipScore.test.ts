/** CLIP scores and their derivatives against transformers and torch's autograd. */
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { tensor } from '../../base/index.ts'
import { writeSafetensors } from '../../files/index.ts'
import { decode, encodeModel, readModel } from '../../onnx/index.ts'
import { networksOf, openReward } from '../open.ts'
import { imageShape, images, openedClip, relative, vectors } from './clip.fixture.ts'
import type { ClipTowers } from './index.ts'
import { clipScore, openClip } from './index.ts'

const clip = openedClip()
let folder: string
let towers: ClipTowers
beforeAll(async () => {
  folder = await clip.folder
  towers = await clip.towers
})
const score = async (options: Partial<Parameters<typeof clipScore>[0]> = {}) =>
  clip.keep(await clipScore({ towers, prompts: vectors.prompts, imageShape, batch: 2, ...options }))

const cosineOf = (image: number, prompt: number) => vectors.cosine[image * vectors.prompts.length + prompt]

describe("against transformers' CLIPModel", () => {
  test('cosines with each image its own prompt, and their derivatives', async () => {
    const reward = await score()
    const { values, gradient } = await reward.gradient(images, Int32Array.of(0, 1, 2))
    expect(
      relative(
        values,
        [0, 1, 2].map((i) => cosineOf(i, i)),
      ),
    ).toBeLessThan(1e-4)
    expect(relative(gradient.data, vectors.gradient)).toBeLessThan(1e-3)
  })

  test('one prompt for all, and another than it was', async () => {
    for (const prompt of [1, 3]) {
      const reward = await score({ prompts: [vectors.prompts[prompt]] })
      const values = await reward.values(images)
      expect(
        relative(
          values,
          [0, 1, 2].map((i) => cosineOf(i, prompt)),
        ),
      ).toBeLessThan(1e-4)
    }
  })

  test('a scale is a factor of values and derivatives', async () => {
    const reward = await score({ scale: -40 })
    const { values, gradient } = await reward.gradient(images, Int32Array.of(0, 1, 2))
    expect(
      relative(
        values,
        [0, 1, 2].map((i) => -40 * cosineOf(i, i)),
      ),
    ).toBeLessThan(1e-4)
    expect(
      relative(
        gradient.data,
        vectors.gradient.map((value) => -40 * value),
      ),
    ).toBeLessThan(1e-3)
  })
})

/** A folder with the files of `folder`, changed. */
async function changed(change: (at: (name: string) => string) => Promise<unknown>): Promise<string> {
  const other = await mkdtemp(join(folder, 'x'))
  for (const name of ['vision_model.onnx', 'text_model.onnx', 'preprocessor_config.json', 'tokenizer']) {
    await cp(join(folder, name), join(other, name), { recursive: true })
  }
  await change((name) => join(other, name))
  return other
}

const settings = (path: string, values: object) =>
  readFile(path, 'utf8').then((text) => writeFile(path, JSON.stringify({ ...JSON.parse(text), ...values })))

/** Numbers in [-1, 1]. */
const some = (shape: readonly number[]) =>
  tensor(
    'float32',
    shape,
    Float32Array.from(
      vectors.images.slice(
        0,
        shape.reduce((a, b) => a * b),
      ),
    ),
  )

describe('images of other forms', () => {
  test('grey ones are rated as the same in three channels', async () => {
    const grey = some([2, 1, 18, 25])
    const colour = tensor(
      'float32',
      [2, 3, 18, 25],
      Float32Array.from([0, 0, 0, 1, 1, 1].flatMap((i) => [...grey.data.subarray(i * 450, (i + 1) * 450)])),
    )
    const prompts = [vectors.prompts[0]]
    const found = await (await score({ prompts, imageShape: [1, 18, 25] })).gradient(grey)
    const wanted = await (await score({ prompts })).gradient(colour)
    expect(relative(found.values, [...wanted.values])).toBeLessThan(1e-5)
    const { data } = wanted.gradient
    const sums = Array.from({ length: 900 }, (_, i) => {
      const at = Math.floor(i / 450) * 1350 + (i % 450)
      return data[at] + data[at + 450] + data[at + 900]
    })
    expect(relative(found.gradient.data, sums)).toBeLessThan(1e-5)
  })

  test('without preprocessor_config.json they are of the size of the tower, in [-1, 1]', async () => {
    const bare = await openClip(await changed((at) => rm(at('preprocessor_config.json'))))
    const stated = await openClip(
      await changed((at) =>
        settings(at('preprocessor_config.json'), { image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5] }),
      ),
    )
    const small = some([2, 3, 12, 12])
    const prompts = [vectors.prompts[2]]
    const options = { prompts, imageShape: [3, 12, 12] }
    const found = await (await score({ ...options, towers: bare })).values(small)
    expect(relative(found, [...(await (await score({ ...options, towers: stated })).values(small))])).toBeLessThan(1e-5)
    expect(bare.hash).not.toBe(stated.hash)
    await expect(score({ towers: bare, prompts })).rejects.toThrow(/12/)
  })
})

describe('folders of other forms', () => {
  test('both towers in one file, in onnx/, for one image and one prompt at a time', async () => {
    const both = await changed(async (at) => {
      const parts = await Promise.all(
        [
          ['vision_model.onnx', { pixel_values: [1, 3, 12, 12] }] as const,
          ['text_model.onnx', { input_ids: [1, 16] }] as const,
        ].map(async ([name, shapes]) => decode(readModel(await readFile(at(name))), { shapes }).graph),
      )
      const [image, text] = parts
      const graph = { inputs: { ...image.inputs, ...text.inputs }, outputs: { ...image.outputs, ...text.outputs } }
      await rename(at('tokenizer'), at('onnx'))
      await writeFile(join(at('onnx'), 'model.onnx'), encodeModel(graph))
      await rename(join(at('onnx'), 'tokenizer.json'), at('tokenizer.json'))
      await rename(join(at('onnx'), 'tokenizer_config.json'), at('tokenizer_config.json'))
      await rm(at('vision_model.onnx'))
      await rm(at('text_model.onnx'))
    })
    const reward = await score({ towers: await openClip(both) })
    const { values, gradient } = await reward.gradient(images, Int32Array.of(0, 1, 2))
    expect(
      relative(
        values,
        [0, 1, 2].map((i) => cosineOf(i, i)),
      ),
    ).toBeLessThan(1e-4)
    expect(relative(gradient.data, vectors.gradient)).toBeLessThan(1e-3)
  })
})

describe('what is refused', () => {
  const refused = (change: Parameters<typeof changed>[0]) => changed(change).then((other) => openClip(other))

  test('folders without a part', async () => {
    await expect(openClip(join(folder, 'none'))).rejects.toThrow(/must be a folder that can be read/)
    await expect(refused((at) => rm(at('text_model.onnx')))).rejects.toThrow(
      /must hold the text tower as text_model.onnx/,
    )
    await expect(refused((at) => rm(at('tokenizer'), { recursive: true }))).rejects.toThrow(/must hold tokenizer.json/)
    await expect(refused((at) => cp(at('text_model.onnx'), at('vision_model.onnx')))).rejects.toThrow(
      /input pixel_values of 4 axes; it has input_ids int64/,
    )
  })

  test('preprocessing that is not offered, images that it does not fit', async () => {
    const with_ = (values: object) => refused((at) => settings(at('preprocessor_config.json'), values))
    await expect(with_({ resample: 1 })).rejects.toThrow(/Pillow's kernel 1/)
    await expect(with_({ image_std: [1, 0, 1] })).rejects.toThrow(/3 positive numbers/)
    await expect(with_({ size: { longest_edge: 3 } })).rejects.toMatchObject({ code: 'reward.clip' })
    const uncut = await with_({ do_resize: false, crop_size: 20 })
    await expect(score({ towers: uncut })).rejects.toThrow(/18 x 25 must not be smaller than the crop of 20 x 20/)
    await expect(score({ imageShape: [4, 18, 25] })).rejects.toThrow(/they have 4/)
    await expect(score({ prompts: [] })).rejects.toThrow(/there is none/)
  })
})

describe('in words', () => {
  test('terms look through the folder that they name, or the one that is set', async () => {
    const [prompt] = vectors.prompts
    await writeSafetensors(join(folder, 'head.safetensors'), { weight: (await towers.embedTexts([prompt])).embeds })
    const open = async (spec: string, context = {}) =>
      clip.keep(
        await openReward(spec, {
          features: null,
          judge: null,
          tuning: null,
          imageShape,
          prompts: [prompt],
          batch: 3,
          ...context,
        }),
      )
    const sum = await open(`2*clip-score:${folder} + clip-head:${join(folder, 'head.safetensors')}`, { clip: folder })
    const values = await sum.values(images)
    expect(
      relative(
        values,
        [0, 1, 2].map((i) => 3 * cosineOf(i, 0)),
      ),
    ).toBeLessThan(1e-4)
    expect(sum.differentiable).toBe(true)
    expect([...networksOf('clip-score + -1*ink', { features: null, judge: null, clip: folder }).keys()]).toEqual([
      folder,
    ])
    await expect(open('clip-score')).rejects.toThrow(/give its folder by --clip/)
    await expect(open('clip-score', { clip: folder, prompts: null })).rejects.toThrow(/give it by --prompts/)
    await expect(open('clip-head', { clip: folder })).rejects.toThrow(/names the file of the head/)
  })
})
