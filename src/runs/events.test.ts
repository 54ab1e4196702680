import { appendFile, mkdtemp, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEvents, readEvents, restoreEvents, withoutTimes } from './events.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'events-'))
})
afterAll(() => rm(folder, { recursive: true }))

const clock = (): number => Date.UTC(2024, 4, 6, 7, 8, 9, 10)

describe('events', () => {
  it('writes one line each, time last, numbers exactly, and reads them back', async () => {
    const path = join(folder, 'a.jsonl')
    const log = openEvents(path, [], clock)
    log.append({ type: 'train', step: 1, loss: 0.1 + 0.2 })
    log.append({ type: 'train', step: 2, loss: Number.NaN, fid: { mean: -Number.MAX_VALUE, list: [1e-300, Infinity] } })
    expect(log.count).toBe(2)
    log.close()
    const lines = (await readFile(path, 'utf8')).split('\n')
    expect(lines[0]).toBe('{"type":"train","step":1,"loss":0.30000000000000004,"time":"2024-05-06T07:08:09.010Z"}')
    expect(withoutTimes(await readEvents(path))).toEqual([
      { type: 'train', step: 1, loss: 0.1 + 0.2 },
      { type: 'train', step: 2, loss: 'NaN', fid: { mean: -Number.MAX_VALUE, list: [1e-300, 'Infinity'] } },
    ])
  })

  it('goes on after a crash in the middle of a line', async () => {
    const path = join(folder, 'b.jsonl')
    const first = openEvents(path, [], clock)
    for (let step = 0; step < 5; step++) first.append({ type: 'x', step })
    first.close()
    await appendFile(path, '{"type":"x","st')
    expect(await readEvents(path)).toHaveLength(5)
    const kept = await restoreEvents(path, { events: 3, log: first.linesOf(3) })
    expect([kept.events.map(({ step }) => step), kept.warning]).toEqual([[0, 1, 2], null])
    const second = openEvents(path, kept.lines, clock)
    second.append({ type: 'x', step: 3 })
    second.flush()
    expect(second.count).toBe(4)
    second.close()
    expect(withoutTimes(await readEvents(path)).map(({ step }) => step)).toEqual([0, 1, 2, 3])
  })

  it('says what is wrong with a log', async () => {
    const path = join(folder, 'c.jsonl')
    await writeFile(path, '{"type":"x","step":0}\nnonsense\n')
    await expect(readEvents(path)).rejects.toThrow(/c\.jsonl.*line 2 is not/)
    for (const step of ['1e999', '1e300', '-1', '1.5', '"1"']) {
      const line = `{"type":"x","step":${step},"loss":1,"time":"2024-05-06T07:08:09.010Z"}`
      await writeFile(path, `{"type":"x","step":0}\n${line}\n`)
      await expect(readEvents(path), step).rejects.toThrow(/line 2 is not/)
    }
    await writeFile(
      path,
      `{"type":"x","step":0}\n{"type":"x","step":1,"a":${'['.repeat(99_999)}${']'.repeat(99_999)}}\n`,
    )
    await expect(readEvents(path)).rejects.toThrow(/line 2 is not/)
    expect(await readEvents(join(folder, 'absent'))).toEqual([])
  })

  it('is whole again from the copy of a checkpoint, whatever became of it', async () => {
    const path = join(folder, 'd.jsonl')
    const log = openEvents(path, [], clock)
    for (let step = 0; step < 4; step++) log.append({ type: 'x', step, loss: step / 3 })
    log.close()
    const truth = await readFile(path, 'utf8')
    const damages = [() => rm(path), () => truncate(path, 70), () => writeFile(path, truth.replace('0.33', '0.73'))]
    const words = [/lost 4 of its events/, /lost 3 of its events/, /had been changed/]
    for (const [i, damage] of damages.entries()) {
      await damage()
      const { warning, events } = await restoreEvents(path, { events: 4, log: log.linesOf(4) })
      expect(warning).toMatch(words[i])
      expect(warning).toContain(path)
      expect(events).toHaveLength(4)
      expect(await readFile(path, 'utf8')).toBe(truth)
    }
  })

  it('goes on with what can be read where a checkpoint has no copy', async () => {
    const path = join(folder, 'e.jsonl')
    await writeFile(path, '{"type":"x","step":0}\nnonsense\n{"type":"x","step":2}\n{"type":"x","step":3}\n')
    const { events, warning } = await restoreEvents(path, { events: 3, log: null })
    expect(events.map(({ step }) => step)).toEqual([0, 2])
    expect(warning).toMatch(/e\.jsonl holds 2 of the 3 events/)
    expect(await readEvents(path)).toHaveLength(2)
    expect((await restoreEvents(path, { events: 2, log: null })).warning).toBeNull()
  })

  it.runIf(process.platform === 'linux')('fails the run when the disk is full', async () => {
    const path = join(folder, 'full.jsonl')
    await symlink('/dev/full', path)
    const log = openEvents(path, [], clock)
    expect(() => log.append({ type: 'x', step: 0 })).toThrow(/full\.jsonl could not be written: the disk is full/)
    log.close()
  })
})
