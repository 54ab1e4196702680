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
import type { OpenRunOptions, Run } from './runFolder.ts'
import { freshFolder, openRun, readManifest, readRunConfig } from './runFolder.ts'

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
      format: 1,
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
      boards.add((await readFile(join(folder, 'tensorboard', 'events.out.tfevents.bilevel'))).length)
      expect(await readManifest(folder)).toMatchObject({
        status: 'done',
        resumed: [{ step: 3 * Math.floor(dieAt / 3) }],
      })
    }
    expect([...boards]).toEqual([
      (await readFile(join(whole.folder, 'tensorboard', 'events.out.tfevents.bilevel'))).length,
    ])
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
