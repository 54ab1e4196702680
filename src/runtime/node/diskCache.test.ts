import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { cacheFolder, makeRoom, readEntry, writeEntry } from './diskCache.ts'

let base: string
let folder: string

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'bilevel-cache-'))
  folder = join(base, 'bilevel-diffusion')
  vi.stubEnv('BILEVEL_CACHE', undefined)
  vi.stubEnv('XDG_CACHE_HOME', base)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(base, { recursive: true, force: true })
})

const bytes = (...values: number[]) => Uint8Array.from(values)
const write = (key: string, content: Uint8Array) => writeEntry(key, (path) => writeFile(path, content))

describe('the folder', () => {
  it('follows the environment', () => {
    expect(cacheFolder()).toBe(folder)
    vi.stubEnv('XDG_CACHE_HOME', 'relative')
    expect(cacheFolder()).toBe(join(homedir(), '.cache', 'bilevel-diffusion'))
    vi.stubEnv('BILEVEL_CACHE', 'off')
    expect(cacheFolder()).toBeUndefined()
  })

  it('is left alone with BILEVEL_CACHE=off', async () => {
    await write('a', bytes(1))
    vi.stubEnv('BILEVEL_CACHE', 'off')
    await write('b', bytes(2))
    expect(await readEntry('a')).toBeUndefined()
    expect(await readdir(folder)).toEqual(['a.model'])
  })
})

describe('entries', () => {
  it('come back as they were, by their key alone', async () => {
    await write('a', bytes(1, 2, 3))
    await write('b', bytes())
    expect(await readEntry('a')).toEqual(Buffer.of(1, 2, 3))
    expect(await readEntry('b')).toEqual(Buffer.of())
    expect(await readEntry('c')).toBeUndefined()
  })

  it.each<[string, (content: Buffer) => Uint8Array]>([
    ['a bit changed', (content) => content.map((value, i) => (i === content.length - 1 ? value ^ 1 : value))],
    ['its hash changed', (content) => content.map((value, i) => (i === 0 ? value ^ 1 : value))],
    ['cut short', (content) => content.subarray(0, -1)],
    ['cut within the hash', (content) => content.subarray(0, 20)],
    ['empty', () => bytes()],
    ['longer', (content) => Buffer.concat([content, bytes(0)])],
  ])('damaged (%s) count as not there, and are removed', async (_, damage) => {
    await write('a', bytes(1, 2, 3))
    const path = join(folder, 'a.model')
    await writeFile(path, damage(await readFile(path)))
    expect(await readEntry('a')).toBeUndefined()
    expect(await readdir(folder)).toEqual([])
    await write('a', bytes(1, 2, 3))
    expect(await readEntry('a')).toEqual(Buffer.of(1, 2, 3))
  })

  it('are not kept where the folder cannot be made or written', async () => {
    await writeFile(folder, 'a file is in the way')
    await write('a', bytes(1))
    expect(await readEntry('a')).toBeUndefined()
    await rm(folder)
    await symlink(join(base, 'nowhere'), folder)
    await write('a', bytes(1))
    expect(await readEntry('a')).toBeUndefined()
  })

  it('are not kept where writing them fails, or where they would fill the folder', async () => {
    await writeEntry('a', async (path) => {
      await writeFile(path, 'half')
      throw new Error('the disk is full')
    })
    await write('b', new Uint8Array(2 ** 25 + 1))
    expect(await readdir(folder)).toEqual([])
  })

  it('are read where others cannot be written', async () => {
    await write('a', bytes(1))
    await mkdir(join(folder, 'b.model'))
    await write('b', bytes(2))
    expect(await readEntry('a')).toEqual(Buffer.of(1))
    expect(await readEntry('b')).toBeUndefined()
    expect((await readdir(folder)).toSorted()).toEqual(['a.model', 'b.model'])
  })

  it('are whole while several processes write and read the same ones', async () => {
    const script = join(base, 'writer.mjs')
    const source = new URL('./diskCache.ts', import.meta.url).pathname
    const { transform } = await import('rolldown/utils')
    const { code } = await transform(source, await readFile(source, 'utf8'))
    await writeFile(join(base, 'diskCache.mjs'), code)
    await writeFile(
      script,
      `import { writeFile } from 'node:fs/promises'
      import { readEntry, writeEntry } from './diskCache.mjs'
      const bytes = new Uint8Array(300_000).fill(7)
      let torn = 0
      for (let k = 0; k < 30; k++) {
        await writeEntry('same', (path) => writeFile(path, bytes))
        const found = await readEntry('same')
        if (found?.length !== bytes.length || found.some((value) => value !== 7)) torn++
      }
      process.exit(torn)`,
    )
    const writers = [0, 1, 2].map(() => fork(script))
    const ends = await Promise.all(writers.map((writer) => once(writer, 'exit')))
    expect(ends.map(([status]) => status)).toEqual([0, 0, 0])
    expect(await readdir(folder)).toEqual(['same.model'])
  })
})

describe('room', () => {
  const at = async (name: string, size: number, secondsAgo: number) => {
    const path = join(folder, name)
    await writeFile(path, new Uint8Array(size))
    const time = Date.now() / 1000 - secondsAgo
    await utimes(path, time, time)
  }

  it('is made by removing what was unused for longest', async () => {
    await mkdir(folder)
    await at('old.model', 100, 300)
    await at('middle.model', 100, 200)
    await at('new.model', 100, 100)
    await makeRoom(folder, 250)
    expect((await readdir(folder)).toSorted()).toEqual(['middle.model', 'new.model'])
  })

  it('is not made of what was read lately, nor of files of others', async () => {
    await write('a', bytes(1))
    const path = join(folder, 'a.model')
    await utimes(path, 1000, 1000)
    await at('b.model', 100, 3000)
    await at('notes.txt', 1000, 9000)
    await readEntry('a')
    await makeRoom(folder, 50)
    expect((await readdir(folder)).toSorted()).toEqual(['a.model', 'notes.txt'])
  })

  it('forgets what killed processes left, not what others are writing', async () => {
    await mkdir(folder)
    await at('a.1.partial', 10, 7200)
    await at('b.2.partial', 10, 5)
    await makeRoom(folder, 1000)
    expect(await readdir(folder)).toEqual(['b.2.partial'])
  })
})
