/** The list of runs: every state as it comes about, what runs are compared by, and times without the pauses between sessions. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openRun } from '../../runs/runFolder.ts'
import { bestText } from '../bestText.ts'
import { jobNamed } from '../jobs.ts'
import { runsJob } from './job.ts'
import { listRuns } from './list.ts'

let folder = ''
let now = Date.parse('2026-01-01T00:00:00Z')
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bilevel-runs-'))
  now = Date.parse('2026-01-01T00:00:00Z')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const KINDS = [jobNamed('schedule'), jobNamed('entropy')]
const list = () => listRuns(folder, KINDS)
const clock = () => now
const wait = (seconds: number) => {
  now += 1000 * seconds
}

/** A run that has begun. */
const begin = (name: string, command: string) =>
  openRun({ folder: join(folder, name), config: { seed: 1 }, version: '1', clock, manifest: { command } })

/** A lock of this machine by a process that is no more: its start is not that of any process now. */
const deadLock = (name: string) =>
  writeFile(join(folder, name, 'lock'), JSON.stringify({ host: hostname(), pid: process.pid, started: 'never' }))

const progress = (name: string, fields: object) =>
  writeFile(join(folder, name, 'progress.json'), JSON.stringify({ phase: 'train', detail: '', time: '', ...fields }))

describe('a run', () => {
  test('that is done: its kind, the FID of its learned row, and how long it took', async () => {
    const run = await begin('a', 'schedule')
    run.emit({ type: 'tune', step: 1, fid: 4 })
    wait(90)
    run.emit({ type: 'done', step: 0, fid: 7.5 })
    wait(10)
    await run.close('done')
    expect(await list()).toEqual([
      {
        run: join(folder, 'a'),
        kind: 'schedule',
        state: 'done',
        best: { what: 'FID', value: 7.5 },
        done: null,
        secondsLeft: null,
        secondsTaken: 100,
        created: '2026-01-01T00:00:00.000Z',
      },
    ])
  })

  test('that goes on: the best so far, the share done and the time left', async () => {
    const run = await begin('a', 'schedule')
    for (const fid of [null, 12, 9, 11]) run.emit({ type: 'tune', step: 1, fid })
    await progress('a', { done: 25, total: 100, secondsLeft: 60 })
    expect(await list()).toMatchObject([
      { state: 'running', best: { what: 'FID', value: 9 }, done: 0.25, secondsLeft: 60 },
    ])
    await run.close('failed')
    expect(await list()).toMatchObject([{ state: 'failed', done: null, secondsLeft: null }])
  })

  test('whose process was killed is stopped, however it left its log', async () => {
    const run = await begin('a', 'entropy')
    run.emit({ type: 'interval', step: 0, value: 0.5 })
    run.emit({ type: 'interval', step: 1, value: 0.25 })
    await progress('a', { done: 25, total: 100, secondsLeft: 60 })
    await deadLock('a')
    const stopped = { state: 'stopped', best: { what: 'lambda', value: 0.25 }, done: 0.25, secondsLeft: null }
    expect(await list()).toMatchObject([stopped])
    await writeFile(join(folder, 'a', 'events.jsonl'), 'half a li')
    expect(await list()).toMatchObject([{ ...stopped, best: null }])
  })

  test('that was gone on with: pauses do not count', async () => {
    const run = await begin('a', 'schedule')
    wait(10)
    run.emit({ type: 'tune', step: 1, fid: 4 })
    await run.close('interrupted')
    wait(5000)
    const again = await openRun({ folder: join(folder, 'a'), config: { seed: 1 }, version: '1', clock, resume: true })
    wait(20)
    await again.close('done')
    const [{ secondsTaken }] = await list()
    // Without a checkpoint the events begin anew: what is known of the first session is its begin.
    expect(secondsTaken).toBe(20)
  })

  test('of no known kind has no best; one that is damaged is shown as that', async () => {
    await (await begin('other', 'mine')).close('done')
    await (await begin('b', 'schedule')).close('done')
    const path = join(folder, 'b', 'manifest.json')
    await writeFile(path, (await readFile(path, 'utf8')).replace('"done"', '"Done"'))
    await mkdir(join(folder, 'no run'))
    expect(await list()).toMatchObject([
      { kind: 'mine', best: null, state: 'done' },
      { kind: null, state: 'damaged', secondsTaken: null },
    ])
  })
})

describe('a run of several sets of prompts', () => {
  test('has the lambda of each, as far as it is known', async () => {
    const run = await begin('a', 'entropy')
    run.emit({ type: 'start', step: 0, sets: ['warm', 'cold one', 'odd'] })
    run.emit({ type: 'warm/interval', step: 0, value: 0.5 })
    run.emit({ type: 'warm/interval', step: 1, value: 0.375 })
    run.emit({ type: 'cold one/iteration', step: 1, lambda: 3 })
    const of = (set: string, value: number | null, resolved: boolean | null = null) => ({ set, value, resolved })
    const sets = [of('warm', 0.375), of('cold one', null), of('odd', null)]
    expect((await list())[0].best).toEqual({ what: 'lambda', sets })
    expect(bestText((await list())[0].best)).toBe('lambda: warm 0.375, cold one not yet, odd not yet')
    for (const [set, value, resolved] of [
      ['warm', 0.25, true],
      ['cold one', 2, false],
      ['odd', 5, true],
    ] as const)
      run.emit({ type: `${set}/done`, step: 0, value, resolved })
    await run.close('done')
    expect((await list())[0].best).toEqual({
      what: 'lambda',
      sets: [of('warm', 0.25, true), of('cold one', 2, false), of('odd', 5, true)],
    })
    expect(bestText((await list())[0].best)).toBe('lambda: warm 0.25, cold one 2 (not resolved), odd 5')
  })

  test('many of them are counted, not told; what is certain of one is said of one', () => {
    const sets = ['a', 'b', 'c', 'd', 'e', 'f'].map((set) => ({ set, value: 1, resolved: true }))
    expect(bestText({ what: 'lambda', sets })).toBe('lambda: a 1, b 1, c 1, d 1, 2 more')
    expect(bestText({ what: 'lambda', value: 3, resolved: false })).toBe('lambda 3 (not resolved)')
    expect(bestText({ what: 'lambda', sets: sets.map((set) => ({ ...set, resolved: false })) })).toBe(
      'lambda: a 1, b 1, c 1, d 1, 2 more (none resolved)',
    )
    const nothing = sets.map((set) => ({ ...set, value: null, resolved: null }))
    expect(bestText({ what: 'lambda', sets: nothing })).toBe('lambda of 6 sets: not yet')
    expect(bestText(null)).toBe('–')
  })
})

describe('the command', () => {
  const run = (argument: string, state: 'done' | 'failed' | null = null) =>
    runsJob(KINDS).run(
      {
        config: { state },
        argument,
        folder: '',
        resume: false,
        allowCode: false,
        caller: { command: '', directory: null },
      },
      { signal: new AbortController().signal, onProgress: () => {}, onLine: () => {}, onNote: () => {} },
    )

  test('prints a table, newest first, of the state that is asked for', async () => {
    const first = await begin('first', 'schedule')
    first.emit({ type: 'done', step: 0, fid: 12.3456 })
    wait(65)
    await first.close('done')
    await (await begin('second', 'entropy')).close('failed')
    const { text } = await run(folder)
    expect(text.split('\n').map((line) => line.replace(folder, '').split(/ {2,}/))).toEqual([
      ['run', 'kind', 'state', 'best', 'time'],
      ['/second', 'entropy', 'failed', '–', '0 s'],
      ['/first', 'schedule', 'done', 'FID 12.35', '1 min 05 s'],
    ])
    expect((await run(folder, 'done')).json).toMatchObject({ folder, runs: [{ kind: 'schedule' }] })
    expect((await run(join(folder, 'second'), 'done')).text).toBe(`no runs that are done in ${join(folder, 'second')}`)
  })

  test('of a folder that is not there is an error', async () => {
    await expect(run(join(folder, 'x'))).rejects.toThrow(/runs are listed of a folder, but .*x is not there; name/)
    await expect(run(join(folder, 'first', 'x'))).rejects.toThrow(/is not there/)
  })
})
