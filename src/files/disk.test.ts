import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { diskFailure, isPartialName, makeFolder, partialName, writeAtomically } from './disk.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'disk-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('files written whole', () => {
  it('appear in a folder made for them, over an older one, with nothing beside them', async () => {
    const path = join(folder, 'a', 'b', 'x.bin')
    await writeAtomically(path, 'an older and longer text')
    await writeAtomically(path, new Uint8Array([1, 2, 3]))
    expect([...(await readFile(path))]).toEqual([1, 2, 3])
    expect(await readdir(join(folder, 'a', 'b'))).toEqual(['x.bin'])
  })

  it.runIf(process.platform === 'linux')('leave the older file as it was where the disk is full', async () => {
    const path = join(folder, 'x.txt')
    await writeFile(path, 'old')
    await symlink('/dev/full', partialName(path))
    await expect(writeAtomically(path, 'new')).rejects.toMatchObject({
      code: 'disk.write',
      kind: 'failed',
      message: `${path} could not be written: the disk is full; free some space and start again (a run goes on with --resume)`,
    })
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['x.txt'])
  })

  it('say what is wrong where the folder is a file, or the target a folder', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(writeAtomically(join(folder, 'file', 'x'), '')).rejects.toMatchObject({ code: 'disk.write' })
    await mkdir(join(folder, 'full', 'inner'), { recursive: true })
    await expect(writeAtomically(join(folder, 'full'), '')).rejects.toMatchObject({ code: 'disk.write' })
    expect((await readdir(folder)).sort()).toEqual(['file', 'full'])
  })
})

describe('folders', () => {
  it('are made with those above them, and the outermost new one is told', async () => {
    const made = [await makeFolder(join(folder, 'a', 'b', 'c')), await makeFolder(join(folder, 'a', 'b', 'd'))]
    expect(made).toEqual([join(folder, 'a'), join(folder, 'a', 'b', 'd')])
    expect(await makeFolder(join(folder, 'a'))).toBeUndefined()
    await writeFile(join(folder, 'file'), '')
    await expect(makeFolder(join(folder, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeFolder(join(folder, 'file', 'x'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  it.runIf(process.platform === 'linux')('that nobody can make are refused at once', async () => {
    await expect(makeFolder('/proc/none/of/these')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('errors of the disk', () => {
  it.each([
    ['ENOSPC', 'the disk is full'],
    ['EDQUOT', 'your disk quota is used up'],
    ['EFBIG', 'it is larger than a file may be here'],
    ['EROFS', 'the disk is read-only'],
    ['EACCES', 'permission is denied'],
    ['ENOTDIR', 'a part of its path is a file'],
  ])('%s is named as what it is', (code, words) => {
    const { message } = diskFailure('out/x', Object.assign(new Error('refused'), { code }))
    expect(message).toMatch(`out/x could not be written: ${words}`)
  })

  it('others are told in the words of the system', () => {
    const error = diskFailure('out/x', Object.assign(new Error('ELOOP: too many links'), { code: 'ELOOP' }))
    expect(error.message).toMatch('out/x could not be written: ELOOP: too many links; make its folder writable')
  })
})

describe('names while writing', () => {
  it('are known again', () => {
    expect(isPartialName(basename(partialName(join(folder, 'x.txt'))))).toBe(true)
    expect(['x.txt', 'x.partial', 'a.1.partial.txt'].filter(isPartialName)).toEqual([])
  })
})
