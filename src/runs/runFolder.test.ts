import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { float32, RandomStream } from '../base/index.ts'
import { readEvents, withoutTimes } from './events.ts'
import { processStart } from './lock.ts'
import { hashesOfResults, readManifest, requireIntact } from './manifest.ts'
import type { OpenRunOptions, Run } from './runFolder.ts'
import { freshFolder, openRun, readRunConfig } from './runFolder.ts'
import { sessionStartRecord } from './tensorboard.ts'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'run-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const config = { seed: 3, network: { channels: [16, 32] }, device: 'cpu', unset: undefined }
const options = (more: Partial<OpenRunOptions> = {}): OpenRunOptions => ({
  folder: join(root, 'quick'),
  config,
  version: '1.2.3',
  ...more,
})

const BOARD = 'events.out.tfevents.bilevel'

/** A job of 20 steps, checkpoint every 3; dies (without closing) before `dieAt`. */
async function job(run: Run, dieAt = Number.POSITIVE_INFINITY): Promise<number> {
  let { step, sum } = (run.resumedFrom?.state ?? { step: 0, sum: 0 }) as { step: number; sum: number }
  for (; step < 20; step++) {
    if (step === dieAt) return Number.NaN
    sum += new RandomStream({ seed: 1, purpose: 'job', step }).uniform()
    run.emit({ type: 'train', step, sum })
    if (step % 3 === 2) {
      const tensors = { sum: float32([sum]) }
      run.emit({ type: 'checkpoint', step })
      await run.checkpoint({ step: step + 1, state: { step: step + 1, sum }, tensors })
    }
  }
  await run.close('done')
  return sum
}

/** Makes of a folder what an earlier release would have left: no hashes but that of the tensors, no copy of the log. */
async function asBefore(folder: string): Promise<void> {
  for (const step of await readdir(join(folder, 'checkpoints'))) {
    const path = join(folder, 'checkpoints', step)
    const { events, tensors, state } = JSON.parse(await readFile(join(path, 'state.json'), 'utf8'))
    await rm(join(path, 'events.jsonl'))
    await writeFile(join(path, 'state.json'), JSON.stringify({ format: 1, step: Number(step), events, tensors, state }))
  }
  const { sha256: _, ...manifest } = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'))
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, format: 1 }))
}

describe('run folders', () => {
  it('hold config, manifest and events', async () => {
    const run = await openRun(options({ manifest: { command: 'schedule' }, clock: () => 0 }))
    expect([run.name, run.resumedFrom, run.pastEvents]).toEqual(['quick', null, []])
    run.emit({ type: 'x', step: 0, value: 1 })
    await run.write('samples/a/grid.png', Uint8Array.of(1, 2))
    await run.note({ data: { sha256: 'abc' } })
    expect((await readManifest(run.folder)).status).toBe('running')
    await run.close('done')
    expect((await readdir(run.folder)).sort()).toEqual([
      'config.yaml',
      'events.jsonl',
      'manifest.json',
      'samples',
      'tensorboard',
    ])
    expect(await readRunConfig(run.folder)).toEqual({ seed: 3, network: { channels: [16, 32] }, device: 'cpu' })
    expect(await readManifest(run.folder)).toMatchObject({
      format: 2,
      name: 'quick',
      version: '1.2.3',
      command: 'schedule',
      status: 'done',
      created: '1970-01-01T00:00:00.000Z',
      data: { sha256: 'abc' },
    })
    expect([...(await readFile(join(run.folder, 'samples/a/grid.png')))]).toEqual([1, 2])
  })

  it('give the same events and result after any interruption as without', async () => {
    const whole = await openRun(options({ folder: join(root, 'whole') }))
    const truth = await job(whole)
    const events = withoutTimes(await readEvents(join(whole.folder, 'events.jsonl')))
    const boards = new Set<number>()
    for (const dieAt of [0, 2, 3, 4, 11, 19]) {
      const folder = join(root, `cut${dieAt}`)
      const first = await openRun(options({ folder }))
      await job(first, dieAt)
      await rm(join(folder, 'lock'))
      const second = await openRun(options({ folder, resume: true }))
      expect(second.resumedFrom?.step ?? 0).toBe(3 * Math.floor(dieAt / 3))
      expect(await job(second)).toBe(truth)
      expect(withoutTimes(await readEvents(join(folder, 'events.jsonl')))).toEqual(events)
      expect(await readdir(join(folder, 'tensorboard'))).toEqual([BOARD, `${BOARD}.000001`])
      boards.add((await readFile(join(folder, 'tensorboard', `${BOARD}.000001`))).length)
      expect(await readManifest(folder)).toMatchObject({
        status: 'done',
        resumed: [{ step: 3 * Math.floor(dieAt / 3) }],
      })
    }
    // The same records, after those that void what earlier sessions told.
    const alone = (await readFile(join(whole.folder, 'tensorboard', BOARD))).length
    expect([...boards]).toEqual([alone + 2 * sessionStartRecord(0).length])
  })

  it('survive kill -9 of the process that ran', async () => {
    const first = await openRun(options())
    await job(first, 10)
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000); console.log("up")'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await once(child.stdout, 'data')
    const holder = { host: hostname(), pid: child.pid, started: await processStart(child.pid!) }
    await writeFile(join(first.folder, 'lock'), JSON.stringify(holder))
    await expect(openRun(options({ resume: true }))).rejects.toMatchObject({ code: 'runs.inUse' })
    child.kill('SIGKILL')
    await once(child, 'exit')
    const second = await openRun(options({ resume: true }))
    expect(second.resumedFrom?.step).toBe(9)
    await second.close('interrupted')
    expect((await readManifest(first.folder)).status).toBe('interrupted')
  })

  it('are not written over', async () => {
    await (await openRun(options())).close('failed')
    await expect(openRun(options())).rejects.toThrow(/quick holds a run; use another one, or --resume/)
    await mkdir(join(root, 'mine'))
    await writeFile(join(root, 'mine', 'thesis.txt'), 'x')
    await expect(openRun(options({ folder: join(root, 'mine') }))).rejects.toThrow(/is not empty \(thesis\.txt\)/)
    expect(await readdir(join(root, 'mine'))).toEqual(['thesis.txt'])
    await expect(openRun(options({ folder: join(root, 'mine'), resume: true }))).rejects.toMatchObject({
      code: 'runs.notARun',
    })
    await expect(openRun(options({ folder: join(root, 'no'), resume: true }))).rejects.toMatchObject({ kind: 'input' })
    expect(existsSync(join(root, 'no'))).toBe(false)
    expect(await freshFolder(root, 'quick')).toBe(join(root, 'quick-2'))
    expect(await freshFolder(join(root, 'none'), 'quick')).toBe(join(root, 'none', 'quick'))
  })

  it('resume only with their own settings', async () => {
    await (await openRun(options())).close('interrupted')
    const changed = { ...config, seed: 4, network: { channels: [16] }, device: 'cuda' }
    await expect(openRun(options({ resume: true, config: changed, mayChange: ['device'] }))).rejects.toThrow(
      /these differ: seed \(was 3, now 4\), network\.channels \(was \[16,32\], now \[16\]\);/,
    )
    const run = await openRun(options({ resume: true, config: { ...config, device: 'cuda' }, mayChange: ['device'] }))
    await run.close('done')
    expect(await readRunConfig(run.folder)).toMatchObject({ device: 'cuda' })
  })

  it('count as new where a run was killed before it began', async () => {
    const whole = await openRun(options({ folder: join(root, 'whole') }))
    await whole.close('done')
    for (const [name, content] of [
      ['manifest.json', await readFile(join(whole.folder, 'manifest.json'), 'utf8')],
      // As earlier releases left it: the very settings that are started again.
      ['config.yaml', 'device: cpu\nseed: 3\nnetwork: {channels: [16, 32]}\n'],
    ]) {
      const folder = join(root, name)
      await mkdir(folder)
      await writeFile(join(folder, name), content)
      await writeFile(join(folder, `${name}.77.partial`), content.slice(0, 20))
      await expect(openRun(options({ folder, resume: true }))).rejects.toThrow(/started anew, without --resume/)
      await (await openRun(options({ folder }))).close('done')
      expect((await readdir(folder)).toSorted()).toEqual([
        'config.yaml',
        'events.jsonl',
        'manifest.json',
        'tensorboard',
      ])
      expect(await readRunConfig(folder)).toMatchObject({ seed: 3 })
    }
    // Other settings may be anybody's file.
    await mkdir(join(root, 'theirs'))
    await writeFile(join(root, 'theirs', 'config.yaml'), 'seed: 4\n')
    await expect(openRun(options({ folder: join(root, 'theirs') }))).rejects.toMatchObject({ code: 'runs.exists' })
    expect(await readFile(join(root, 'theirs', 'config.yaml'), 'utf8')).toBe('seed: 4\n')
  })

  it('deleted while they run are not made again', async () => {
    const run = await openRun(options())
    run.emit({ type: 'x', step: 0, value: 1 })
    await rm(run.folder, { recursive: true })
    const gone = {
      code: 'runs.gone',
      message: expect.stringMatching(/quick, or the lock in it, was deleted or moved while it went on/),
    }
    expect(() => run.emit({ type: 'x', step: 1, value: 1 })).toThrow(expect.objectContaining(gone))
    await expect(run.requireHeld()).rejects.toMatchObject(gone)
    await expect(run.checkpoint({ step: 1, state: null, tensors: {} })).rejects.toMatchObject(gone)
    await expect(run.write('samples/a.png', 'x')).rejects.toMatchObject(gone)
    await expect(run.close('done')).rejects.toMatchObject(gone)
    await run.close('failed')
    expect(await readdir(root)).toEqual([])
  })

  it('whose lock somebody else took are written no more', async () => {
    const run = await openRun(options())
    const path = join(run.folder, 'lock')
    await rm(path)
    await writeFile(path, JSON.stringify({ host: 'elsewhere', pid: 1, started: null }))
    const taken = { code: 'runs.gone', message: expect.stringMatching(/another process took \S*lock/) }
    await expect(run.checkpoint({ step: 1, state: null, tensors: {} })).rejects.toMatchObject(taken)
    await run.close('failed')
    expect((await readManifest(run.folder)).status).toBe('running')
    expect(existsSync(path)).toBe(true)
  })

  it('go on without a log, with a copy of it, and say so', async () => {
    const whole = await openRun(options({ folder: join(root, 'whole') }))
    const truth = await job(whole)
    const events = withoutTimes(await readEvents(join(whole.folder, 'events.jsonl')))
    for (const left of [null, '{"type":"train","step":0,"sum":9}\n{"type":']) {
      const folder = join(root, `log${left?.length}`)
      await job(await openRun(options({ folder })), 11)
      await rm(join(folder, 'lock'))
      await rm(join(folder, 'events.jsonl'))
      if (left !== null) await writeFile(join(folder, 'events.jsonl'), left)
      const second = await openRun(options({ folder, resume: true }))
      expect(second.warnings).toEqual([expect.stringMatching(/events\.jsonl had lost \d+ of its events/)])
      expect(await job(second)).toBe(truth)
      expect(withoutTimes(await readEvents(join(folder, 'events.jsonl')))).toEqual(events)
    }
  })

  it('of earlier releases go on', async () => {
    const whole = await openRun(options({ folder: join(root, 'whole') }))
    const truth = await job(whole)
    const events = withoutTimes(await readEvents(join(whole.folder, 'events.jsonl')))
    const first = await openRun(options())
    await job(first, 11)
    await rm(join(first.folder, 'lock'))
    await asBefore(first.folder)
    const second = await openRun(options({ resume: true }))
    expect([second.resumedFrom?.step, second.warnings]).toEqual([9, []])
    expect(await job(second)).toBe(truth)
    expect(withoutTimes(await readEvents(join(first.folder, 'events.jsonl')))).toEqual(events)
    expect(await readManifest(first.folder)).toMatchObject({ format: 2, status: 'done' })
  })

  it('name the file that was damaged: settings, manifest, results', async () => {
    const run = await openRun(options())
    await run.write('model/unet/weights', 'abc')
    await run.write('guidance.json', '{}')
    await run.close('done')
    const { files } = await readManifest(run.folder)
    expect(Object.keys(files ?? {})).toEqual(['guidance.json', 'model/unet/weights'])
    const all = () => true
    await requireIntact(run.folder, all)
    for (const [name, check] of [
      ['config.yaml', () => readRunConfig(run.folder)],
      ['manifest.json', () => readManifest(run.folder)],
      ['model/unet/weights', () => requireIntact(run.folder, all)],
      ['guidance.json', () => requireIntact(run.folder, all)],
    ] as const) {
      const path = join(run.folder, name)
      const bytes = await readFile(path)
      // A three becomes a two: what it says changes, how it is written does not.
      const at = Math.max(0, bytes.indexOf(name === 'manifest.json' ? '1.2.3' : '3'))
      await writeFile(
        path,
        Uint8Array.from(bytes, (byte, i) => (i === at ? byte ^ 1 : byte)),
      )
      const damaged = { code: 'runs.damaged', kind: 'input', message: expect.stringContaining(path) }
      await expect(check(), name).rejects.toMatchObject(damaged)
      await writeFile(path, bytes)
      await check()
    }
    expect(await hashesOfResults(run.folder)).toEqual(files)
  })

  it('that are resumed keep no hashes of what they are about to write over', async () => {
    const run = await openRun(options())
    await run.write('guidance.json', '{}')
    await run.close('done')
    await openRun(options({ resume: true }))
    expect((await readManifest(run.folder)).files).toBeUndefined()
  })

  it.runIf(process.platform === 'linux')('keep the last good checkpoint on a full disk, and close', async () => {
    const run = await openRun(options())
    await run.checkpoint({ step: 1, state: null, tensors: {} })
    await symlink('/dev/full', join(run.folder, `samples.${process.pid}.partial`))
    await expect(run.write('samples', 'x')).rejects.toMatchObject({ code: 'disk.write', kind: 'failed' })
    await symlink('/dev/full', join(run.folder, `manifest.json.${process.pid}.partial`))
    await run.close('failed')
    const again = await openRun(options({ resume: true }))
    expect(again.resumedFrom?.step).toBe(1)
    await again.close('done')
    expect((await readdir(run.folder)).filter((name) => /partial|lock/.test(name))).toEqual([])
  })
})
