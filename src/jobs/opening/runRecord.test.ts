/** What a run says of itself. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openRun } from '../../runs/runFolder.ts'
import { runRecordOf } from './runRecord.ts'

const root = await mkdtemp(join(tmpdir(), 'record-'))
afterAll(() => rm(root, { recursive: true }))

const PATH = { model: 'x', lambdaRange: [0.1, 1] }
const SCHEDULE = { model: null, samplingSteps: 3 }

test.each([
  ['its manifest says, whatever its settings hold', { command: 'schedule' }, PATH, 'schedule'],
  ['its manifest says, of a command that is not known here', { command: 'weights' }, SCHEDULE, 'weights'],
  ['its settings tell, where an older manifest does not say: entropy', {}, PATH, 'entropy'],
  ['its settings tell, where an older manifest does not say: schedule', {}, SCHEDULE, 'schedule'],
])('the command of a run: %s', async (name, manifest, config, command) => {
  const folder = join(root, name.replace(/\W/g, ''))
  const run = await openRun({ folder, config, version: '1.2.3', manifest })
  await run.close('done')
  expect(await runRecordOf(folder)).toEqual({ command, settings: config })
})

test('what is no run has none', async () => {
  expect(await runRecordOf(root)).toBeNull()
  expect(await runRecordOf('digits-16')).toBeNull()
})
