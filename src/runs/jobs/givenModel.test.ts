/** Models by name and by path. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { shippedModelFolder } from '../../diffusion/index.ts'
import { modelFolderOf, openGivenModel } from './givenModel.ts'

const root = await mkdtemp(join(tmpdir(), 'given-'))
afterAll(() => rm(root, { recursive: true }))

const shipped = shippedModelFolder('digits-16') ?? 'none'
const options = { scheduler: null, weightsPrefix: null, timeScale: 1, size: null, chunk: 4, device: 'cpu' } as const

test('a name that is no path is a model that comes with the project', async () => {
  const given = await openGivenModel('digits-16', options)
  expect(given).toMatchObject({ kind: 'folder', folder: shipped, imageShape: [1, 16, 16] })
})

test('a path is the folder itself, or the model inside a run', async () => {
  expect(await modelFolderOf(shipped)).toBe(shipped)
  await cp(join(shipped, 'model_index.json'), join(root, 'digits-16', 'model', 'model_index.json'))
  expect(await modelFolderOf(join(root, 'digits-16'))).toBe(join(root, 'digits-16', 'model'))
})

test('a name that is nothing names the models that come with the project', async () => {
  const opening = openGivenModel('digits-61', options)
  await expect(opening).rejects.toMatchObject({ code: 'schedule.model', kind: 'input' })
  await expect(opening).rejects.toThrow(/digits-16 or digits-28; 'digits-61' is none of them/)
})
