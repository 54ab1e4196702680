import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acquireLock, processStart } from './lock.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'))
})
afterEach(() => rm(folder, { recursive: true }))

const holds = (holder: object): Promise<void> => writeFile(join(folder, 'lock'), `${JSON.stringify(holder)}\n`)

describe('lock', () => {
  it('is given to one, and again after release', async () => {
    const lock = await acquireLock(folder)
    await expect(acquireLock(folder)).rejects.toMatchObject({ code: 'runs.inUse', kind: 'input' })
    expect(JSON.parse(await readFile(lock.path, 'utf8'))).toMatchObject({ pid: process.pid, host: hostname() })
    await lock.release()
    await (await acquireLock(folder)).release()
    expect(await readdir(folder)).toEqual([])
  })

  it('is respected while its process lives, and taken over when it is gone', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000); console.log("up")'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await once(child.stdout, 'data')
    const holder = { host: hostname(), pid: child.pid, started: await processStart(child.pid!) }
    await holds(holder)
    await expect(acquireLock(folder)).rejects.toThrow(new RegExp(`process ${child.pid} uses`))
    child.kill('SIGKILL')
    await once(child, 'exit')
    const lock = await acquireLock(folder)
    await lock.release()
  })

  it.runIf(process.platform === 'linux')('is stale when its pid belongs to a later process', async () => {
    await holds({ host: hostname(), pid: process.pid, started: '1' })
    await (await acquireLock(folder)).release()
  })

  it('of another host is never taken over', async () => {
    await holds({ host: 'elsewhere', pid: 1, started: null })
    await expect(acquireLock(folder)).rejects.toThrow(/process 1 on elsewhere uses .* or delete .*lock/)
  })

  it('goes to exactly one of many that find it stale', async () => {
    for (let round = 0; round < 10; round++) {
      await holds({ host: hostname(), pid: process.pid, started: round % 2 ? '1' : '2' })
      const all = await Promise.allSettled(Array.from({ length: 8 }, () => acquireLock(folder)))
      const won = all.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
      expect(won).toHaveLength(1)
      await won[0].release()
    }
    expect(await readdir(folder)).toEqual([])
  })

  it.runIf(process.platform === 'linux')(
    'is taken over from a process that has ended and was never asked how',
    async () => {
      // The shell's child ends while the shell has become a program that asks after nobody.
      const child = 'until grep -q sleep /proc/$PPID/comm; do :; done'
      const parent = spawn('sh', ['-c', `sh -c '${child}' & echo $!; exec sleep 60`], {
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      const [said] = await once(parent.stdout, 'data')
      const pid = Number(said)
      try {
        while (!/\) Z /.test(await readFile(`/proc/${pid}/stat`, 'utf8')))
          await new Promise((wake) => setTimeout(wake, 5))
        await holds({ host: hostname(), pid, started: null })
        await (await acquireLock(folder)).release()
      } finally {
        parent.kill('SIGKILL')
      }
    },
  )

  it('that is a folder is told in one line, at once', async () => {
    await mkdir(join(folder, 'lock'))
    await expect(acquireLock(folder)).rejects.toMatchObject({
      code: 'runs.lock',
      kind: 'input',
      message: expect.stringMatching(/must be a file .* but \S*lock is a folder; move it away$/),
    })
    expect(await readdir(folder)).toEqual(['lock'])
  })

  it('takes away what dead processes left beside it, and nothing of the living', async () => {
    const dead = { host: hostname(), pid: process.pid, started: '1' }
    const alive = { host: hostname(), pid: process.pid, started: await processStart(process.pid) }
    await writeFile(join(folder, 'lock.dead'), `${JSON.stringify(dead)}\n`)
    await writeFile(join(folder, 'lock.takeover'), `${JSON.stringify(dead)}\n`)
    await writeFile(join(folder, 'lock.alive'), `${JSON.stringify(alive)}\n`)
    await writeFile(join(folder, 'lock.young'), '')
    await writeFile(join(folder, 'lock.old'), '')
    await utimes(join(folder, 'lock.old'), 1, 1)
    const lock = await acquireLock(folder)
    expect(await lock.isHeld()).toBe(true)
    expect((await readdir(folder)).toSorted()).toEqual(['lock', 'lock.alive', 'lock.young'])
    await rm(lock.path)
    expect(await lock.isHeld()).toBe(false)
  })

  it('survives a lock that holds nonsense', async () => {
    await writeFile(join(folder, 'lock'), 'half a wri')
    await (await acquireLock(folder)).release()
  })
})
