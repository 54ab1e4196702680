/** Paths into folders that come with the package. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { shippedPath } from './index.ts'

const before = process.cwd()
afterEach(() => process.chdir(before))

test('a path is itself unless it begins with a name and is not there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'shipped-'))
  process.chdir(folder)
  const found = shippedPath('captioned-digits/clip')
  expect(existsSync(join(found, 'vision_model.onnx'))).toBe(true)
  expect(shippedPath('captioned-digits-2')).toBe('captioned-digits-2')
  expect(shippedPath('./captioned-digits')).toBe('./captioned-digits')
  await mkdir('captioned-digits')
  expect(shippedPath('captioned-digits')).toBe('captioned-digits')
  expect(shippedPath('captioned-digits/clip')).toBe(found)
  process.chdir(before)
  await rm(folder, { recursive: true })
})
