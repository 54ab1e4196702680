/** The progress of a run for others to read: what is in the file, how often it is written, and that it goes with the run. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ProgressFile, readProgress } from './progressFile.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bilevel-progress-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('says phase, evaluations and the seconds left at the pace so far, every other second, until the end', async () => {
  let now = 1_000_000
  const file = new ProgressFile(folder, () => now)
  const told = (done: number) => file.show({ phase: 'train', detail: `step ${done}`, done, total: 1000 })
  told(0)
  for (let step = 1; step <= 25; step++) {
    now += 100
    told(10 * step)
  }
  // Written at 0 and at 2 s, when 200 of 1000 were done, 100 a second.
  await expect.poll(() => readProgress(folder)).toMatchObject({ done: 200 })
  const saved = await readProgress(folder)
  expect(saved).toMatchObject({
    phase: 'train',
    detail: 'step 200',
    total: 1000,
    time: new Date(1_002_000).toISOString(),
  })
  expect(saved?.secondsLeft).toBeCloseTo(8, 6)
  await file.end()
  expect(await readdir(folder)).toEqual([])
  expect(await readProgress(folder)).toBeNull()
})

test('a folder that is gone, or a file that is no progress, is nothing', async () => {
  const file = new ProgressFile(join(folder, 'gone', 'deeper'))
  file.show({ phase: 'train', detail: '', done: 1, total: 2 })
  await file.end()
  for (const text of ['', '[1]', '{"done":"x"}']) {
    await writeFile(join(folder, 'progress.json'), text)
    expect(await readProgress(folder)).toBeNull()
  }
})
