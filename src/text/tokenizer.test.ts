import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Tensor } from '../base/index.ts'
import gold from './fixtures/tokenizer/prompts.json' with { type: 'json' }
import { openTokenizer, readPrompts } from './index.ts'
import { writtenOut } from './likeRust.ts'

const FOLDER = 'src/text/fixtures/tokenizer'
const CONFIG = { tokenizer_class: 'CLIPTokenizer', model_max_length: 16 }

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenizer-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A folder with some of the files, and a configuration. */
async function folderOf(names: readonly string[], config: object): Promise<string> {
  const made = await mkdtemp(join(folder, 'x'))
  for (const name of names) await cp(join(FOLDER, name), join(made, name))
  await writeFile(join(made, 'tokenizer_config.json'), JSON.stringify({ ...CONFIG, ...config }))
  return made
}

const rowsOf = ({ shape: [count, length], data }: Tensor) =>
  Array.from({ length: count }, (_, i) => Array.from(data.slice(i * length, (i + 1) * length) as BigInt64Array, Number))

describe('token ids are those of transformers', () => {
  const forms = { 'tokenizer.json': ['tokenizer.json'], 'vocab.json and merges.txt': ['vocab.json', 'merges.txt'] }
  for (const [form, names] of Object.entries(forms)) {
    for (const { config, ids, mask } of gold.ways) {
      test(`${form}, ${JSON.stringify(config)}`, async () => {
        const tokenizer = await openTokenizer(await folderOf(names, config))
        const tokens = tokenizer.encode(gold.prompts)
        const found = rowsOf(tokens.ids)
        gold.prompts.forEach((prompt, i) => {
          expect([prompt, found[i]]).toEqual([prompt, ids[i]])
        })
        expect(rowsOf(tokens.mask)).toEqual(mask)
      })
    }
  }
})

describe('prompts that are too long', () => {
  test('are named, and keep their end-of-text', async () => {
    const tokenizer = await openTokenizer(FOLDER)
    const long = 'a red three on blue a green four on white a cyan five on black'
    const { ids, cut } = tokenizer.encode(['a three', long, `${long}, and a seven`])
    const [, ...found] = rowsOf(ids)
    expect(cut).toEqual([1, 2])
    for (const row of found) expect(row.at(-1)).toBe(594)
    expect(tokenizer).toMatchObject({ length: 16, vocabulary: 595 })
  })

  test('another length is taken', async () => {
    const tokenizer = await openTokenizer(FOLDER, { length: 4 })
    expect(rowsOf(tokenizer.encode(['red three on blue']).ids)).toEqual([[593, 534, 579, 594]])
  })
})

describe('what is refused', () => {
  const refused = (names: readonly string[], config: object) =>
    folderOf(names, config).then((made) => openTokenizer(made))

  test('a folder that is none, or holds no tokenizer', async () => {
    await expect(openTokenizer(join(folder, 'none'))).rejects.toThrow(/must be a folder that can be read/)
    await expect(refused(['vocab.json'], {})).rejects.toThrow(/holds tokenizer_config.json, vocab.json/)
  })

  test('a length that is not known, or leaves no room', async () => {
    await expect(refused(['tokenizer.json'], { model_max_length: 1e30 })).rejects.toThrow(/no model_max_length/)
    await expect(openTokenizer(FOLDER, { length: 2 })).rejects.toThrow(/room for a word beside 2 special tokens/)
  })

  test('padding on the left, special tokens that are not there', async () => {
    await expect(refused(['tokenizer.json'], { padding_side: 'left' })).rejects.toThrow(/padded on the right/)
    await expect(refused(['tokenizer.json'], { pad_token: '<pad>' })).rejects.toThrow(/special token '<pad>'/)
    await expect(refused(['vocab.json', 'merges.txt'], { eos_token: '</s>' })).rejects.toThrow(/special token '<\/s>'/)
  })

  test('files that are something else', async () => {
    const made = await folderOf(['vocab.json'], {})
    await writeFile(join(made, 'merges.txt'), '#version: 0.2\no n</w>\nthree\n')
    await expect(openTokenizer(made)).rejects.toThrow(/line 3 is 'three'/)
    await writeFile(join(made, 'tokenizer.json'), '{"model": {"vocab": 3}}')
    await expect(openTokenizer(made)).rejects.toThrow(/must be tokenizer.json of a tokenizer/)
    await writeFile(join(made, 'tokenizer.json'), '{"model": {"type": "None", "vocab": {"a": 0}}}')
    await expect(openTokenizer(made)).rejects.toThrow(/tokenizer of the tokenizers library/)
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 524619\n`
    await writeFile(join(made, 'tokenizer.json'), pointer)
    await expect(openTokenizer(made)).rejects.toMatchObject({ code: 'file.lfsPointer' })
  })

  test('no prompts', async () => {
    const tokenizer = await openTokenizer(FOLDER)
    expect(() => tokenizer.encode([])).toThrow(/there must be a prompt/)
  })
})

describe('prompts of a file', () => {
  test('are its lines, but for empty ones and remarks', async () => {
    const path = join(folder, 'prompts.txt')
    await writeFile(path, '\ufeffa red three\r\n\n# later\n  on blue \n')
    expect(await readPrompts(path)).toEqual(['a red three', 'on blue'])
    await writeFile(path, '# nothing\n')
    await expect(readPrompts(path)).rejects.toThrow(/must hold a prompt a line/)
    await writeFile(path, Uint8Array.of(0xff, 0xfe, 0x61, 0))
    await expect(readPrompts(path)).rejects.toThrow(/must be UTF-8/)
    await expect(readPrompts(join(folder, 'none'))).rejects.toThrow(/cannot be read/)
  })
})

test('white space is written out, in and outside of brackets, not where a backslash is escaped', () => {
  const space = writtenOut('[\\s]').slice(1, -1)
  expect(writtenOut('a\\s+[^\\s\\p{L}]\\S')).toBe(`a[${space}]+[^${space}\\p{L}][^${space}]`)
  expect(writtenOut('\\\\s')).toBe('\\\\s')
})
